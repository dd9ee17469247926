"""Operations on jobs that are held because their name is paused."""

from __future__ import annotations

from outrider.keys import Keys
from outrider.script import Call, command, script


@script()
def handback(keys: Keys, *, limit: int, bytes: int) -> int:
    """Hand held jobs whose name goes on back to the front of their queues; how many names are left.

    Up to `limit` jobs (250 at most), or those that fill `bytes`.
    """
    raise NotImplementedError


def handback_slice(keys: Keys) -> Call[int]:
    """Hand back as much as one script may."""
    return handback(keys, limit=250, bytes=1 << 18)


def names(keys: Keys) -> Call[list[str]]:
    """Names for which jobs are held, sorted."""
    return command("SMEMBERS", keys("heldnames"), decode=_sorted)


def known(keys: Keys) -> Call[list[str]]:
    """Names that are paused, or for which jobs are held, sorted."""
    return command("SUNION", keys("pausednames"), keys("heldnames"), decode=_sorted)


def _sorted(answer: set[bytes] | list[bytes]) -> list[str]:
    return sorted(name.decode("utf-8", "replace") for name in answer)
