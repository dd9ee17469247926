"""Where everything in this process is just now, for people who ask why it is slow."""

from __future__ import annotations

import asyncio
import sys
import threading
import traceback
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import Any


def stacks(tasks: Iterable[asyncio.Task[Any]]) -> str:
    """The stacks of all threads and of these tasks, the most recent call last."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    parts = []
    for ident, frame in sys._current_frames().items():  # noqa: SLF001  (there is no other)
        parts.append(f"Thread {names.get(ident, ident)}:\n")
        parts += traceback.format_stack(frame)
    for task in tasks:
        parts.append(f"Task {task.get_name()}:\n")
        waiting = traceback.StackSummary.extract((f, f.f_lineno) for f in _frames(task.get_coro()))
        parts += waiting.format()
    return "".join(parts)


def _frames(awaited: Any) -> Iterator[FrameType]:
    # A suspended coroutine is on no thread's stack: each says itself what it waits for.
    while awaited is not None:
        frame = getattr(awaited, "cr_frame", None)
        if frame is not None:
            yield frame
        awaited = getattr(awaited, "cr_await", None)
