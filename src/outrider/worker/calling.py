"""Calls the code of a job, plain or async, with its arguments and what `current_job()` tells it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import msgspec

from outrider.callbacks import Target
from outrider.context import RunningJob, running
from outrider.errors import Kill
from outrider.events import JobEvent
from outrider.options import Backoff
from outrider.outbox import Outbox
from outrider.payload import Job
from outrider.status import BatchStatus, not_found
from outrider.worker.report import Shown, facts, made

if TYPE_CHECKING:
    from outrider.app import App

Limit = Callable[[int, float], None]
"""Notes by when the job of a slot must have ended, in monotonic seconds, and 0 once it has."""
Run = tuple[msgspec.Raw, float, float]
"""When it was pushed, as its payload says, when it began and when it ended, by `perf_counter`."""
Done = Callable[[Run], None]
"""Notes a run that has ended well."""


class Code(msgspec.Struct):
    """What a job's name stands for in this app. `durable` is how its claim must last first.

    `done` notes its runs.
    """

    function: Callable[..., Any]
    is_async: bool
    convert: Callable[[list[Any], dict[str, Any]], tuple[list[Any], dict[str, Any]]] | None
    backoff: Backoff | None
    target: Target | None
    shown: Shown | None
    durable: set[str]
    outbox: bool
    done: Done

    def arguments(self, current: RunningJob) -> tuple[list[Any], dict[str, Any]]:
        """What the function is called with, as its annotations have it."""
        if self.convert is None:
            return current.args, current.kwargs
        return self.convert(current.args, current.kwargs)


class Prepared(msgspec.Struct, gc=False):
    """A job that was read, with its code, and when it began.

    One that is `condemned` fails with this instead of being called. `slot` is where it runs. The
    worker has cancelled its task when it is `interrupted`, with its batch, or `cut_off`, at a stop.
    """

    job: Job
    payload: bytes
    token: int
    code: Code
    condemned: Exception | None
    slot: int = 0
    started: float = 0.0
    interrupted: bool = False
    cut_off: bool = False

    def elapsed(self) -> float:
        """Seconds since it began."""
        return time.perf_counter() - self.started

    def event(self, name: str, now: int) -> JobEvent:
        """What happens to it; `now` in ms."""
        elapsed = time.perf_counter() - self.started
        return made(name, self.job, self.token, now, elapsed, self.code.shown)

    def facts(self, now: int) -> dict[str, Any]:
        """What a log line carries of it."""
        return facts(self.event("job.started", now))


class Caller:
    """Calls the jobs of one app. `owner` is identity:child, under which they are claimed."""

    def __init__(self, app: App, owner: str, limit: Limit) -> None:
        self._app = app
        self._owner = owner
        self._limit = limit

    def call(self, prepared: Prepared) -> Outbox | None:
        """Call a plain job, in the present context; its outbox if there is anything in it."""
        current, code = self._begin(prepared), prepared.code
        try:
            args, kwargs = code.arguments(current)
            if code.target is not None:
                status = self._app.batches.get(current.callback_of or "")
                args = self._callback_args(code.target, current, status, args)
            layers = self._app.middleware.around(current) if self._app.middleware.surrounds else ()
            if not layers:
                code.function(*args, **kwargs)
                return _filled(current)
            with ExitStack() as stack:
                for layer in layers:
                    stack.enter_context(layer)
                code.function(*args, **kwargs)
            return _filled(current)
        finally:
            self._end(prepared, current)

    async def acall(self, prepared: Prepared) -> Outbox | None:
        """The same for an async job."""
        current, code = self._begin(prepared), prepared.code
        try:
            args, kwargs = code.arguments(current)
            if code.target is not None:
                status = await self._app.batches.aget(current.callback_of or "")
                args = self._callback_args(code.target, current, status, args)
            with ExitStack() as stack:
                for layer in self._app.middleware.around(current):
                    stack.enter_context(layer)
                await code.function(*args, **kwargs)
            return _filled(current)
        finally:
            self._end(prepared, current)
            running.set(None)

    def _begin(self, prepared: Prepared) -> RunningJob:
        if prepared.condemned is not None:
            raise prepared.condemned
        job, deadline = prepared.job, None
        if job.timeout:
            deadline = time.monotonic() + job.timeout
            self._limit(prepared.slot, deadline)
        current = RunningJob(self._app, job, prepared.token, self._owner, deadline)
        if prepared.code.outbox:
            current.outbox = Outbox(job.jid)
        running.set(current)
        return current

    def _end(self, prepared: Prepared, current: RunningJob) -> None:
        if current.outbox is not None:
            current.outbox.seal()
        # What follows, such as telling of a death, is not on the job's time.
        if prepared.job.timeout:
            self._limit(prepared.slot, 0.0)

    @staticmethod
    def _callback_args(
        target: Target, current: RunningJob, status: BatchStatus | None, args: list[Any]
    ) -> list[Any]:
        if status is None:  # and never will be again: no retry helps
            raise Kill(str(not_found(current.callback_of or "")))
        current.callback_parent = status.parent_bid if status.picture.has_parent else None
        # A method gets a new object of its class for each call, as in Sidekiq.
        return [status, *args] if target.owner is None else [target.owner(), status, *args]


def _filled(current: RunningJob) -> Outbox | None:
    """The outbox of a job that is about to end well, if there is anything in it."""
    outbox: Outbox | None = current.outbox
    return outbox if outbox is not None and outbox.finish() else None
