"""The App: where jobs are registered, and the way to everything that is stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, ParamSpec, TypeVar, overload

from outrider import callbacks, client, config
from outrider.batch import Batch
from outrider.callbacks import CallbackClass, Target
from outrider.client import EnqueuedJob, Flow
from outrider.errors import ConfigError
from outrider.inspection.batches import Batches
from outrider.inspection.queues import Queues, Stats
from outrider.io import Address, AsyncExecutor, Executor
from outrider.job import Job
from outrider.keys import Keys
from outrider.middleware import Middleware
from outrider.options import Backoff, Options, Seconds, check_job_name, clean_tags
from outrider.registry import Registry, default_name
from outrider.script import Call

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
C = TypeVar("C", bound=type)
DeathHandler = Callable[..., Any]


class App:
    """An application's jobs and batches.

    `url` is redis://, rediss://, valkey://, unix:// or embedded://; without it OUTRIDER_URL, then
    REDIS_URL count. `prefix` is put before every key; "" shares keys with Sidekiq. `max_payload`
    limits a job's JSON, in bytes; `timeout` is how long, in seconds, a request may take before
    StoreUnavailable is raised. Making an App does no input or output.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        prefix: str = "",
        max_payload: int = 1 << 20,
        timeout: float = 5.0,
    ) -> None:
        self.configured_url = url
        self.keys = Keys(prefix)
        self.max_payload = max_payload
        self.timeout = timeout
        self.registry: Registry[Job[..., Any]] = Registry()
        self.callback_classes: Registry[CallbackClass] = Registry()
        self.death_handlers: list[DeathHandler] = []
        self.middleware = Middleware()
        self.batches = Batches(self)
        self.queues = Queues(self)
        self.stats = Stats(self)

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
    ) -> Callable[[Callable[P, R]], Job[P, R]]: ...
    def job(self, function: Any = None, /, *, name: str | None = None, **options: Any) -> Any:
        """Make a function a job, with or without options; see `Options` for what they mean.

        It stays a plain function. Raises ConfigError for wrong options or a name that is taken.
        """
        if function is None:
            return lambda function: self._register(function, name, options)
        return self._register(function, name, options)

    def callbacks(self, code: C) -> C:
        """Mark a class whose methods `on_<event>(self, status, options)` may be called back."""
        name = callbacks.class_name(code)
        self.callback_classes.add(name, CallbackClass(name, code, Options()), code)
        return code

    def on_death(self, function: DeathHandler) -> DeathHandler:
        """Call `function(job, error)` in the worker when a job has died; `job` is a RunningJob."""
        self.death_handlers.append(function)
        return function

    def _register(self, function: Any, name: str | None, options: dict[str, Any]) -> Job[..., Any]:
        if not callable(function) or isinstance(function, type):
            raise ConfigError(f"@app.job is for functions, not {function!r}")
        options["tags"] = clean_tags(options.get("tags", ()))
        known = check_job_name(name or default_name(function))
        job: Job[..., Any] = Job(self, function, known, Options(**options))
        self.registry.add(known, job, function)
        return job

    def target(self, target: Any, event: str) -> Target:
        """What a callback target stands for: a job, a callback class, or the name of either."""
        if isinstance(target, type):
            target = f"{callbacks.class_name(target)}.on_{event}"
        name = target.name if isinstance(target, Job) else target
        found = self.find_target(name) if isinstance(name, str) else None
        if found is None:
            raise ConfigError(
                f"{target!r} can't be called back: it is neither a job of this app nor a class "
                "marked @app.callbacks"
            )
        return found

    def find_target(self, name: str) -> Target | None:
        """The registered target of this name, or None."""
        job = self.registry.get(name)
        if job is not None:
            return Target(name, job.function, job.options, job.callback_signature)
        return callbacks.find_method(name, self.callback_classes)

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

    # -- batches ----------------------------------------------------------------------------------

    def batch(
        self,
        *,
        description: str | None = None,
        callback_queue: str | None = None,
        tags: Sequence[str] = (),
    ) -> Batch:
        """A new batch. Nothing is written before its first block is committed."""
        return Batch(self, description=description, callback_queue=callback_queue, tags=tags)

    # -- input and output -------------------------------------------------------------------------

    @cached_property
    def url(self) -> str:
        """The server's URL, found at first use; the embedded server is started by asking."""
        url = config.server_url(self.configured_url)
        if url != config.EMBEDDED:
            return url
        from outrider.embedded import shared_url

        return shared_url()

    @cached_property
    def executor(self) -> Executor:
        """Performs Calls for threads."""
        return Executor(Address(self.url, self.timeout), self.timeout)

    @cached_property
    def async_executor(self) -> AsyncExecutor:
        """Performs Calls for asyncio."""
        return AsyncExecutor(Address(self.url, self.timeout), self.timeout)

    def perform(self, work: Flow[T] | Call[T]) -> T:
        """Perform a Call, or drive a flow of Calls to its end."""
        return self.executor.drive(work)

    async def aperform(self, work: Flow[T] | Call[T]) -> T:
        """The same for asyncio."""
        return await self.async_executor.drive(work)

    def close(self) -> None:
        """Close connections that are not in use."""
        self.executor.close()

    async def aclose(self) -> None:
        """Close this event loop's connections."""
        await self.async_executor.close()
