"""Performs Calls on real connections: once for threads, once for asyncio.

Both are thin: they lend a connection with its lane, send, read, and drop the connection on any
exception, `KeyboardInterrupt` and cancellation included, since an answer left unread would be taken
for the next one's.
"""

from __future__ import annotations

import asyncio
import os
import time
import weakref
from collections import deque
from collections.abc import Generator, Sequence
from typing import Any, NamedTuple, TypeVar, cast

from outrider.errors import StoreError
from outrider.io.cancellation import cancellable
from outrider.io.connections import Address
from outrider.io.exchange import FULL, LEAST, Lane, Lost, Pause, Send, exchange
from outrider.script import Call, Look

T = TypeVar("T")
PATIENCE = 5.0


class _Lent(NamedTuple):
    connection: Any
    lane: Lane


class Executor:
    """Performs Calls for threads.

    Safe to share between threads and over a fork. `patience` is how long, in seconds, a request is
    tried before StoreUnavailable is raised. A connection that is silent for half of that is given
    up for another: it may be half-open, as a firewall leaves those that were idle for long.
    """

    def __init__(self, address: Address, patience: float = PATIENCE) -> None:
        self.address = address
        self.patience = patience
        self._silence = min(address.timeout, max(patience / 2, LEAST))
        self._pid = os.getpid()
        self._free: deque[_Lent] = deque()

    def run(self, call: Call[T], *, timeout: float | None = None) -> T:
        """Perform one Call; `timeout` (seconds) for an answer that may take longer than usual."""
        return cast(T, self.run_all([call], timeout=timeout)[0])

    def run_all(self, calls: Sequence[Call[Any]], *, timeout: float | None = None) -> list[Any]:
        """Perform Calls in one round trip; at most one of them may be laned."""
        lent = self._borrow()
        try:
            steps = exchange(calls, lent.lane, self.patience, self.address)
            step = next(steps)
            while True:
                if isinstance(step, Pause):
                    if step.anew:
                        lent.connection.disconnect()
                    time.sleep(step.seconds)
                    step = steps.send([])
                    continue
                try:
                    answers = _send(self.address, lent.connection, step, timeout or self._silence)
                except Lost as lost:
                    step = steps.throw(lost)
                else:
                    step = steps.send(answers)
        except StopIteration as finished:
            return finished.value  # type: ignore[no-any-return]
        except BaseException:
            lent.connection.disconnect()
            raise
        finally:
            self._free.append(lent)

    def drive(self, work: Generator[Call[Any], Any, T] | Call[T] | Look[T]) -> T:
        """Perform a Call, a Look, or a generator of Calls to its end.

        What fails is raised inside a generator.
        """
        if isinstance(work, Call):
            return self.run(work)
        if isinstance(work, Look):
            return cast(T, work.read(self.run_all(work.calls)))
        try:
            call = next(work)
            while True:
                try:
                    answer = self.run(call)
                except StoreError as error:
                    call = work.throw(error)
                else:
                    call = work.send(answer)
        except StopIteration as finished:
            return cast(T, finished.value)

    def close(self) -> None:
        """Close all connections that are not in use."""
        while self._free:
            self._free.pop().connection.disconnect()

    def _borrow(self) -> _Lent:
        if self._pid != os.getpid():
            # A child of a fork must neither use nor close its parent's connections and lanes.
            # The new ones first: another thread that finds itself in the child uses them at once.
            self._free, self._pid = deque(), os.getpid()
        try:
            return self._free.pop()
        except IndexError:
            return _Lent(self.address.connection(), Lane())


def _send(address: Address, connection: Any, step: Send, silence: float) -> list[Any]:
    from redis.exceptions import RedisError, ResponseError

    sent = False
    try:
        if not connection.is_connected:
            connection.socket_connect_timeout = min(step.within, address.connecting)
            connection.socket_timeout = min(step.within, address.answering)
            connection.connect()
        packed = connection.pack_commands(step.commands)
        sent = True
        connection.send_packed_command(packed, check_health=False)
        end = time.monotonic() + silence
        answers: list[Any] = []
        for _ in step.commands:
            left = max(0.01, end - time.monotonic())
            try:
                answers.append(connection.read_response(disable_decoding=True, timeout=left))
            except ResponseError as error:
                answers.append(error)
        return answers
    except (RedisError, OSError) as error:
        connection.disconnect()
        if _is_answer(error):
            return [error] * len(step.commands)
        raise Lost(str(error), executed=None if sent else False) from error


def _is_answer(error: Exception) -> bool:
    """Whether this is an answer to all that was sent, which redis-py takes for a lost connection.

    Each is about the connection as a whole, and says that nothing was executed.
    """
    from redis.exceptions import AuthenticationError, BusyLoadingError

    kinds = (AuthenticationError, BusyLoadingError)
    return isinstance(error, kinds) or str(error).endswith(FULL)


class AsyncExecutor:
    """Performs Calls for asyncio; each event loop has connections of its own."""

    def __init__(self, address: Address, patience: float = PATIENCE) -> None:
        self.address = address
        self.patience = patience
        self._silence = min(address.timeout, max(patience / 2, LEAST))
        self._free: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, deque[_Lent]] = (
            weakref.WeakKeyDictionary()
        )

    async def run(self, call: Call[T]) -> T:
        """Perform one Call."""
        return cast(T, (await self.run_all([call]))[0])

    async def run_all(self, calls: Sequence[Call[Any]]) -> list[Any]:
        """Perform Calls in one round trip; at most one of them may be laned."""
        free = self._free.setdefault(asyncio.get_running_loop(), deque())
        lent = free.pop() if free else _Lent(self.address.async_connection(), Lane())
        try:
            steps = exchange(calls, lent.lane, self.patience, self.address)
            step = next(steps)
            while True:
                if isinstance(step, Pause):
                    if step.anew:
                        await lent.connection.disconnect()
                    await asyncio.sleep(step.seconds)
                    step = steps.send([])
                    continue
                try:
                    with cancellable():
                        answers = await _asend(lent.connection, step, self._silence)
                except Lost as lost:
                    step = steps.throw(lost)
                else:
                    step = steps.send(answers)
        except StopIteration as finished:
            return finished.value  # type: ignore[no-any-return]
        except BaseException:
            await asyncio.shield(lent.connection.disconnect(nowait=True))
            raise
        finally:
            free.append(lent)

    async def drive(self, work: Generator[Call[Any], Any, T] | Call[T] | Look[T]) -> T:
        """Perform a Call, a Look, or a generator of Calls to its end.

        What fails is raised inside a generator.
        """
        if isinstance(work, Call):
            return await self.run(work)
        if isinstance(work, Look):
            return cast(T, work.read(await self.run_all(work.calls)))
        try:
            call = next(work)
            while True:
                try:
                    answer = await self.run(call)
                except StoreError as error:
                    call = work.throw(error)
                else:
                    call = work.send(answer)
        except StopIteration as finished:
            return cast(T, finished.value)

    async def close(self) -> None:
        """Close this loop's connections that are not in use."""
        free = self._free.get(asyncio.get_running_loop(), deque())
        while free:
            await free.pop().connection.disconnect()


async def _asend(connection: Any, step: Send, silence: float) -> list[Any]:
    from redis.exceptions import RedisError, ResponseError

    sent = False
    try:
        async with asyncio.timeout(step.within):
            if not connection.is_connected:
                await connection.connect()
            packed = connection.pack_commands(step.commands)
            sent = True
            await connection.send_packed_command(packed, check_health=False)
        answers: list[Any] = []
        async with asyncio.timeout(silence):
            for _ in step.commands:
                try:
                    answers.append(await connection.read_response(disable_decoding=True))
                except ResponseError as error:
                    answers.append(error)
        return answers
    except (RedisError, OSError) as error:
        await connection.disconnect(nowait=True)
        if _is_answer(error):
            return [error] * len(step.commands)
        raise Lost(str(error) or "time-out", executed=None if sent else False) from error
