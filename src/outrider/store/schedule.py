"""Operations on the time-ordered sets."""

from __future__ import annotations

from typing import NamedTuple

from outrider.keys import Keys
from outrider.script import script


class Promoted(NamedTuple):
    """How many jobs were due, and when the next one is (ms, or -1 when there is none)."""

    moved: int
    next_at: int


@script(decode=lambda answer: Promoted(*answer))
def promote(keys: Keys, *, name: str, now: int, limit: int) -> Promoted:
    """Move up to `limit` due jobs (250 at most) of `schedule` or `retry` to their queues."""
    raise NotImplementedError
