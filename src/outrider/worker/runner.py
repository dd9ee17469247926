"""Runs claimed jobs: plain functions on threads, coroutines on an event loop, sharing the slots.

A slot is the right to run one job at a time. It wanders: a thread that meets an async job hands the
slot to the loop, which hands it back for a plain one. Whoever holds a slot takes jobs from `ready`
until it is empty, so a slow job never holds up others behind it.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any

import msgspec

from outrider import clock
from outrider.store.queue import Other
from outrider.worker.calling import Prepared
from outrider.worker.parking import Outcome, Parking
from outrider.worker.perform import Performer
from outrider.worker.slots import SlotTable


class Item(msgspec.Struct, gc=False):
    """A claimed job that waits for a slot. `since` is a monotonic time in seconds."""

    token: int
    payload: bytes
    since: float


class Runner:
    """Threads and a loop over one deque of jobs; outcomes gather in `outcomes`.

    `notify` is called when there is an outcome or a free slot to look at.
    """

    def __init__(
        self, performer: Performer, slots: int, table: SlotTable, notify: Callable[[], None]
    ) -> None:
        self.ready: deque[Item] = deque()
        self.outcomes: deque[Outcome] = deque()
        self.slots = slots
        self.parking = Parking(self._report)
        self._performer = performer
        self._table = table
        self._notify = notify
        self._free: deque[int] = deque(range(slots))
        self._calls: SimpleQueue[tuple[int, Prepared | None]] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._spare = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: dict[asyncio.Task[Outcome], Prepared] = {}
        self._runs: list[Prepared | None] = [None] * slots

    @property
    def active(self) -> int:
        """How many slots are taken."""
        return self.slots - len(self._free)

    def feed(self, items: Iterable[Item], slots: int) -> None:
        """Add jobs, and set up to `slots` more slots to work."""
        self.ready.extend(items)
        self.rouse(slots)

    def rouse(self, slots: int) -> None:
        """Set up to `slots` free slots to work."""
        for _ in range(slots):
            try:
                slot = self._free.popleft()
            except IndexError:
                return
            self._assign(slot)

    def look(self, coming: int) -> None:
        """Have the supervisor know that jobs are looked after; `coming` may be claimed now."""
        self._table.look(len(self.ready) + coming)

    def claims(self) -> None:
        """Have the supervisor know that this child claims, or has a good reason not to."""
        self._table.claims()

    def running(self) -> list[int]:
        """Tokens of the jobs that run now."""
        return [job.token for job in self._table.running()]

    def released(self, tokens: Iterable[int]) -> None:
        """Tell of running jobs that are given back, as there is no more time for them."""
        for prepared in self._runs:
            if prepared is not None and prepared.token in tokens:
                self._performer.released(prepared)

    def tasks(self) -> list[asyncio.Task[Outcome]]:
        """The coroutines that run."""
        return list(self._tasks)

    def interrupt(self, bids: list[str]) -> None:
        """Cancel the coroutines that are members of these batches, each once.

        Jobs claimed before and not begun yet are given back when their turn comes.
        """
        self._performer.refuse(bids)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._interrupt, frozenset(bids))

    def _interrupt(self, bids: frozenset[str]) -> None:
        for task, prepared in self._tasks.items():
            if prepared.job.bid in bids and not prepared.interrupted and _has_begun(task):
                prepared.interrupted = True
                task.cancel()

    def take_outcomes(self) -> deque[Outcome]:
        """Take all the outcomes that there are."""
        taken: deque[Outcome] = deque()
        while True:
            try:
                taken.append(self.outcomes.popleft())
            except IndexError:
                return taken

    def cancel_async(self, patience: float) -> None:
        """Cancel the coroutines that run, and wait up to `patience` seconds until they have ended.

        A job that is cancelled has no outcome.
        """
        if self._loop is not None:
            ending = asyncio.run_coroutine_threadsafe(self._cancel(patience), self._loop)
            with suppress(TimeoutError):
                ending.result(patience * 2)

    async def _cancel(self, patience: float) -> None:
        tasks = set(self._tasks)
        for task in tasks:
            self._tasks[task].cut_off = True
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=patience)

    def _report(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        self._notify()

    # -- threads ----------------------------------------------------------------------------------

    def _assign(self, slot: int, prepared: Prepared | None = None) -> None:
        """Have a thread work in this slot, and begin with this job if there is one."""
        # A thread is promised to each call. One that has just taken another must not be counted
        # as idle, or the slot is stuck until some job ends.
        with self._lock:
            if self._spare:
                self._spare -= 1
            else:
                self._threads += 1
                name = f"outrider-{self._threads}"
                threading.Thread(target=self._thread, name=name, daemon=True).start()
        self._calls.put((slot, prepared))

    def _thread(self) -> None:
        while True:
            self._work(*self._calls.get())
            with self._lock:
                self._spare += 1

    def _work(self, slot: int, prepared: Prepared | None) -> None:
        prepared = prepared or self._next(slot)
        while prepared is not None:
            if prepared.code.is_async:
                self._hand_over(prepared)
                return
            self.outcomes.append(self._performer.run(prepared))
            self._notify()
            prepared = self._next(slot)

    def _next(self, slot: int) -> Prepared | None:
        """Begin the next job in this slot; None when there is none, and the slot is free."""
        while True:
            try:
                item = self.ready.popleft()
            except IndexError:
                self._release(slot)
                return None
            prepared = self._read(slot, item)
            if isinstance(prepared, Prepared):
                prepared.slot = slot
                self._runs[slot] = prepared
                return prepared
            self.outcomes.append(prepared)
            self._notify()

    def _read(self, slot: int, item: Item) -> Prepared | Other:
        """Note that a slot takes a job, and read it; an outcome at once when it is not to run."""
        if not self._table.start(slot, item.token, clock.now_ms()):
            return Other("release", item.token)
        return self._performer.prepare(item.payload, item.token)

    def _release(self, slot: int) -> None:
        self._table.clear(slot)
        self._runs[slot] = None
        self._free.append(slot)
        if self.ready:
            # A job came between the last look and the release; nobody else would wake for it.
            self.rouse(1)
        self._notify()

    # -- coroutines -------------------------------------------------------------------------------

    def _hand_over(self, prepared: Prepared) -> None:
        with self._lock:
            if self._loop is None:
                self._loop = _new_loop()
                thread = threading.Thread(
                    target=self._loop.run_forever, name="outrider-async", daemon=True
                )
                thread.start()
        self._loop.call_soon_threadsafe(self._spawn, prepared)

    def _spawn(self, prepared: Prepared) -> None:
        assert self._loop is not None
        # By itself a task begins with the context of the one that starts it.
        context = self._performer.context()
        task = context.run(self._loop.create_task, self._performer.arun(prepared))
        self._tasks[task] = prepared
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Outcome]) -> None:
        prepared = self._tasks.pop(task)
        if not task.cancelled():
            self.outcomes.append(task.result())
        elif prepared.interrupted:
            self.outcomes.append(self._performer.interrupted(prepared))
        elif prepared.cut_off:
            self._performer.released(prepared)
        else:
            # By another job, which cancels all that it finds, before this one began.
            self.outcomes.append(Other("release", prepared.token))
        self._notify()
        self._continue(prepared.slot)

    def _continue(self, slot: int) -> None:
        """Go on with the next job, without leaving the loop if it is async too."""
        prepared = self._next(slot)
        if prepared is None:
            return
        if prepared.code.is_async:
            self._spawn(prepared)
        else:
            self._assign(slot, prepared)


def items(first: int, payloads: Iterable[bytes]) -> list[Item]:
    """Claimed payloads as items; those that a repeated claim no longer held are left out."""
    now = time.monotonic()
    return [Item(first + i, payload, now) for i, payload in enumerate(payloads) if payload]


def _has_begun(task: asyncio.Task[Outcome]) -> bool:
    """Whether a task has run its first step; one that has not will be given back by that."""
    work: Any = task.get_coro()
    return inspect.getcoroutinestate(work) != inspect.CORO_CREATED


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    loop: Any = uvloop.new_event_loop()
    return loop  # type: ignore[no-any-return]
