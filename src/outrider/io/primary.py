"""Connections to the primary of now: they ask the sentinels each time before they connect.

They are plain connections of redis-py in all else. Its own `SentinelManagedConnection` leaves an
answer unread when a read is interrupted, and gives it to the next request.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from outrider.io.sentinel import Node, Sentinels

# A class is made of the one of redis-py that it refines, which is loaded at first use.


@cache
def threaded(kind: Any) -> Any:
    """The class of connections for threads that refines `kind`."""
    from redis.exceptions import ConnectionError, RedisError, ResponseError

    class Primary(kind):  # type: ignore[misc]
        """Made with the sentinels, and with the class and options of connections to them."""

        def __init__(self, sentinels: Sentinels, link: Any, linking: Any, **options: Any) -> None:
            self._sentinels, self._link, self._linking = sentinels, link, linking
            super().__init__(**options)

        def _connect(self) -> Any:
            asking = self._sentinels.ask()
            try:
                node = next(asking)
                while True:
                    node = asking.send(self._ask(node))
            except StopIteration as told:
                self._told_by, (self.host, self.port) = told.value
            except LookupError as error:
                raise ConnectionError(str(error)) from None
            return super()._connect()

        def _ask(self, node: Node) -> Node | str:
            link = self._link(host=node.host, port=node.port, **self._linking)
            try:
                link.connect()
                link.send_command(*self._sentinels.question)
                return self._sentinels.read(link.read_response(disable_decoding=True))
            except (RedisError, OSError) as error:
                return str(error)
            finally:
                link.disconnect()

        def on_connect_check_health(self, check_health: bool = True) -> None:
            super().on_connect_check_health(check_health)
            self.send_command("ROLE", check_health=False)
            try:
                role = self.read_response(disable_decoding=True)
            except ResponseError:
                return  # we may not ask: then the first write tells
            if problem := self._sentinels.judge(self._told_by, role):
                raise ConnectionError(problem)

    return Primary


@cache
def asynchronous(kind: Any) -> Any:
    """The same for asyncio."""
    from redis.exceptions import ConnectionError, RedisError, ResponseError

    class Primary(kind):  # type: ignore[misc]
        """Made with the sentinels, and with the class and options of connections to them."""

        def __init__(self, sentinels: Sentinels, link: Any, linking: Any, **options: Any) -> None:
            self._sentinels, self._link, self._linking = sentinels, link, linking
            super().__init__(**options)

        async def _connect(self) -> None:
            asking = self._sentinels.ask()
            try:
                node = next(asking)
                while True:
                    node = asking.send(await self._ask(node))
            except StopIteration as told:
                self._told_by, (self.host, self.port) = told.value
            except LookupError as error:
                raise ConnectionError(str(error)) from None
            await super()._connect()

        async def _ask(self, node: Node) -> Node | str:
            link = self._link(host=node.host, port=node.port, **self._linking)
            try:
                await link.connect()
                await link.send_command(*self._sentinels.question)
                answer = await link.read_response(disable_decoding=True)
                return self._sentinels.read(answer)
            except (RedisError, OSError) as error:
                return str(error)
            finally:
                await link.disconnect(nowait=True)

        async def on_connect_check_health(self, check_health: bool = True) -> None:
            await super().on_connect_check_health(check_health)
            await self.send_command("ROLE", check_health=False)
            try:
                role = await self.read_response(disable_decoding=True)
            except ResponseError:
                return  # we may not ask: then the first write tells
            if problem := self._sentinels.judge(self._told_by, role):
                raise ConnectionError(problem)

    return Primary
