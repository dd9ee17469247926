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
_BURST, _MOST = 1000, 1 << 22


class Topics(NamedTuple):
    """What to listen to: channels, and all channels of some patterns.

    Who `may_ask` instead waits on where listening is refused; for others that is a StoreError.
    """

    channels: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    may_ask: bool = False

    def commands(self) -> list[tuple[str, ...]]:
        """How to ask for them."""
        both = [("SUBSCRIBE", *self.channels), ("PSUBSCRIBE", *self.patterns)]
        return [words for words in both if len(words) > 1]


class Heard(NamedTuple):
    """A message, and the channel that it was said on; that is "" for what the listener says."""

    channel: str
    message: bytes

    @property
    def token(self) -> str:
        """The message as a text."""
        return self.message.decode("utf-8", "replace")


_ANEW = Heard("", ANEW.encode())


class Listener:
    """Hears some topics, for one thread. A context manager: its connection ends with it."""

    def __init__(self, address: Address, topics: Topics) -> None:
        self._address, self._topics = address, topics
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

    def hear(self, seconds: float, tokens: str | None = None) -> list[Heard]:
        """The same with the channels; by default any message will do."""
        from redis.exceptions import RedisError

        end = time.monotonic() + seconds
        try:
            if self._connection is None:
                self._subscribe(seconds)
                return [_ANEW]
            return self._hear(end, tokens)
        except (RedisError, OSError) as error:
            self._drop()
            _check(self._topics, error)
            time.sleep(max(0.0, min(RETRY, end - time.monotonic())))
            return []
        except BaseException:
            self._drop()
            raise

    def _subscribe(self, seconds: float) -> None:
        self._connection = self._address.connection()
        self._connection.socket_connect_timeout = min(self._address.connecting, max(seconds, 0.01))
        self._connection.connect()
        for words in self._topics.commands():
            self._connection.send_command(*words)
            for _ in words[1:]:
                # What is said in between is taken for one: it was said before all this began.
                self._connection.read_response(disable_decoding=True)

    def _hear(self, end: float, tokens: str | None) -> list[Heard]:
        burst = _Burst(tokens)
        while burst.has_room():
            left = 0.0 if burst.found else max(0.0, end - time.monotonic())
            if not self._connection.can_read(timeout=left):
                break
            burst.add(self._connection.read_response(disable_decoding=True))
        return burst.heard

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.disconnect()


class AsyncListener:
    """The same for asyncio."""

    def __init__(self, address: Address, topics: Topics) -> None:
        self._address, self._topics = address, topics
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

    async def hear(self, seconds: float, tokens: str | None = None) -> list[Heard]:
        """The same with the channels; by default any message will do."""
        from redis.exceptions import RedisError

        end = time.monotonic() + seconds
        try:
            with cancellable():
                if self._connection is None:
                    await self._subscribe(seconds)
                    return [_ANEW]
                return await self._hear(end, tokens)
        except (RedisError, OSError) as error:
            await self._drop()
            _check(self._topics, error)
            await asyncio.sleep(max(0.0, min(RETRY, end - time.monotonic())))
            return []
        except BaseException:
            await self._drop()
            raise

    async def _subscribe(self, seconds: float) -> None:
        self._connection = self._address.async_connection()
        self._connection.socket_connect_timeout = min(self._address.connecting, max(seconds, 0.01))
        await self._connection.connect()
        for words in self._topics.commands():
            await self._connection.send_command(*words)
            for _ in words[1:]:
                await self._connection.read_response(disable_decoding=True)

    async def _hear(self, end: float, tokens: str | None) -> list[Heard]:
        burst = _Burst(tokens)
        while burst.has_room():
            left = 0.001 if burst.found else max(0.001, end - time.monotonic())
            answer = await self._connection.read_response(disable_decoding=True, timeout=left)
            if answer is None:
                break
            burst.add(answer)
        return burst.heard

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await asyncio.shield(connection.disconnect(nowait=True))


class _Burst:
    """What is heard at once: `found` when one of these messages, or any, is among it."""

    def __init__(self, tokens: str | None) -> None:
        self.heard: list[Heard] = []
        self.found = False
        self._tokens, self._size = tokens, 0

    def has_room(self) -> bool:
        """Whether more may be read before this is dealt with: messages may be large."""
        return len(self.heard) < _BURST and self._size < _MOST

    def add(self, answer: Any) -> None:
        """Take what the server has said; all but messages is passed over."""
        if isinstance(answer, list) and answer and answer[0] in (b"message", b"pmessage"):
            channel, message = answer[-2:]
            heard = Heard(channel.decode("utf-8", "replace"), message)
            self.heard.append(heard)
            self._size += len(message)
            self.found = self.found or self._tokens is None or heard.token in self._tokens


def _check(topics: Topics, error: Exception) -> None:
    """Raise StoreError where listening is refused to one who can do nothing else instead."""
    from redis.exceptions import NoPermissionError

    if not topics.may_ask and isinstance(error, NoPermissionError):
        asked = ", ".join(topics.patterns + topics.channels)
        raise StoreError(f"the server does not let this user listen to {asked}: {error}")
