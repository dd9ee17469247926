"""How long a failed job waits for its next attempt."""

from __future__ import annotations

import inspect
from collections.abc import Callable

from outrider.chance import chance

LONGEST = 10 * 366 * 86_400.0


def default_delay(n: int) -> float:
    """Sidekiq 8's formula, in seconds: n to the fourth, 15, and jitter; n counts from 0.

    Ten years at most: others may have written any n into a payload.
    """
    return min(n**4 + 15.0 + chance.randrange(10 * (n + 1)), LONGEST)


def delay(n: int, error: BaseException, backoff: Callable[..., float] | None) -> float:
    """Seconds until attempt `n + 1`; `backoff` is f(n, error) or f(n), None for the default.

    A backoff that fails or answers nonsense must not lose the job: the default is used.
    """
    if backoff is None:
        return default_delay(n)
    try:
        seconds = float(backoff(n, error) if _takes_two(backoff) else backoff(n))
    except BaseException:  # as with the job itself: no SystemExit may end the thread
        return default_delay(n)
    return seconds if 0 <= seconds <= LONGEST else default_delay(n)


def _takes_two(function: Callable[..., float]) -> bool:
    try:
        inspect.signature(function).bind(0, None)
    except TypeError:
        return False
    return True
