"""Operations on paused job names, and on the jobs that are held for them."""

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


def pause(keys: Keys, name: str) -> Call[None]:
    """Let no worker run jobs of this name."""
    return command("SADD", keys("pausednames"), name, decode=lambda _: None)


def resume(keys: Keys, name: str) -> Call[None]:
    """Let workers run jobs of this name again; what is held goes back within a second."""
    return command("SREM", keys("pausednames"), name, decode=lambda _: None)


def is_paused(keys: Keys, name: str) -> Call[bool]:
    """Whether jobs of this name are paused."""
    return command("SISMEMBER", keys("pausednames"), name, decode=bool)


def names(keys: Keys) -> Call[list[str]]:
    """Names for which jobs are held, sorted."""
    return command("SMEMBERS", keys("heldnames"), decode=_sorted)


def known(keys: Keys) -> Call[list[str]]:
    """Names that are paused, or for which jobs are held, sorted."""
    return command("SUNION", keys("pausednames"), keys("heldnames"), decode=_sorted)


def _sorted(answer: set[bytes] | list[bytes]) -> list[str]:
    return sorted(name.decode("utf-8", "replace") for name in answer)
