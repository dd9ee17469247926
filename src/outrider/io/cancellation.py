"""A cancellation that a library has swallowed is raised all the same."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def cancellable() -> Iterator[None]:
    """Raise CancelledError at the end if the task was cancelled inside, and nobody else did.

    redis-py sends by `asyncio.wait_for`, which before Python 3.12 loses a cancellation that comes
    when the work is just done. A job is interrupted once, so it would go on for ever.
    """
    task = asyncio.current_task()
    before = 0 if task is None else task.cancelling()
    try:
        yield
    finally:
        if task is not None and task.cancelling() > before:
            raise asyncio.CancelledError
