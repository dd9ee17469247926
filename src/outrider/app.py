"""The App: where jobs are registered, and the way to everything that is stored."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar, overload

from outrider import callbacks, client
from outrider.batch import INHERIT, Batch, Inherit
from outrider.buffer.settings import Setting
from outrider.callbacks import CallbackClass
from outrider.client import EnqueuedJob
from outrider.errors import ConfigError
from outrider.hub import Flow, Hub
from outrider.inspection.batches import Batches
from outrider.inspection.held import HeldNames
from outrider.inspection.processes import Processes
from outrider.inspection.queues import Queues
from outrider.inspection.server import ServerState
from outrider.inspection.sets import JobSet
from outrider.inspection.stats import Stats
from outrider.inspection.work import Work
from outrider.job import Job
from outrider.metrics.metrics import Metrics
from outrider.operations.operations import Operations
from outrider.operations.trash import Trash
from outrider.options import Backoff, Options, Seconds, check_job_name
from outrider.registry import default_name
from outrider.search.counting import Facets, JobCount, count, facets
from outrider.search.failures import ErrorPage, errors
from outrider.search.filter import Filter
from outrider.search.scan import SearchPage, search
from outrider.watching import Events

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C", bound=type)
DeathHandler = Callable[..., Any]


class App(Hub):
    """An application's jobs and batches.

    `url` is redis://, rediss://, valkey://, unix:// or embedded://, or
    sentinel://[user:password@]host:26379,other:26379/service[/db] (sentinels:// with TLS); without
    it OUTRIDER_URL, then REDIS_URL count. `prefix` is put before every key; "" shares keys with
    Sidekiq. `max_payload` limits a job's JSON, in bytes, and a worker runs nothing that is larger;
    `timeout` is how long, in seconds, a request may take before StoreUnavailable is raised.
    `durability` is what a push waits for before it returns: "replicated" (WAIT: a replica has it),
    "fsync" (WAITAOF: it is on the server's disk; needs Valkey or Redis 7.2, and appendonly),
    "none"; NotDurable is raised when that does not come within two fifths of `timeout`. With a
    `push_buffer` (True, a number of jobs, the path of a journal, or a PushBuffer) what is pushed
    while the server is away is kept and sent when it is back. Making an App does no input or
    output. Raises ConfigError for a wrong setting.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        prefix: str = "",
        max_payload: int = 1 << 20,
        timeout: float = 5.0,
        durability: str = "none",
        push_buffer: Setting = None,
    ) -> None:
        super().__init__(url, prefix, max_payload, timeout, durability, push_buffer)
        self.batches = Batches(self)
        self.queues = Queues(self)
        self.held = HeldNames(self)
        self.scheduled = JobSet(self, "schedule")
        self.retries = JobSet(self, "retry")
        self.dead = JobSet(self, "dead")
        self.processes = Processes(self)
        self.work = Work(self)
        self.stats = Stats(self)
        self.server = ServerState(self)
        self.metrics = Metrics(self)
        self.events: Events = Events(self)
        self.operations = Operations(self)
        self.trash = Trash(self)

    # -- registering ------------------------------------------------------------------------------

    @overload
    def job(self, function: Callable[P, R], /) -> Job[P, R]: ...
    @overload
    def job(
        self,
        *,
        name: str | None = None,
        queue: str | None = None,
        retry: bool | int = True,
        retry_for: Seconds | None = None,
        backoff: Backoff | None = None,
        expires_in: Seconds | None = None,
        timeout: Seconds | None = None,
        tags: Sequence[str] = (),
        log_arguments: bool | Sequence[str] = False,
        durability: str | None = None,
        outbox: bool = False,
    ) -> Callable[[Callable[P, R]], Job[P, R]]: ...
    def job(self, *function: Any, **options: Any) -> Any:
        """Make a function a job, with or without options; see `Options` for what they mean.

        It stays a plain function. Raises ConfigError for wrong options or a name that is taken.
        """
        if function:
            return self._register(*function, **options)
        return lambda function: self._register(function, **options)

    def callbacks(self, code: C) -> C:
        """Mark a class whose methods `on_<event>(self, status, options)` may be called back."""
        name = callbacks.class_name(code)
        self.callback_classes.add(name, CallbackClass(name, code, Options()), code)
        return code

    def on_death(self, function: DeathHandler) -> DeathHandler:
        """Call `function(job, error)` in the worker when a job has died; `job` is a RunningJob."""
        self.death_handlers.append(function)
        return function

    def _register(self, function: Any, *, name: str | None = None, **options: Any) -> Job[..., Any]:
        if not inspect.isroutine(function):
            raise ConfigError(f"@app.job is for functions, not {function!r}")
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise ConfigError(f"{function!r} is a generator, which would not run when it is called")
        known = check_job_name(name or default_name(function))
        job: Job[..., Any] = Job(self, function, known, Options().changed(**options))
        self.registry.add(known, job, function)
        return job

    # -- enqueueing by name -----------------------------------------------------------------------

    def enqueue(
        self,
        job: str,
        args: Sequence[Any] = (),
        kwargs: dict[str, Any] | None = None,
        **options: Any,
    ) -> EnqueuedJob | None:
        """Enqueue a job by name; its code need not be here, so its signature is not checked."""
        return self.perform(self._enqueue(job, args, kwargs, options))

    async def aenqueue(
        self,
        job: str,
        args: Sequence[Any] = (),
        kwargs: dict[str, Any] | None = None,
        **options: Any,
    ) -> EnqueuedJob | None:
        """The same for asyncio."""
        return await self.aperform(self._enqueue(job, args, kwargs, options))

    def _enqueue(
        self, job: str, args: Sequence[Any], kwargs: dict[str, Any] | None, changes: dict[str, Any]
    ) -> Flow[EnqueuedJob | None]:
        known = self.registry.get(check_job_name(job))
        options = (known.options if known else Options()).changed(**changes)
        draft = client.make_draft(job, options, args, kwargs or {}, None)
        return client.enqueue(self, draft, known.signature if known else None)

    # -- searching --------------------------------------------------------------------------------

    def search(
        self,
        wanted: str | Filter,
        limit: int = 50,
        after: str | None = None,
        most: int = 100_000,
    ) -> SearchPage:
        """The first `limit` jobs that a filter means, wherever they are.

        It looks at `most` jobs or a little more; `after` is `next` of the page before. The language
        of filters is that of docs/search.md. Raises FilterError, and CursorError for an `after`
        that is none.
        """
        return self.perform(search(self, wanted, limit, after, most))

    async def asearch(
        self,
        wanted: str | Filter,
        limit: int = 50,
        after: str | None = None,
        most: int = 100_000,
    ) -> SearchPage:
        """The same for asyncio."""
        return await self.aperform(search(self, wanted, limit, after, most))

    def count(
        self, wanted: str | Filter, after: str | None = None, most: int = 100_000
    ) -> JobCount:
        """How many jobs a filter means, among the next `most` that are looked at.

        Of whole places the size is asked for, however many jobs lie there. Raises as `search`.
        """
        return self.perform(count(self, wanted, after, most))

    async def acount(
        self, wanted: str | Filter, after: str | None = None, most: int = 100_000
    ) -> JobCount:
        """The same for asyncio."""
        return await self.aperform(count(self, wanted, after, most))

    def facets(
        self,
        wanted: str | Filter,
        limit: int = 20,
        after: str | None = None,
        most: int = 100_000,
    ) -> Facets:
        """How many they are by state, queue, job name and error class, the most frequent first."""
        return self.perform(facets(self, wanted, limit, after, most))

    async def afacets(
        self,
        wanted: str | Filter,
        limit: int = 20,
        after: str | None = None,
        most: int = 100_000,
    ) -> Facets:
        """The same for asyncio."""
        return await self.aperform(facets(self, wanted, limit, after, most))

    def errors(
        self,
        wanted: str | Filter = "",
        limit: int = 50,
        after: str | None = None,
        most: int = 100_000,
    ) -> ErrorPage:
        """Jobs that fail or are dead, in groups of those that are alike, the largest first."""
        return self.perform(errors(self, wanted, limit, after, most))

    async def aerrors(
        self,
        wanted: str | Filter = "",
        limit: int = 50,
        after: str | None = None,
        most: int = 100_000,
    ) -> ErrorPage:
        """The same for asyncio."""
        return await self.aperform(errors(self, wanted, limit, after, most))

    # -- batches ----------------------------------------------------------------------------------

    def batch(
        self,
        *,
        description: str | None = None,
        callback_queue: str | None = None,
        tags: Sequence[str] = (),
        parent: Inherit | None = INHERIT,
        success_ratio: float | None = None,
        success_count: int | None = None,
        cancel_when_dead: int | None = None,
    ) -> Batch:
        """A new batch. Nothing is written before its first block is committed.

        `parent` None makes a root, also inside a job of another batch. `success_ratio` (0 to 1) or
        `success_count` let it succeed with a part of its jobs, judged when it settles and after
        each repair; `cancel_when_dead` cancels the rest once so many of its jobs are dead.
        """
        return Batch(
            self,
            description=description,
            callback_queue=callback_queue,
            tags=tags,
            parent=parent,
            success_ratio=success_ratio,
            success_count=success_count,
            cancel_when_dead=cancel_when_dead,
        )
