"""Operations on what workers show of themselves, ours and Ruby's: who is there, and what runs."""

from __future__ import annotations

from typing import Any, NamedTuple

from outrider.keys import Keys
from outrider.script import script

PAGE = 100
FIELDS = ("info", "concurrency", "busy", "beat", "quiet", "rtt_us", "rss")


class Listed(NamedTuple):
    """A worker that is listed. `says` is None when it is gone.

    It holds `held` jobs, running or not, and shows `shown` that run.
    """

    identity: str
    says: dict[str, bytes] | None
    held: int
    shown: int


class Roll(NamedTuple):
    """A page of those that are listed, and where the next one begins ("0": nowhere)."""

    cursor: str
    listed: list[Listed]


class Boards(NamedTuple):
    """Running jobs as (identity, slot, entry).

    `done` workers are done with; the board of the next is read from `cursor` on.
    """

    done: int
    cursor: str
    entries: list[tuple[str, str, bytes]]


def _roll(answer: list[Any]) -> Roll:
    listed = []
    for identity, says, held, shown in answer[1:]:
        pairs = zip(FIELDS, says, strict=True) if says else ()
        known = {name: value for name, value in pairs if value is not None}
        listed.append(Listed(_text(identity), known or None, held, shown))
    return Roll(answer[0].decode(), listed)


def _boards(answer: list[Any]) -> Boards:
    entries = [(_text(identity), _text(slot), entry) for identity, slot, entry in answer[2:]]
    return Boards(answer[0], answer[1].decode(), entries)


def _text(name: bytes) -> str:
    return name.decode("utf-8", "replace")


@script(decode=_roll)
def roll(keys: Keys, *, only: str, cursor: str, count: int, fields: tuple[str, ...]) -> Roll:
    """A page of the workers that are listed, from "0" on; or `only` this one."""
    raise NotImplementedError


@script(decode=_boards)
def boards(keys: Keys, *, identities: list[str], cursor: str, limit: int, bytes: int) -> Boards:
    """A page of what runs on these workers."""
    raise NotImplementedError


@script()
def prune(keys: Keys, *, identities: list[str]) -> int:
    """Take workers off the list that are gone; how many it were."""
    raise NotImplementedError


@script(laned=True, decode=lambda answer: answer == 1)
def signal(keys: Keys, *, identity: str, name: str) -> bool:
    """Leave TSTP, TERM or TTIN for a worker; False when it is gone."""
    raise NotImplementedError
