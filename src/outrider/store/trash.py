"""Operations on the trash: what was deleted lies there for ten minutes, and may go back."""

from __future__ import annotations

import re
from typing import Any, NamedTuple, cast

from outrider.keys import Keys
from outrider.script import Call, command, script
from outrider.store.operation import Fields
from outrider.store.place import Place

LIFE = 600.0
SLICE = 250
_ENTRY = re.compile(
    rb"(\d{1,17}):(queue|held|schedule|retry|dead):"
    rb"(|-?(?:inf|\d{1,99}(?:\.\d{1,99})?(?:e[+-]\d{1,3})?)):([0-9a-f]*):(\d{1,6}):(.*)",
    re.DOTALL,
)
"""What is there is ours, and looks like this; anything else is passed by."""


class Trashed(NamedTuple):
    """A job in the trash. `at` is when it was deleted, in microseconds, and names it.

    `place` is where it lay, `score` its time there ("" in a line); `operation` deleted it, or "".
    """

    at: int
    place: Place
    score: str
    operation: str
    payload: bytes


class Rummaged(NamedTuple):
    """A page of the trash, and where the next one begins; None at the end."""

    before: str | None
    jobs: list[Trashed]


class Restored(NamedTuple):
    """How many jobs went back, and how many may not; and how the operation stands then."""

    restored: int
    refused: int
    fields: Fields


def _rummaged(answer: list[Any]) -> Rummaged:
    before, *found = answer
    entries = [one for text in found if (one := _ENTRY.match(text))]
    return Rummaged(before.decode() or None, [_trashed(*one.groups()) for one in entries])


def _trashed(
    at: bytes, kind: bytes, score: bytes, operation: bytes, length: bytes, rest: bytes
) -> Trashed:
    name = rest[: int(length)].decode("utf-8", "replace")
    place = Place(cast("Any", kind.decode()), name)
    return Trashed(int(at), place, score.decode(), operation.decode(), rest[int(length) :])


def _restored(answer: list[Any]) -> Restored:
    texts = [word.decode("utf-8", "replace") for word in answer[2]]
    return Restored(answer[0], answer[1], dict(zip(texts[::2], texts[1::2], strict=True)))


@script(decode=_rummaged)
def rummage(keys: Keys, *, before: str, count: int, operation: str) -> Rummaged:
    """A page of the trash, the newest first: what was deleted before that ("+inf": any time).

    With an operation only what that has deleted, without payloads.
    """
    raise NotImplementedError


@script(decode=_restored)
def restore(
    keys: Keys,
    *,
    id: str,
    step: int,
    driver: str,
    entries: list[int],
    fields: list[str | int],
    ends: str,
    now: int,
) -> Restored:
    """Put jobs (SLICE at most) back where they lay, the newest first; as a step of an operation,
    or by hand with `id` "".
    """
    raise NotImplementedError


@script()
def dispose(keys: Keys, *, before: int, limit: int) -> int:
    """Remove up to `limit` jobs that were deleted before then, in ms, for good; how many."""
    raise NotImplementedError


def size(keys: Keys) -> Call[int]:
    """How many jobs lie in the trash."""
    return command("ZCARD", keys("trash"), decode=int)
