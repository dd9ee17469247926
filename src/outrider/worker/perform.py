"""Runs one job, plain or async, and says what came of it.

`prepare` reads a claimed payload and finds its code; `run` and `arun` call it in a context of its
own and return an outcome: the token itself for success, else an `Other`.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from contextvars import Context, copy_context
from functools import partial
from typing import TYPE_CHECKING

from outrider import clock
from outrider.context import RunningJob
from outrider.errors import (
    ConfigError,
    Discard,
    Snooze,
    StoreError,
    StoreFull,
    StoreUnavailable,
    UnknownJob,
    UnreadablePayload,
)
from outrider.hub import Flow
from outrider.outbox import Claim, Outbox
from outrider.payload import Job, decode
from outrider.script import Call
from outrider.store.batch import is_cancelled
from outrider.store.queue import Other
from outrider.worker.blame import verdict
from outrider.worker.calling import Caller, Code, Done, Limit, Prepared
from outrider.worker.fence import fence
from outrider.worker.outcome import decide
from outrider.worker.parking import Outcome, Sent, Unsent
from outrider.worker.report import attach, end_of, facts, made, of_unreadable, report_late

if TYPE_CHECKING:
    from outrider.app import App

log = logging.getLogger("outrider.job")
REFUSED = 60.0


class Performer:
    """Runs the jobs of one app. `owner` is identity:child, under which they are claimed.

    `now` is the server's time in ms: the clocks of hosts differ. `limit` notes deadlines; `done`
    says who notes the runs of a job's name that have ended well.
    """

    def __init__(
        self,
        app: App,
        owner: str,
        now: Callable[[], int] = clock.now_ms,
        limit: Limit = lambda _slot, _deadline: None,
        done: Callable[[str], Done] = lambda _name: lambda _run: None,
    ) -> None:
        self.app = app
        self._done = done
        self._owner = owner
        self._now = now
        self._caller = Caller(app, owner, limit)
        self._codes: dict[str, Code] = {}
        self._targets: dict[str, Code] = {}
        self._base = copy_context()
        attach(app.events)
        self._listeners = app.events.of
        self._refused: dict[str | None, float] = {}  # the oldest first

    def refuse(self, bids: Iterable[str]) -> None:
        """Give members of these batches back instead of running them, for a while."""
        # What was claimed before its batch was cancelled begins within this time, or never.
        now = time.monotonic()
        self._refused.update(dict.fromkeys(bids, now))
        while self._refused and self._refused[oldest := next(iter(self._refused))] <= now - REFUSED:
            del self._refused[oldest]

    def context(self) -> Context:
        """A context for one job: what it sets there is its own."""
        return self._base.copy()

    def prepare(self, payload: bytes, token: int) -> Prepared | Other:
        """Read a payload; an outcome at once when it can't be run."""
        try:
            job = decode(payload, self.app.max_payload)
        except UnreadablePayload as error:
            self.app.events.tell(of_unreadable(token, self._now(), error))
            return Other("dead", token)
        try:
            code = (self._codes if job.cb is None else self._targets)[job.name]
        except KeyError:
            try:
                found = self._find(job)
            except ConfigError as error:  # a callback class without this method
                return self._failed(job, payload, token, error)
            if found is None:
                unknown = UnknownJob(
                    f"this worker's app has no job {job.name!r}: is the module that defines it "
                    "imported, and is the worker as new as the code that enqueued it?"
                )
                return self._failed(job, payload, token, unknown)
            code = (self._codes if job.cb is None else self._targets)[job.name] = found
        # Hardly ever any: to ask for the time would cost every job.
        is_marked = job.blamed or job.timed_out is not None
        condemned = verdict(job, self._now()) if is_marked else None
        return Prepared(job, payload, token, code, condemned)

    def run(self, prepared: Prepared) -> Outcome:
        """Run a plain job here."""
        job = prepared.job
        if job.bid in self._refused:
            return Other("release", prepared.token)
        prepared.started = time.perf_counter()
        if prepared.code.durable and (held := self.app.perform(self._fence(prepared))):
            return held
        if self._listeners["job.started"]:
            self._tell_start(prepared)
        try:
            outbox = self.context().run(self._caller.call, prepared)
            if outbox is not None:
                return self.app.perform(self._deliver(prepared, outbox))
        except BaseException as error:
            return self._failure(prepared, error)
        self._tell_success(prepared)
        return prepared.token

    async def arun(self, prepared: Prepared) -> Outcome:
        """Run an async job here. A cancellation by the worker passes through."""
        job = prepared.job
        if job.bid in self._refused:
            return Other("release", prepared.token)
        prepared.started = time.perf_counter()
        if prepared.code.durable and (held := await self.app.aperform(self._fence(prepared))):
            return held
        if self._listeners["job.started"]:
            self._tell_start(prepared)
        limit = asyncio.timeout(job.timeout or None)
        try:
            async with limit:
                outbox = await self._caller.acall(prepared)
            if outbox is not None:
                return await self.app.aperform(self._deliver(prepared, outbox))
        except BaseException as error:
            if isinstance(error, TimeoutError) and limit.expired() and not error.args:
                error.args = (f"it ran for longer than its timeout of {job.timeout:g} s",)
            is_ours = prepared.interrupted or prepared.cut_off
            if isinstance(error, asyncio.CancelledError) and is_ours:
                raise
            elapsed, cancelled = prepared.elapsed(), False
            if call := self._question(job, error):
                with suppress(StoreError):
                    cancelled = await self.app.aperform(call)
            return self._raised(prepared, error, elapsed, cancelled=cancelled)
        self._tell_success(prepared)
        return prepared.token

    def _deliver(
        self, prepared: Prepared, outbox: Outbox, *, doubt: bool = False
    ) -> Flow[Sent | Unsent]:
        """Push what a job that has ended well has enqueued, with its success.

        `doubt` says that an earlier attempt may have done so, unheard. What is wrong with the
        outbox itself is raised, and is a failure of the job.
        """
        claim = Claim(self._owner, prepared.token)
        try:
            stood = yield from outbox.deliver(self.app, claim, self._now())
        except (StoreFull, StoreUnavailable) as error:
            doubt = doubt or getattr(error, "executed", False) is None
            again = partial(self._again, prepared, outbox, doubt=doubt)
            return Unsent(prepared.token, error, again)
        if stood or doubt:
            self._tell_success(prepared)
        else:
            report_late([prepared.token])
            self._tell("job.released", prepared)
        return Sent(prepared.token)

    def _again(self, prepared: Prepared, outbox: Outbox, *, doubt: bool) -> Outcome:
        try:
            return self.app.perform(self._deliver(prepared, outbox, doubt=doubt))
        except BaseException as error:
            return self._failure(prepared, error)

    def _failure(self, prepared: Prepared, error: BaseException) -> Other:
        """The outcome of a run that ended with an error, for threads."""
        elapsed, cancelled = prepared.elapsed(), False
        if call := self._question(prepared.job, error):
            with suppress(StoreError):
                cancelled = self.app.perform(call)
        return self._raised(prepared, error, elapsed, cancelled=cancelled)

    def _raised(
        self, prepared: Prepared, error: BaseException, elapsed: float, *, cancelled: bool
    ) -> Other:
        """The outcome of a run that ended with an error."""
        if error is prepared.condemned:
            error.__traceback__ = None  # nothing was called: it would show our own lines
        return self._failed(
            prepared.job,
            prepared.payload,
            prepared.token,
            error,
            prepared.code,
            elapsed,
            cancelled=cancelled,
        )

    def _fence(self, prepared: Prepared) -> Flow[Other | None]:
        return fence(self.app, self._owner, prepared, self._now())

    def interrupted(self, prepared: Prepared) -> Other:
        """The outcome of an async job that was cancelled because its batch is."""
        self._tell("job.cancelled", prepared)
        return Other("cancel", prepared.token)

    def released(self, prepared: Prepared) -> None:
        """Tell of a job that is given back while it runs."""
        self._tell("job.released", prepared)

    # -- finding ----------------------------------------------------------------------------------

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
        shown = None
        if signature is not None and options.log_arguments:
            shown = partial(signature.shown, which=options.log_arguments)
        durable = set() if target is None else {options.durability or self.app.durability}
        durable -= {"none"}
        shape = (function, is_async, convert, options.backoff, target, shown)
        return Code(*shape, durable, options.outbox, self._done(job.name))

    # -- failing ----------------------------------------------------------------------------------

    def _question(self, job: Job, error: BaseException) -> Call[bool] | None:
        """What to ask before a failure is told: in a cancelled batch nobody dies of one."""
        if job.bid is None or isinstance(error, Snooze | Discard):
            return None
        return is_cancelled(self.app.keys, job.bid)

    def _failed(
        self,
        job: Job,
        payload: bytes,
        token: int,
        error: BaseException,
        code: Code | None = None,
        elapsed: float = 0.0,
        *,
        cancelled: bool = False,
    ) -> Other:
        backoff, shown = (None, None) if code is None else (code.backoff, code.shown)
        now = self._now()
        outcome = decide(job, payload, token, error, backoff, now)
        name = end_of(outcome, cancelled=cancelled)
        due = outcome.at / 1000 if name in ("job.failed", "job.snoozed") else None
        kept = outcome.kind == "dead" and not cancelled
        event = made(name, job, token, now, elapsed, shown, error, due, kept)
        self.app.events.tell(event)
        if outcome.kind in ("dead", "gone") and not cancelled:
            for handler in self.app.death_handlers:
                try:
                    handler(RunningJob(self.app, job, token, self._owner), error)
                except BaseException:  # a SystemExit would end the thread, or the loop of all
                    log.exception("on_death handler failed", extra=facts(event))
        return outcome

    def _tell_start(self, prepared: Prepared) -> None:
        if prepared.condemned is None:
            self._tell("job.started", prepared)

    def _tell_success(self, prepared: Prepared) -> None:
        run = prepared.job.enqueued_at, prepared.started, time.perf_counter()
        prepared.code.done(run)
        if self._listeners["job.succeeded"]:  # an event that nobody wants is not made
            self._tell("job.succeeded", prepared)

    def _tell(self, name: str, prepared: Prepared) -> None:
        self.app.events.tell(prepared.event(name, self._now()))
