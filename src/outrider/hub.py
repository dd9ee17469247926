"""What everything that produces or looks shares: the registries, the keys, the way to the server.

`App` is a Hub with a face. Lower layers know only this.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from outrider import callbacks, config
from outrider.buffer.settings import PushBuffer, Setting, read_setting
from outrider.callbacks import CallbackClass, Registered, Target
from outrider.errors import ConfigError
from outrider.events import Handlers
from outrider.io import Address, AsyncExecutor, AsyncListener, Executor, Listener, Topics
from outrider.keys import Keys
from outrider.middleware import Middleware
from outrider.options import check_durability, positive_number, positive_seconds
from outrider.registry import Registry
from outrider.script import Call, Look

if TYPE_CHECKING:
    from outrider.buffer.buffer import Buffer

T = TypeVar("T")
Flow = Generator[Call[Any], Any, T]
"""An operation that needs Python between requests: it yields Calls and is given the answers."""


class Hub:
    """Registries, keys and executors of one app. Making one does no input or output.

    Raises ConfigError for a wrong setting.
    """

    def __init__(
        self,
        url: str | None,
        prefix: str,
        max_payload: int,
        timeout: float,
        durability: str,
        push_buffer: Setting = None,
    ) -> None:
        if not isinstance(prefix, str):
            raise ConfigError(f"prefix must be a text, not {prefix!r}")
        self.configured_url = url
        self.keys = Keys(prefix)
        self.max_payload = positive_number("max_payload", max_payload)
        self.timeout = positive_seconds("timeout", timeout)
        self.durability = check_durability(durability)
        self.push_buffer = self._make_buffer(read_setting(push_buffer))
        self.registry: Registry[Registered] = Registry()
        self.callback_classes: Registry[CallbackClass] = Registry()
        self.death_handlers: list[Callable[..., Any]] = []
        self.middleware = Middleware()
        self.events = Handlers()

    def target(self, target: Any, event: str) -> Target:
        """What `batch.on` was given: a job, a callback class, or the name of either.

        Raises ConfigError when it is nothing that is registered here.
        """
        if isinstance(target, type):
            target = f"{callbacks.class_name(target)}.on_{event}"
        name = target.name if isinstance(target, Registered) else target
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

    @cached_property
    def url(self) -> str:
        """The server's URL, found at first use; the embedded server is started by asking."""
        url = config.server_url(self.configured_url)
        if url != config.EMBEDDED:
            return url
        from outrider.embedded import shared_url

        return shared_url()

    def _make_buffer(self, settings: PushBuffer | None) -> Buffer | None:
        if settings is None:
            return None
        from outrider.buffer.buffer import Buffer

        return Buffer(settings, self.keys, self._make_executor)

    def _make_executor(self) -> Executor:
        return Executor(Address(self.url, self.timeout), self.timeout)

    @cached_property
    def executor(self) -> Executor:
        """Performs Calls for threads."""
        executor = self._make_executor()
        if self.push_buffer is not None:
            self.push_buffer.open()
        return executor

    @cached_property
    def async_executor(self) -> AsyncExecutor:
        """Performs Calls for asyncio."""
        if self.push_buffer is not None:
            self.push_buffer.open()
        return AsyncExecutor(Address(self.url, self.timeout), self.timeout)

    def perform(self, work: Flow[T] | Call[T] | Look[T]) -> T:
        """Perform a Call, or a Look, or drive a flow of Calls to its end."""
        return self.executor.drive(work)

    async def aperform(self, work: Flow[T] | Call[T] | Look[T]) -> T:
        """The same for asyncio."""
        return await self.async_executor.drive(work)

    def listener(self, to: str | Topics) -> Listener:
        """Hears what is said of a batch, or on these topics."""
        return Listener(Address(self.url, self.timeout), self._topics(to))

    def async_listener(self, to: str | Topics) -> AsyncListener:
        """The same for asyncio."""
        return AsyncListener(Address(self.url, self.timeout), self._topics(to))

    def _topics(self, to: str | Topics) -> Topics:
        if isinstance(to, Topics):
            return to
        return Topics((self.keys.channel("progress", to),), may_ask=True)

    def close(self) -> None:
        """Close connections that are not in use, and a push journal's file."""
        if self.push_buffer is not None:
            self.push_buffer.close()
        if "executor" in self.__dict__:
            self.executor.close()

    async def aclose(self) -> None:
        """Close this event loop's connections."""
        if "async_executor" in self.__dict__:
            await self.async_executor.close()
