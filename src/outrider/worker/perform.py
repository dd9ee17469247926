"""Runs one job, plain or async, and says what came of it.

`prepare` reads a claimed payload and finds its code; `run` and `arun` call it in a context of its
own and return an outcome: the token itself for success, else an `Other`.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections.abc import Callable
from contextlib import ExitStack
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

import msgspec

from outrider import clock
from outrider.callbacks import Target
from outrider.context import RunningJob, running
from outrider.errors import ConfigError, Kill, Steer, UnknownJob, UnreadablePayload
from outrider.options import Backoff
from outrider.payload import Job, decode
from outrider.status import BatchStatus, not_found
from outrider.store.queue import Other
from outrider.worker.outcome import decide

if TYPE_CHECKING:
    from outrider.app import App

Outcome = int | Other
log = logging.getLogger("outrider.job")


class Code(msgspec.Struct):
    """What a job's name stands for in this app."""

    function: Callable[..., Any]
    is_async: bool
    convert: Callable[[list[Any], dict[str, Any]], tuple[list[Any], dict[str, Any]]] | None
    backoff: Backoff | None
    target: Target | None


class Prepared(msgspec.Struct, gc=False):
    """A job that was read, with its code."""

    job: Job
    payload: bytes
    token: int
    code: Code


class Performer:
    """Runs the jobs of one app. `owner` is identity:child, under which they are claimed."""

    def __init__(self, app: App, owner: str) -> None:
        self.app = app
        self._owner = owner
        self._codes: dict[str, Code] = {}
        self._targets: dict[str, Code] = {}
        self._base = copy_context()

    def prepare(self, payload: bytes, token: int) -> Prepared | Other:
        """Read a payload; an outcome at once when it can't be run."""
        try:
            job = decode(payload)
        except UnreadablePayload as error:
            log.error("unreadable payload goes to the dead set: %s", error)
            return Other("dead", token)
        try:
            code = (self._codes if job.cb is None else self._targets)[job.name]
        except KeyError:
            try:
                found = self._find(job)
            except ConfigError as error:  # a callback class without this method
                return self._failed(job, payload, token, error, None, 0.0)
            if found is None:
                unknown = UnknownJob(
                    f"this worker's app has no job {job.name!r}: is the module that defines it "
                    "imported, and is the worker as new as the code that enqueued it?"
                )
                return self._failed(job, payload, token, unknown, None, 0.0)
            code = (self._codes if job.cb is None else self._targets)[job.name] = found
        return Prepared(job, payload, token, code)

    def run(self, prepared: Prepared) -> Outcome:
        """Run a plain job here."""
        job, token, code = prepared.job, prepared.token, prepared.code
        started = time.perf_counter()
        try:
            self._base.copy().run(self._call, prepared)
        except BaseException as error:
            elapsed = time.perf_counter() - started
            return self._failed(job, prepared.payload, token, error, code.backoff, elapsed)
        if log.isEnabledFor(logging.INFO):
            log.info("done", extra=facts(job, time.perf_counter() - started))
        return token

    async def arun(self, prepared: Prepared) -> Outcome:
        """Run an async job here. A cancellation from outside passes through."""
        job, token, code = prepared.job, prepared.token, prepared.code
        started = time.perf_counter()
        task = asyncio.current_task()
        try:
            async with asyncio.timeout(job.timeout):
                await self._acall(prepared)
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
                raise
            elapsed = time.perf_counter() - started
            return self._failed(job, prepared.payload, token, error, code.backoff, elapsed)
        if log.isEnabledFor(logging.INFO):
            log.info("done", extra=facts(job, time.perf_counter() - started))
        return token

    # -- calling ----------------------------------------------------------------------------------

    def _call(self, prepared: Prepared) -> None:
        job, code = prepared.job, prepared.code
        current = RunningJob(self.app, job, prepared.token, self._owner)
        running.set(current)
        args, kwargs = job.args, job.kwargs or {}
        if code.convert is not None:
            args, kwargs = code.convert(args, kwargs)
        if code.target is not None:
            status = self.app.batches.get(current.callback_of or "")
            args = self._callback_args(code.target, current, status, args)
        layers = self.app.middleware.around(current) if self.app.middleware.surrounds else ()
        if not layers:
            code.function(*args, **kwargs)
            return
        with ExitStack() as stack:
            for layer in layers:
                stack.enter_context(layer)
            code.function(*args, **kwargs)

    async def _acall(self, prepared: Prepared) -> None:
        job, code = prepared.job, prepared.code
        current = RunningJob(self.app, job, prepared.token, self._owner)
        running.set(current)
        args, kwargs = job.args, job.kwargs or {}
        if code.convert is not None:
            args, kwargs = code.convert(args, kwargs)
        if code.target is not None:
            status = await self.app.batches.aget(current.callback_of or "")
            args = self._callback_args(code.target, current, status, args)
        with ExitStack() as stack:
            for layer in self.app.middleware.around(current):
                stack.enter_context(layer)
            await code.function(*args, **kwargs)

    @staticmethod
    def _callback_args(
        target: Target, current: RunningJob, status: BatchStatus | None, args: list[Any]
    ) -> list[Any]:
        if status is None:
            # It is known no more for ever: another attempt would not find it either.
            raise Kill(str(not_found(current.callback_of or "")))
        current.callback_parent = status.parent_bid if status.picture.has_parent else None
        # A method gets a new object of its class for each call, as in Sidekiq.
        return [status, *args] if target.owner is None else [target.owner(), status, *args]

    def _find(self, job: Job) -> Code | None:
        if job.cb is not None:
            target = self.app.find_target(job.name)
            if target is None:
                return None
            signature, function, options = target.signature, target.function, target.options
        else:
            known = self.app.registry.get(job.name)
            if known is None:
                return None
            target, signature, function = None, known.signature, known.function
            options = known.options
        convert = None if signature is None or signature.plain else signature.convert
        is_async = inspect.iscoroutinefunction(function)
        return Code(function, is_async, convert, options.backoff, target)

    # -- failing ----------------------------------------------------------------------------------

    def _failed(
        self,
        job: Job,
        payload: bytes,
        token: int,
        error: BaseException,
        backoff: Backoff | None,
        elapsed: float,
    ) -> Other:
        outcome = decide(job, payload, token, error, backoff, clock.now_ms())
        _report(job, outcome, error, elapsed)
        if outcome.kind in ("dead", "gone"):
            for handler in self.app.death_handlers:
                try:
                    handler(RunningJob(self.app, job, token, self._owner), error)
                except Exception:
                    log.exception("on_death handler failed", extra=facts(job, elapsed))
        return outcome


def facts(job: Job, elapsed: float) -> dict[str, Any]:
    """What every log line about a job carries; never its arguments."""
    return {
        "jid": job.jid,
        "job": job.name,
        "queue": job.queue,
        "bid": job.bid,
        "elapsed": round(elapsed, 6),
    }


_WORDS = {
    "retry": "failed, will be retried",
    "dead": "failed for good, dead",
    "gone": "failed for good, not kept",
    "discard": "discarded",
    "snooze": "snoozed",
    "cancel": "cancelled with its batch",
}


def _report(job: Job, outcome: Other, error: BaseException, elapsed: float) -> None:
    extra = facts(job, elapsed)
    if outcome.kind in ("snooze", "discard", "cancel"):
        log.info("%s: %s", _WORDS[outcome.kind], error, extra=extra)
        return
    extra["error"] = f"{type(error).__name__}: {error}"
    trace = None if isinstance(error, Steer | UnknownJob) else error
    log.warning(_WORDS[outcome.kind], extra=extra, exc_info=trace)
