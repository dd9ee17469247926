"""Operations on the time-ordered sets."""

from __future__ import annotations

from typing import NamedTuple

from outrider.keys import Keys
from outrider.script import BYTES, Call, script

SLICE = 500


class Promoted(NamedTuple):
    """How many jobs were moved, and when the next one is due (ms, or -1 when there is none).

    `leads` is False where another worker moves what is due.
    """

    moved: int
    next_at: int
    leads: bool


@script(decode=lambda answer: Promoted(answer[0], answer[1], bool(answer[2])))
def promote(keys: Keys, *, name: str, identity: str, now: int, limit: int, bytes: int) -> Promoted:
    """Move up to `limit` due jobs of `schedule` or `retry`, or as many as fill `bytes`, to their
    queues.
    """
    raise NotImplementedError


def promote_slice(keys: Keys, *, name: str, identity: str, now: int) -> Call[Promoted]:
    """Move as many as one script may."""
    return promote(keys, name=name, identity=identity, now=now, limit=SLICE, bytes=BYTES)
