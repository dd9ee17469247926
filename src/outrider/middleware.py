"""The onions around enqueueing and around running.

Enqueue middleware is `f(draft, push)`: it may change the draft, and calls `push(draft)` to go on or
returns None to veto. It does no input or output of ours: the job leaves when the chain is through.
Run middleware is a generator function `f(job)` that yields once: before the yield is before the
job, errors of the job are raised at the yield. One form serves plain and async jobs.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from outrider.context import RunningJob
from outrider.payload import Draft

Push = Callable[[Draft], Draft | None]
EnqueueMiddleware = Callable[[Draft, Push], Draft | None]
RunMiddleware = Callable[[RunningJob], Generator[None, None, None]]


class Middleware:
    """The middleware of one app, the outermost first."""

    def __init__(self) -> None:
        self._enqueue: list[EnqueueMiddleware] = []
        self._run: list[Callable[[RunningJob], AbstractContextManager[None]]] = []

    def enqueue(self, function: EnqueueMiddleware) -> EnqueueMiddleware:
        """Register middleware around enqueueing; usable as a decorator."""
        self._enqueue.append(function)
        return function

    def run(self, function: RunMiddleware) -> RunMiddleware:
        """Register middleware around running; usable as a decorator."""
        self._run.append(contextmanager(function))
        return function

    @property
    def surrounds(self) -> bool:
        """Whether there is any run middleware."""
        return bool(self._run)

    def through(self, draft: Draft, innermost: Push) -> Draft | None:
        """Send a draft through the chain; None when it was vetoed."""
        push = innermost
        for layer in reversed(self._enqueue):
            push = _bound(layer, push)
        return push(draft)

    def around(self, job: RunningJob) -> list[AbstractContextManager[None]]:
        """The context managers to run this job in, the outermost first."""
        return [layer(job) for layer in self._run]


def _bound(layer: EnqueueMiddleware, push: Push) -> Push:
    def call(draft: Draft) -> Any:
        return layer(draft, push)

    return call
