"""A function that is also a job: what `@app.job` makes of it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Generic, ParamSpec, TypeVar

from outrider import client
from outrider.arguments import Signature
from outrider.client import EnqueuedJob
from outrider.hub import Flow, Hub
from outrider.options import Options, Seconds

P = ParamSpec("P")
R = TypeVar("R")


class Job(Generic[P, R]):
    """A registered function. Calling it runs it here and now; `enqueue` hands it to a worker.

    Every `enqueue…` has a twin `aenqueue…` for asyncio. They raise TypeError for a call that does
    not fit the function, NotSerializable for arguments that JSON can't carry, PayloadTooLarge,
    and StoreUnavailable when the server is away; then nothing was enqueued. They return None when
    enqueue middleware vetoed the job.
    """

    def __init__(self, hub: Hub, function: Callable[P, R], name: str, options: Options) -> None:
        functools.update_wrapper(self, function)
        self.hub = hub
        self.function = function
        self.name = name
        self.options = options
        self.is_async = inspect.iscoroutinefunction(function)
        self.signature = Signature(function, name=name)

    @functools.cached_property
    def callback_signature(self) -> Signature:
        """How it is called as a callback: the status comes first, from the worker."""
        return Signature(self.function, skip_first=True, name=self.name)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<job {self.name}>"

    def using(self, **options: Any) -> Call[P]:
        """The same job with other options for one call: `resize.using(queue="bulk").enqueue(42)`.

        Raises ConfigError for a wrong option.
        """
        return Call(self, self.options.changed(**options))

    def enqueue(self, *args: P.args, **kwargs: P.kwargs) -> EnqueuedJob | None:
        """Hand the job to a worker, to run as soon as possible."""
        return Call[P](self, self.options).enqueue(*args, **kwargs)

    async def aenqueue(self, *args: P.args, **kwargs: P.kwargs) -> EnqueuedJob | None:
        """Hand the job to a worker, to run as soon as possible."""
        return await Call[P](self, self.options).aenqueue(*args, **kwargs)

    def enqueue_in(
        self, delay: Seconds, /, *args: P.args, **kwargs: P.kwargs
    ) -> EnqueuedJob | None:
        """Run it `delay` (seconds or timedelta) from now."""
        return Call[P](self, self.options).enqueue_in(delay, *args, **kwargs)

    async def aenqueue_in(
        self, delay: Seconds, /, *args: P.args, **kwargs: P.kwargs
    ) -> EnqueuedJob | None:
        """Run it `delay` (seconds or timedelta) from now."""
        return await Call[P](self, self.options).aenqueue_in(delay, *args, **kwargs)

    def enqueue_at(
        self, when: datetime, /, *args: P.args, **kwargs: P.kwargs
    ) -> EnqueuedJob | None:
        """Run it at `when`, an aware datetime."""
        return Call[P](self, self.options).enqueue_at(when, *args, **kwargs)

    async def aenqueue_at(
        self, when: datetime, /, *args: P.args, **kwargs: P.kwargs
    ) -> EnqueuedJob | None:
        """Run it at `when`, an aware datetime."""
        return await Call[P](self, self.options).aenqueue_at(when, *args, **kwargs)

    def enqueue_many(self, calls: Iterable[Sequence[Any]]) -> list[str | None]:
        """Enqueue one job per tuple of positional arguments; the jids, None for a vetoed one."""
        return Call[P](self, self.options).enqueue_many(calls)

    async def aenqueue_many(self, calls: Iterable[Sequence[Any]]) -> list[str | None]:
        """Enqueue one job per tuple of positional arguments; the jids, None for a vetoed one."""
        return await Call[P](self, self.options).aenqueue_many(calls)


class Call(Generic[P]):
    """A job with the options of one call."""

    def __init__(self, job: Job[P, Any], options: Options) -> None:
        self._job = job
        self._options = options

    def enqueue(self, *args: P.args, **kwargs: P.kwargs) -> EnqueuedJob | None:
        """See `Job.enqueue`."""
        return self._job.hub.perform(self._flow(args, kwargs, None))

    async def aenqueue(self, *args: P.args, **kwargs: P.kwargs) -> EnqueuedJob | None:
        """See `Job.enqueue`."""
        return await self._job.hub.aperform(self._flow(args, kwargs, None))

    def enqueue_in(
        self, delay: Seconds, /, *args: P.args, **kwargs: P.kwargs
    ) -> EnqueuedJob | None:
        """See `Job.enqueue_in`."""
        return self._job.hub.perform(self._flow(args, kwargs, client.due_in(delay)))

    async def aenqueue_in(
        self, delay: Seconds, /, *args: P.args, **kwargs: P.kwargs
    ) -> EnqueuedJob | None:
        """See `Job.enqueue_in`."""
        return await self._job.hub.aperform(self._flow(args, kwargs, client.due_in(delay)))

    def enqueue_at(
        self, when: datetime, /, *args: P.args, **kwargs: P.kwargs
    ) -> EnqueuedJob | None:
        """See `Job.enqueue_at`."""
        return self._job.hub.perform(self._flow(args, kwargs, client.due_at(when)))

    async def aenqueue_at(
        self, when: datetime, /, *args: P.args, **kwargs: P.kwargs
    ) -> EnqueuedJob | None:
        """See `Job.enqueue_at`."""
        return await self._job.hub.aperform(self._flow(args, kwargs, client.due_at(when)))

    def enqueue_many(self, calls: Iterable[Sequence[Any]]) -> list[str | None]:
        """See `Job.enqueue_many`."""
        return self._job.hub.perform(self._bulk(calls))

    async def aenqueue_many(self, calls: Iterable[Sequence[Any]]) -> list[str | None]:
        """See `Job.enqueue_many`."""
        return await self._job.hub.aperform(self._bulk(calls))

    def _flow(
        self, args: Sequence[Any], kwargs: dict[str, Any], at: float | None
    ) -> Flow[EnqueuedJob | None]:
        job = self._job
        draft = client.make_draft(job.name, self._options, args, kwargs, at)
        return client.enqueue(job.hub, draft, job.signature)

    def _bulk(self, calls: Iterable[Sequence[Any]]) -> Flow[list[str | None]]:
        job = self._job
        drafts = (client.make_draft(job.name, self._options, args, {}, None) for args in calls)
        done = yield from client.enqueue_all(job.hub, drafts, job.signature)
        return [None if one is None else one.jid for one in done]
