"""How an operation stands, as it was read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast, get_args

from outrider.clock import utc
from outrider.store.operation import Fields

Verb = Literal["delete", "retry", "kill", "undo"]
State = Literal["running", "done", "cancelled", "failed"]
VERBS: tuple[Verb, ...] = get_args(Verb)
_NUMBER = re.compile("[0-9]{1,14}")
_NEEDED = ("step", "as_of", "started_at")
_COUNTED = ("scanned", "matched", "done", "refused", "expect", "ended_at")


@dataclass(frozen=True, slots=True)
class Reading:
    """An operation at one moment.

    `scanned` counts jobs looked at, `matched` those that the filter meant, `done` those that it was
    done to, and `refused` those that can't be brought where they should (a dead job of a cancelled
    batch, what is no job); who matched and is neither was taken by somebody else meanwhile.
    `as_of` is the time from which on jobs are left alone; `undoes` is the operation that this one
    undoes. `error` says why it failed.
    """

    id: str
    verb: Verb
    filter: str
    state: State
    scanned: int
    matched: int
    done: int
    refused: int
    expect: int | None
    as_of: datetime
    started_at: datetime
    ended_at: datetime | None
    by: str
    error: str
    undoes: str | None


def is_sound(fields: Fields) -> bool:
    """Whether a record is as we write it; what is not is no operation: who knows what it was."""
    numbers = [fields.get(name, "") for name in _NEEDED]
    numbers += [value for name in _COUNTED if (value := fields.get(name))]
    return (
        {"id", "filter"} <= fields.keys()
        and fields.get("verb") in VERBS
        and fields.get("state") in get_args(State)
        and all(map(_NUMBER.fullmatch, numbers))
    )


def reading(fields: Fields) -> Reading:
    """Read the fields of a record that is sound."""

    def number(name: str) -> int:
        return int(fields.get(name) or 0)

    ended_at = number("ended_at")
    return Reading(
        id=fields["id"],
        verb=cast("Verb", fields["verb"]),
        filter=fields["filter"],
        state=cast("State", fields["state"]),
        scanned=number("scanned"),
        matched=number("matched"),
        done=number("done"),
        refused=number("refused"),
        expect=int(fields["expect"]) if fields.get("expect") else None,
        as_of=utc(number("as_of") / 1000),
        started_at=utc(number("started_at") / 1000),
        ended_at=utc(ended_at / 1000) if ended_at else None,
        by=fields.get("by", ""),
        error=fields.get("error", ""),
        undoes=fields.get("undoes") or None,
    )
