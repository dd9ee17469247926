"""A function that is also a job: what `@app.job` makes of it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Generic, ParamSpec, TypeVar

from outrider import client
from outrider.arguments import Signature
from outrider.client import EnqueuedJob
from outrider.errors import ConfigError
from outrider.hub import Flow, Hub
from outrider.options import Options, Seconds
from outrider.store import pauses
from outrider.store.place import Place

P = ParamSpec("P")
R = TypeVar("R")


class Enqueuer(Generic[P]):
    """A job with options, to be enqueued.

    Every `enqueue…` has a twin `aenqueue…` for asyncio. They raise TypeError for a call that does
    not fit the function, NotSerializable for arguments that JSON can't carry, PayloadTooLarge,
    and StoreUnavailable when the server is away; then nothing was enqueued. With a durability they
    raise NotDurable where that is missed: then the job is enqueued, and will run. They return None
    when enqueue middleware vetoed the job.
    """

    def __init__(self, hub: Hub, name: str, signature: Signature, options: Options) -> None:
        self.hub = hub
        self.name = name
        self.signature = signature
        self.options = options

    def enqueue(self, *args: P.args, **kwargs: P.kwargs) -> EnqueuedJob | None:
        """Hand the job to a worker, to run as soon as possible."""
        return self.hub.perform(self._flow(args, kwargs, None))

    async def aenqueue(self, *args: P.args, **kwargs: P.kwargs) -> EnqueuedJob | None:
        """Hand the job to a worker, to run as soon as possible."""
        return await self.hub.aperform(self._flow(args, kwargs, None))

    def enqueue_in(
        self, delay: Seconds, /, *args: P.args, **kwargs: P.kwargs
    ) -> EnqueuedJob | None:
        """Run it `delay` (seconds or timedelta) from now."""
        return self.hub.perform(self._flow(args, kwargs, client.due_in(delay)))

    async def aenqueue_in(
        self, delay: Seconds, /, *args: P.args, **kwargs: P.kwargs
    ) -> EnqueuedJob | None:
        """Run it `delay` (seconds or timedelta) from now."""
        return await self.hub.aperform(self._flow(args, kwargs, client.due_in(delay)))

    def enqueue_at(
        self, when: datetime, /, *args: P.args, **kwargs: P.kwargs
    ) -> EnqueuedJob | None:
        """Run it at `when`, an aware datetime; one that has passed means at once."""
        return self.hub.perform(self._flow(args, kwargs, client.due_at(when)))

    async def aenqueue_at(
        self, when: datetime, /, *args: P.args, **kwargs: P.kwargs
    ) -> EnqueuedJob | None:
        """Run it at `when`, an aware datetime; one that has passed means at once."""
        return await self.hub.aperform(self._flow(args, kwargs, client.due_at(when)))

    def enqueue_many(self, calls: Iterable[Sequence[Any]]) -> list[str | None]:
        """Enqueue one job per tuple of positional arguments; the jids, None for a vetoed one.

        A thousand go in one round trip, all or none of them; what was sent before an error stays.
        """
        return self.hub.perform(self._bulk(calls))

    async def aenqueue_many(self, calls: Iterable[Sequence[Any]]) -> list[str | None]:
        """Enqueue one job per tuple of positional arguments; the jids, None for a vetoed one.

        A thousand go in one round trip, all or none of them; what was sent before an error stays.
        """
        return await self.hub.aperform(self._bulk(calls))

    def _flow(
        self, args: Sequence[Any], kwargs: dict[str, Any], at: float | None
    ) -> Flow[EnqueuedJob | None]:
        draft = client.make_draft(self.name, self.options, args, kwargs, at)
        return client.enqueue(self.hub, draft, self.signature)

    def _bulk(self, calls: Iterable[Sequence[Any]]) -> Flow[list[str | None]]:
        drafts = (client.make_draft(self.name, self.options, args, {}, None) for args in calls)
        return client.enqueue_all(self.hub, drafts, self.signature, keep=lambda job: job.jid)


class Job(Enqueuer[P], Generic[P, R]):
    """A registered function. Calling it runs it here and now; `enqueue` hands it to a worker."""

    def __init__(self, hub: Hub, function: Callable[P, R], name: str, options: Options) -> None:
        super().__init__(hub, name, Signature(function, name=name), options)
        shown = options.log_arguments
        if not isinstance(shown, bool) and (unknown := self.signature.unknown(shown)):
            raise ConfigError(f"log_arguments of {name}: no parameter {', '.join(unknown)}")
        functools.update_wrapper(self, function)
        self.function = function
        self._held = Place("held", name)

    @functools.cached_property
    def callback_signature(self) -> Signature:
        """How it is called as a callback: the status comes first, from the worker."""
        return Signature(self.function, skip_first=True, name=self.name)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<job {self.name}>"

    @property
    def paused(self) -> bool:
        """Whether workers run none of these jobs."""
        return self.hub.perform(pauses.is_paused(self.hub.keys, self._held))

    async def apaused(self) -> bool:
        """The same for asyncio."""
        return await self.hub.aperform(pauses.is_paused(self.hub.keys, self._held))

    def pause(self) -> None:
        """Let workers run none of these jobs, on whatever queue, until `resume`.

        What is running goes on. The others wait in `app.held[name]`; no other job waits for them.
        """
        self.hub.perform(pauses.pause(self.hub.keys, self._held))

    async def apause(self) -> None:
        """The same for asyncio."""
        await self.hub.aperform(pauses.pause(self.hub.keys, self._held))

    def resume(self) -> None:
        """Let workers run these jobs again; those that were held go first."""
        self.hub.perform(pauses.resume(self.hub.keys, self._held))

    async def aresume(self) -> None:
        """The same for asyncio."""
        await self.hub.aperform(pauses.resume(self.hub.keys, self._held))

    def using(self, **options: Any) -> Enqueuer[P]:
        """The same job with other options for one call: `resize.using(queue="bulk").enqueue(42)`.

        Raises ConfigError for a wrong option.
        """
        return Enqueuer(self.hub, self.name, self.signature, self.options.changed(**options))
