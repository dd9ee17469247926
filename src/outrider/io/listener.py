"""Listening to a channel, on a connection of its own: once for threads, once for asyncio.

Whoever waits for a state listens first and reads then: `wait` returns as soon as it has subscribed,
also anew after a cut, since what was said meanwhile was not heard. Where it can't subscribe it only
passes the time, so that its caller asks instead.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, Self

from outrider.io.cancellation import cancellable
from outrider.io.connections import Address

RETRY = 0.25
ANEW = "?"
_BURST = 1000


class Listener:
    """Hears a channel, for one thread. A context manager: its connection ends with it."""

    def __init__(self, address: Address, channel: str) -> None:
        self._address, self._channel = address, channel
        self._connection: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._drop()

    def wait(self, seconds: float, tokens: str) -> str:
        """Wait for one of these messages; all that was heard, "" when nothing was in `seconds`.

        Returns ANEW at once when it had to subscribe: what was said before was not heard.
        """
        from redis.exceptions import RedisError

        end = time.monotonic() + seconds
        try:
            if self._connection is None:
                self._subscribe(seconds)
                return ANEW
            return self._hear(end, tokens)
        except (RedisError, OSError):
            self._drop()
            time.sleep(max(0.0, min(RETRY, end - time.monotonic())))
            return ""
        except BaseException:
            self._drop()
            raise

    def _subscribe(self, seconds: float) -> None:
        self._connection = self._address.connection()
        self._connection.socket_connect_timeout = min(self._address.connecting, max(seconds, 0.01))
        self._connection.connect()
        self._connection.send_command("SUBSCRIBE", self._channel)
        self._connection.read_response(disable_decoding=True)

    def _hear(self, end: float, tokens: str) -> str:
        heard = ""
        while len(heard) < _BURST:
            found = any(token in heard for token in tokens)
            left = 0.0 if found else max(0.0, end - time.monotonic())
            if not self._connection.can_read(timeout=left):
                break
            heard += _token(self._connection.read_response(disable_decoding=True))
        return heard

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.disconnect()


class AsyncListener:
    """The same for asyncio."""

    def __init__(self, address: Address, channel: str) -> None:
        self._address, self._channel = address, channel
        self._connection: Any = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._drop()

    async def wait(self, seconds: float, tokens: str) -> str:
        """Wait for one of these messages; all that was heard, "" when nothing was in `seconds`.

        Returns ANEW at once when it had to subscribe: what was said before was not heard.
        """
        from redis.exceptions import RedisError

        end = time.monotonic() + seconds
        try:
            with cancellable():
                if self._connection is None:
                    await self._subscribe(seconds)
                    return ANEW
                return await self._hear(end, tokens)
        except (RedisError, OSError):
            await self._drop()
            await asyncio.sleep(max(0.0, min(RETRY, end - time.monotonic())))
            return ""
        except BaseException:
            await self._drop()
            raise

    async def _subscribe(self, seconds: float) -> None:
        self._connection = self._address.async_connection()
        self._connection.socket_connect_timeout = min(self._address.connecting, max(seconds, 0.01))
        await self._connection.connect()
        await self._connection.send_command("SUBSCRIBE", self._channel)
        await self._connection.read_response(disable_decoding=True)

    async def _hear(self, end: float, tokens: str) -> str:
        heard = ""
        while len(heard) < _BURST:
            found = any(token in heard for token in tokens)
            left = 0.001 if found else max(0.001, end - time.monotonic())
            answer = await self._connection.read_response(disable_decoding=True, timeout=left)
            if answer is None:
                break
            heard += _token(answer)
        return heard

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await asyncio.shield(connection.disconnect(nowait=True))


def _token(answer: Any) -> str:
    """What a message says; nothing of an answer that is none."""
    is_message = isinstance(answer, list) and len(answer) == 3 and answer[0] == b"message"
    return answer[2].decode("utf-8", "replace") if is_message else ""
