"""The push buffer of an app, as producers see it; and the thread that sends what it keeps."""

from __future__ import annotations

import asyncio
import atexit
import logging
import math
import os
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from outrider.buffer import entry as entries
from outrider.buffer.memory import Memory
from outrider.buffer.sender import Sender
from outrider.buffer.settings import PushBuffer
from outrider.buffer.store import CannotKeep, RefusedPush, Store, check
from outrider.chance import chance
from outrider.errors import PushBufferFull, StoreError, StoreUnavailable
from outrider.io import Executor
from outrider.keys import Keys
from outrider.script import Call, Ticket
from outrider.words import count

log = logging.getLogger("outrider.buffer")
# How long, in seconds, an absent server is let alone between two looks, and the sender of others.
LOOK, OTHERS = 1.0, 0.5


class Buffer:
    """Keeps pushes in order while the server is away, and sends them once it is back.

    All of one process's pushes keep their order. `executor` makes the sender's own; it is called
    once there is something to send.
    """

    def __init__(self, settings: PushBuffer, keys: Keys, executor: Callable[[], Executor]) -> None:
        self.settings = settings
        self._keys = keys
        self._executor = executor
        self._store = _store(settings, keys)
        self._begin()
        _all.add(self)

    def _begin(self) -> None:
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._kept = 0

    def __repr__(self) -> str:
        return f"<push buffer: {count(self.jobs, 'job')} kept>"

    # -- what may be read -------------------------------------------------------------------------

    @property
    def jobs(self) -> int:
        """How many jobs are kept now."""
        return self._store.counts().jobs

    @property
    def bytes(self) -> int:
        """How many bytes they take."""
        return self._store.counts().bytes

    @property
    def spilled(self) -> int:
        """How many jobs have ever been kept."""
        return self._store.counts().spilled

    @property
    def sent(self) -> int:
        """How many of them were sent."""
        return self._store.counts().sent

    @property
    def refused(self) -> int:
        """How many of them the server will never take; the log names them."""
        return self._store.counts().refused

    def refused_pushes(self) -> list[RefusedPush]:
        """What was put aside as the server will never take it, the oldest first."""
        return self._store.refused()

    def retry_refused(self) -> int:
        """Keep again, to be sent, what was put aside; how many jobs."""
        jobs = self._store.retry_refused()
        self._send_soon()
        return jobs

    # -- keeping ----------------------------------------------------------------------------------

    def open(self) -> None:
        """Begin to send what a journal holds from before."""
        if not self._store.is_empty():
            self._send_soon()

    def holds(self) -> bool:
        """Whether what is pushed now has to wait behind what is kept."""
        return self._store.holds()

    def put(self, calls: Sequence[Call[Any]], error: StoreError | None = None) -> Any:
        """Keep Calls that go together; what the server would answer to the last, when all is well.

        `error` is why they could not be sent. Raises PushBufferFull, or StoreUnavailable where the
        last may have been executed: then nothing is kept.
        """
        unknown = isinstance(error, StoreUnavailable) and error.executed is not False
        ticket = error.ticket if isinstance(error, StoreUnavailable) and unknown else None
        entry = entries.keep(calls, None if ticket is None else Ticket(*ticket))
        try:
            self._store.put(entry)
        except CannotKeep as full:
            if unknown:
                text = f"{error}; it may have been enqueued, and the push buffer is full: {full}"
                raise StoreUnavailable(text, executed=None, ticket=ticket) from error
            raise PushBufferFull(
                f"the push buffer is full: {full}; nothing was enqueued"
            ) from error
        with self._store.lock:
            self._kept += entry.jobs
            is_first = self._kept == entry.jobs
            self._send_soon()
        # Never under the lock: a handler of logs may push jobs, too.
        if is_first:
            log.warning("%s; pushes are kept until it is back", error or "pushes wait in order")
        last = calls[-1]
        return last.decode(entries.DONE[entries.operation(last)])

    def check(self, calls: Sequence[Call[Any]], error: StoreError | None) -> None:
        """Raise PushBufferFull where these Calls, put together, would be too much."""
        jobs = sum(entries.count(call) for call in calls)
        size = sum(len(word) for call in calls for word in call.words if isinstance(word, bytes))
        try:
            check(self.settings, self._store.counts(), jobs, size)
        except CannotKeep as full:
            raise PushBufferFull(
                f"the push buffer is full: {full}; nothing was enqueued"
            ) from error

    # -- sending ----------------------------------------------------------------------------------

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until all is sent, at most `timeout` seconds (its setting's); whether that came."""
        deadline = time.monotonic() + (self.settings.flush if timeout is None else timeout)
        while self._store.holds():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            self._wake.set()
            if self._send_soon():
                time.sleep(min(0.01, left))
            else:
                self._drain(deadline)
        return True

    async def aflush(self, timeout: float | None = None) -> bool:
        """The same for asyncio."""
        return await asyncio.to_thread(self.flush, timeout)

    def close(self) -> None:
        """Close a journal's file, which is opened again at need; what is kept stays kept."""
        self._store.close()

    def end(self, most: float = math.inf) -> None:
        """Before the process ends: send what is in memory, and say how much of it is lost.

        It takes the time of its setting, and no more than `most` seconds.
        """
        if self.settings.journal is None and not self.flush(min(self.settings.flush, most)):
            lost = count(self.jobs, "job")
            log.error("the server is still away: %s in the push buffer are lost", lost)

    def _send_soon(self) -> bool:
        """See that somebody sends; False when this process is so near its end that nobody can."""
        with self._store.lock:
            if self._thread is None or not self._thread.is_alive():
                atexit.unregister(self.end)
                atexit.register(self.end)
                # Known before it starts: an interrupt meanwhile must not lead to a second one.
                self._thread = threading.Thread(
                    target=self._drain, name="outrider-push-buffer", daemon=True
                )
                try:
                    self._thread.start()
                except RuntimeError:
                    return False
        return True

    def _drain(self, until: float = math.inf) -> None:
        """Send all that is kept, as soon as it can be sent; nothing may end this before."""
        executor = self._executor()
        sender = Sender(self._store, self._keys, executor)
        said, pause = "", 0.0
        while time.monotonic() < until:
            try:
                if self._is_done():
                    break
                if self._lead():
                    sender.send_first()
                    said, pause = "", 0.0
                    continue
                pause = OTHERS
            except StoreUnavailable:
                pause = min(max(2 * pause, 0.05), LOOK)
            except Exception as error:
                if str(error) != said:
                    log.error("what is kept can't be sent now: %s", error)
                said, pause = str(error), LOOK
            self._wake.wait(pause * chance.uniform(0.5, 1.0))
            self._wake.clear()
        executor.close()

    def _lead(self) -> bool:
        with self._store.lock:
            return self._store.lead()

    def _is_done(self) -> bool:
        """Whether nothing is kept any more: then the next one to keep something starts anew."""
        with self._store.lock:
            if not self._store.is_empty():
                return False
            self._store.follow()
            kept, self._kept, self._thread = self._kept, 0, None
            atexit.unregister(self.end)
        if kept:
            log.info("the server is back: %s kept meanwhile are sent", count(kept, "job"))
        return True

    # -- forks ------------------------------------------------------------------------------------

    def before_fork(self) -> None:
        """See that no thread is in the middle of anything, and no file is open.

        SQLite forbids to carry a connection over a fork, even to close it in the child.
        """
        self._store.lock.acquire()
        self._store.close()

    def after_fork(self) -> None:
        """Go on, in the parent."""
        self._store.lock.release()

    def be_child(self) -> None:
        """Begin anew: what is kept is the parent's, which sends it."""
        self._store.after_fork()
        self._begin()


def _store(settings: PushBuffer, keys: Keys) -> Store:
    if settings.journal is None:
        return Memory(settings)
    from outrider.buffer.journal import Journal

    return Journal(settings, keys.prefix)


class _Forking(threading.local):
    """What this thread has locked for its fork: another one may fork at the same time."""

    buffers: tuple[Buffer, ...] = ()


_all: weakref.WeakSet[Buffer] = weakref.WeakSet()
_forking = _Forking()


def _before() -> None:
    # In one order for all threads: none must wait for another that waits for it.
    _forking.buffers = tuple(sorted(_all, key=id))
    for buffer in _forking.buffers:
        buffer.before_fork()


def _in_parent() -> None:
    for buffer in _forking.buffers:
        buffer.after_fork()
    _forking.buffers = ()


def _in_child() -> None:
    # All, as a server in C may have forked without a word before.
    for buffer in tuple(_all):
        buffer.be_child()
    _forking.buffers = ()


os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
