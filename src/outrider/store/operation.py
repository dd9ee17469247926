"""Operations on operations: what is done to all jobs that match a filter, a step a script."""

from __future__ import annotations

from typing import NamedTuple

from outrider.keys import Keys
from outrider.script import Call, command, script

Fields = dict[str, str]
STEP = 250
"""How many jobs a step may act on; fewer where they are of many batches, as STEP_BATCHES says."""
STEP_BATCHES = 100
"""Of how many batches they may be: each may come to its end then, with callbacks."""


class Aim(NamedTuple):
    """A job that a step acts on, and where it was seen in a line.

    `length` is that of its payload, `changed` that of what it becomes on its queue (0: it can't),
    in bytes. `note` is what is noted of a member that dies.
    """

    length: int
    changed: int
    at: int
    note: str


class Recent(NamedTuple):
    """A page of operations, and the id that the next one begins after; None at the end."""

    after: str | None
    operations: list[Fields]


def _fields(answer: list[bytes]) -> Fields:
    texts = [word.decode("utf-8", "replace") for word in answer]
    return dict(zip(texts[::2], texts[1::2], strict=True))


@script(decode=_fields)
def begin(keys: Keys, *, id: str, fields: list[str | int], now: int) -> Fields:
    """Begin an operation, unless there is one of this id; its fields."""
    raise NotImplementedError


@script(decode=_fields)
def operate(
    keys: Keys,
    *,
    id: str,
    step: int,
    driver: str,
    act: str,
    place: str,
    name: str,
    aims: list[Aim],
    payloads: bytes,
    fields: list[str | int],
    ends: str,
    now: int,
) -> Fields:
    """Do this step of an operation, unless it is done already; the fields of the operation.

    `act` is where the jobs (STEP at most) go: "trash", "dead" or "queue". `payloads` are joined,
    each followed by what it becomes. `fields` are set, and with `ends` the operation ends so.
    """
    raise NotImplementedError


@script(decode=_fields)
def halt(keys: Keys, *, id: str, now: int) -> Fields:
    """Cancel an operation that is running; its fields."""
    raise NotImplementedError


def read(keys: Keys, id: str) -> Call[Fields]:
    """The fields of an operation; none when it is unknown."""
    return command("HGETALL", keys("operation", id), decode=_fields)


@script(decode=lambda answer: Recent(answer[0].decode() or None, [*map(_fields, answer[1:])]))
def recent(keys: Keys, *, after: str, count: int) -> Recent:
    """A page of operations, the newest first, that were begun before this one ("": any)."""
    raise NotImplementedError
