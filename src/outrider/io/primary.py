"""Connections to the primary of now: they ask the sentinels each time before they connect.

They are plain connections of redis-py in all else. Its own `SentinelManagedConnection` leaves an
answer unread when a read is interrupted, and gives it to the next request.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from outrider.io.sentinel import Node, Sentinels


@cache
def threaded(kind: Any) -> Any:
    """The class of connections for threads that refines one of redis-py."""
    return type("Primary", (_Threaded, kind), {})


@cache
def asynchronous(kind: Any) -> Any:
    """The same for asyncio."""
    return type("AsyncPrimary", (_Asynchronous, kind), {})


class _Refined:  # a base of redis-py comes behind it
    """Made with the sentinels, and with the class and options of connections to them."""

    host: str
    port: int
    _told_by: Node

    def __init__(self, sentinels: Sentinels, link: Any, linking: Any, **options: Any) -> None:
        self._sentinels, self._link, self._linking = sentinels, link, linking
        super().__init__(**options)


class _Threaded(_Refined):
    def _connect(self: Any) -> Any:
        from redis.exceptions import ConnectionError

        asking = self._sentinels.ask()
        try:
            node = next(asking)
            while True:
                node = asking.send(self._ask(node))
        except StopIteration as told:
            self._told_by, (self.host, self.port) = told.value
        except LookupError as error:
            raise ConnectionError(str(error)) from None
        return super()._connect()  # type: ignore[misc]

    def _ask(self: Any, node: Node) -> Node | str:
        from redis.exceptions import RedisError

        link = self._link(host=node.host, port=node.port, **self._linking)
        try:
            link.connect()
            link.send_command(*self._sentinels.question)
            return self._sentinels.read(link.read_response(disable_decoding=True))  # type: ignore[no-any-return]
        except (RedisError, OSError) as error:
            return str(error)
        finally:
            link.disconnect()

    def on_connect_check_health(self: Any, check_health: bool = True) -> None:
        from redis.exceptions import ConnectionError, ResponseError

        super().on_connect_check_health(check_health)  # type: ignore[misc]
        self.send_command("ROLE", check_health=False)
        try:
            role = self.read_response(disable_decoding=True)
        except ResponseError:
            return  # we may not ask: then the first write tells
        if problem := self._sentinels.judge(self._told_by, role):
            raise ConnectionError(problem)


class _Asynchronous(_Refined):
    async def _connect(self: Any) -> None:
        from redis.exceptions import ConnectionError

        asking = self._sentinels.ask()
        try:
            node = next(asking)
            while True:
                node = asking.send(await self._ask(node))
        except StopIteration as told:
            self._told_by, (self.host, self.port) = told.value
        except LookupError as error:
            raise ConnectionError(str(error)) from None
        await super()._connect()  # type: ignore[misc]

    async def _ask(self: Any, node: Node) -> Node | str:
        from redis.exceptions import RedisError

        link = self._link(host=node.host, port=node.port, **self._linking)
        try:
            await link.connect()
            await link.send_command(*self._sentinels.question)
            return self._sentinels.read(await link.read_response(disable_decoding=True))  # type: ignore[no-any-return]
        except (RedisError, OSError) as error:
            return str(error)
        finally:
            await link.disconnect(nowait=True)

    async def on_connect_check_health(self: Any, check_health: bool = True) -> None:
        from redis.exceptions import ConnectionError, ResponseError

        await super().on_connect_check_health(check_health)  # type: ignore[misc]
        await self.send_command("ROLE", check_health=False)
        try:
            role = await self.read_response(disable_decoding=True)
        except ResponseError:
            return  # we may not ask: then the first write tells
        if problem := self._sentinels.judge(self._told_by, role):
            raise ConnectionError(problem)
