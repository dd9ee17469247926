"""Listening to channels, on a connection of its own: once for threads, once for asyncio.

Whoever waits for a state listens first and reads then: `wait` returns as soon as it has subscribed,
also anew after a cut, since what was said meanwhile was not heard. Where it can't subscribe it only
passes the time, so that its caller asks instead.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, NamedTuple, Self

from outrider.errors import StoreError
from outrider.io.cancellation import cancellable
from outrider.io.connections import Address

RETRY = 0.25
ANEW = "?"
_BURST = 1000


class Heard(NamedTuple):
    """A message, and the channel that it was said on."""

    channel: str
    token: str


class Listener:
    """Hears a channel, for one thread. A context manager: its connection ends with it.

    Or all channels of a pattern, where that `is_pattern`.
    """

    def __init__(self, address: Address, channel: str, *, is_pattern: bool = False) -> None:
        self._address, self._channel, self._is_pattern = address, channel, is_pattern
        self._connection: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._drop()

    def wait(self, seconds: float, tokens: str) -> str:
        """Wait for one of these messages; all that was heard, "" when nothing was in `seconds`.

        Returns ANEW at once when it had to subscribe: what was said before was not heard.
        """
        return "".join(heard.token for heard in self.hear(seconds, tokens))

    def hear(self, seconds: float, tokens: str) -> list[Heard]:
        """The same with the channels."""
        from redis.exceptions import RedisError

        end = time.monotonic() + seconds
        try:
            if self._connection is None:
                self._subscribe(seconds)
                return [Heard("", ANEW)]
            return self._hear(end, tokens)
        except (RedisError, OSError) as error:
            self._drop()
            _check(self._is_pattern, error)
            time.sleep(max(0.0, min(RETRY, end - time.monotonic())))
            return []
        except BaseException:
            self._drop()
            raise

    def _subscribe(self, seconds: float) -> None:
        self._connection = self._address.connection()
        self._connection.socket_connect_timeout = min(self._address.connecting, max(seconds, 0.01))
        self._connection.connect()
        self._connection.send_command(*_words(self._channel, self._is_pattern))
        self._connection.read_response(disable_decoding=True)

    def _hear(self, end: float, tokens: str) -> list[Heard]:
        all_heard: list[Heard] = []
        found = False
        while len(all_heard) < _BURST:
            left = 0.0 if found else max(0.0, end - time.monotonic())
            if not self._connection.can_read(timeout=left):
                break
            heard = _read(self._connection.read_response(disable_decoding=True))
            all_heard += heard
            found = found or any(one.token in tokens for one in heard)
        return all_heard

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.disconnect()


class AsyncListener:
    """The same for asyncio."""

    def __init__(self, address: Address, channel: str, *, is_pattern: bool = False) -> None:
        self._address, self._channel, self._is_pattern = address, channel, is_pattern
        self._connection: Any = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._drop()

    async def wait(self, seconds: float, tokens: str) -> str:
        """Wait for one of these messages; all that was heard, "" when nothing was in `seconds`.

        Returns ANEW at once when it had to subscribe: what was said before was not heard.
        """
        return "".join(heard.token for heard in await self.hear(seconds, tokens))

    async def hear(self, seconds: float, tokens: str) -> list[Heard]:
        """The same with the channels."""
        from redis.exceptions import RedisError

        end = time.monotonic() + seconds
        try:
            with cancellable():
                if self._connection is None:
                    await self._subscribe(seconds)
                    return [Heard("", ANEW)]
                return await self._hear(end, tokens)
        except (RedisError, OSError) as error:
            await self._drop()
            _check(self._is_pattern, error)
            await asyncio.sleep(max(0.0, min(RETRY, end - time.monotonic())))
            return []
        except BaseException:
            await self._drop()
            raise

    async def _subscribe(self, seconds: float) -> None:
        self._connection = self._address.async_connection()
        self._connection.socket_connect_timeout = min(self._address.connecting, max(seconds, 0.01))
        await self._connection.connect()
        await self._connection.send_command(*_words(self._channel, self._is_pattern))
        await self._connection.read_response(disable_decoding=True)

    async def _hear(self, end: float, tokens: str) -> list[Heard]:
        all_heard: list[Heard] = []
        found = False
        while len(all_heard) < _BURST:
            left = 0.001 if found else max(0.001, end - time.monotonic())
            answer = await self._connection.read_response(disable_decoding=True, timeout=left)
            if answer is None:
                break
            heard = _read(answer)
            all_heard += heard
            found = found or any(one.token in tokens for one in heard)
        return all_heard

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await asyncio.shield(connection.disconnect(nowait=True))


def _words(channel: str, is_pattern: bool) -> tuple[str, str]:
    return ("PSUBSCRIBE", channel) if is_pattern else ("SUBSCRIBE", channel)


def _check(is_pattern: bool, error: Exception) -> None:
    """Raise StoreError where listening is refused to one who can do nothing else instead."""
    from redis.exceptions import NoPermissionError

    if is_pattern and isinstance(error, NoPermissionError):
        raise StoreError(f"the server does not let this user listen to all batches: {error}")


def _read(answer: Any) -> list[Heard]:
    """The message in an answer; none in one to something else."""
    if not isinstance(answer, list) or not answer or answer[0] not in (b"message", b"pmessage"):
        return []
    channel, token = answer[-2:]
    return [Heard(channel.decode("utf-8", "replace"), token.decode("utf-8", "replace"))]
