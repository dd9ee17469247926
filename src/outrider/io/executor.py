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
from outrider.io.exchange import Lane, Lost, Pause, Send, exchange
from outrider.script import Call

T = TypeVar("T")
PATIENCE = 5.0


class _Lent(NamedTuple):
    connection: Any
    lane: Lane


class Executor:
    """Performs Calls for threads.

    Safe to share between threads and over a fork. `patience` is how long, in seconds, a request is
    tried before StoreUnavailable is raised.
    """

    def __init__(self, address: Address, patience: float = PATIENCE) -> None:
        self.address = address
        self.patience = patience
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
                    answers = _send(lent.connection, step, timeout)
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

    def drive(self, work: Generator[Call[Any], Any, T] | Call[T]) -> T:
        """Perform a Call, or a generator of Calls to its end; what fails is raised inside it."""
        if isinstance(work, Call):
            return self.run(work)
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
            self._pid, self._free = os.getpid(), deque()
        try:
            return self._free.pop()
        except IndexError:
            return _Lent(self.address.connection(), Lane())


def _send(connection: Any, step: Send, timeout: float | None) -> list[Any]:
    from redis.exceptions import AuthenticationError, RedisError, ResponseError

    sent = False
    try:
        if not connection.is_connected:
            connection.connect()
        packed = connection.pack_commands(step.commands)
        sent = True
        connection.send_packed_command(packed, check_health=False)
        answers: list[Any] = []
        extra = {} if timeout is None else {"timeout": timeout}
        for _ in step.commands:
            try:
                answers.append(connection.read_response(disable_decoding=True, **extra))
            except ResponseError as error:
                answers.append(error)
        return answers
    except AuthenticationError as error:
        connection.disconnect()
        return [error] * len(step.commands)
    except (RedisError, OSError) as error:
        connection.disconnect()
        raise Lost(str(error), executed=None if sent else False) from error


class AsyncExecutor:
    """Performs Calls for asyncio; each event loop has connections of its own."""

    def __init__(self, address: Address, patience: float = PATIENCE) -> None:
        self.address = address
        self.patience = patience
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
                        await lent.connection.disconnect(nowait=True)
                    await asyncio.sleep(step.seconds)
                    step = steps.send([])
                    continue
                try:
                    with cancellable():
                        answers = await _asend(lent.connection, step)
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

    async def drive(self, work: Generator[Call[Any], Any, T] | Call[T]) -> T:
        """Perform a Call, or a generator of Calls to its end; what fails is raised inside it."""
        if isinstance(work, Call):
            return await self.run(work)
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


async def _asend(connection: Any, step: Send) -> list[Any]:
    from redis.exceptions import AuthenticationError, RedisError, ResponseError

    sent = False
    try:
        if not connection.is_connected:
            await connection.connect()
        packed = connection.pack_commands(step.commands)
        sent = True
        await connection.send_packed_command(packed, check_health=False)
        answers: list[Any] = []
        for _ in step.commands:
            try:
                answers.append(await connection.read_response(disable_decoding=True))
            except ResponseError as error:
                answers.append(error)
        return answers
    except AuthenticationError as error:
        await connection.disconnect()
        return [error] * len(step.commands)
    except (RedisError, OSError) as error:
        await connection.disconnect()
        raise Lost(str(error), executed=None if sent else False) from error
