"""What a supervisor does at intervals: heartbeat and lease, due jobs, drain, cancelling.

Each is a `Loop` with one method that does one round and says when to come back. One thread runs
those that must be on time, and none of them may take long; another one runs those that may.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from outrider import cancelling
from outrider.chance import chance
from outrider.errors import StoreError
from outrider.hub import Flow
from outrider.io import Executor
from outrider.keys import Keys
from outrider.script import Call
from outrider.store import held, life, queue, schedule
from outrider.worker.reach import Reach

log = logging.getLogger("outrider.worker")
SCHEDULE = 1.0
GATHER, AGAIN = 0.02, 0.5
SETS = ("schedule", "retry")
AT_ONCE = 8
SLICE = 250
LEFT_UNDONE_MS = 30_000
IDLE = 3600.0


def exhaust(executor: Executor, call: Call[int]) -> int:
    """Perform a call that moves a slice until nothing is left; how much that was."""
    total, moved = 0, 1
    while moved:
        moved = executor.run(call)
        total += moved
    return total


class Loop(Protocol):
    """One round at a time."""

    def tick(self) -> float:
        """Do one round; seconds until the next."""
        ...


class Scheduler:
    """Moves due jobs of `schedule` and `retry` to their queues, within a second of their time.

    The worker that did so last leads: it comes when the next job is due. The others look once a
    second, in case that it is gone or a job has come before those that it knows.

    In the same round trip it moves jobs of large blocks, a slice at a time, and hands back those
    that were held for a paused name which goes on; ends holds whose lease is over, and hears of
    batches: whose running members are to be interrupted (`interrupt` is called each round), and
    whose cancelling a process has left undone (`take_over`); and of operations (`operate`).
    """

    def __init__(
        self,
        executor: Executor,
        keys: Keys,
        identity: str,
        now: Callable[[], int],
        interrupt: Callable[[list[str]], None],
        take_over: Callable[[list[str]], None],
        operate: Callable[[list[str]], None],
    ) -> None:
        self._executor = executor
        self._keys = keys
        self._identity = identity
        self._now = now
        self._interrupt = interrupt
        self._take_over = take_over
        self._operate = operate
        self._heard = 0
        self._full: set[str] = set()

    def tick(self) -> float:
        """Move one slice of each, or some of a set that held more."""
        now = self._now()
        most = AT_ONCE // max(1, len(self._full))
        names = [name for name in SETS for _ in range(most if name in self._full else 1)]
        calls = [
            schedule.promote_slice(self._keys, name=name, identity=self._identity, now=now)
            for name in names
        ]
        moves = [queue.move_slice(self._keys), held.handback_slice(self._keys)]
        since = now - LEFT_UNDONE_MS
        look = life.upkeep(self._keys, limit=SLICE, since=since, heard=self._heard, now=now)
        *found, moving, held_back, upkeep = self._executor.run_all([*calls, *moves, look])
        if upkeep.heard is not None:
            self._heard = upkeep.heard
        self._interrupt(upkeep.interrupts)
        if upkeep.undone:
            self._take_over(upkeep.undone)
        if upkeep.operations:
            self._operate(upkeep.operations)
        patience = self._patience(dict(zip(names, found, strict=True)), now)
        full = [upkeep.lapsed, len(upkeep.undone), len(upkeep.interrupts), upkeep.disposed]
        return 0.0 if moving or held_back or SLICE in full else patience

    def _patience(self, found: dict[str, schedule.Promoted], now: int) -> float:
        """Seconds until the next look at the sets, as they were found."""
        full = {name for name, one in found.items() if 0 <= one.next_at <= now}
        if not any(one.leads for one in found.values()):
            # All workers look at different times, so that one of them is soon there.
            self._full = set()
            return AGAIN if full else SCHEDULE * chance.uniform(0.8, 1.0)
        self._full = full
        ahead = [(one.next_at - now) / 1000 for one in found.values() if one.next_at >= 0]
        return 0.0 if full else max(GATHER, min([SCHEDULE, *ahead]))


class Canceller:
    """Finishes cancellings, one request a round: a tree of batches may take minutes.

    One that fails stays noted on the server, and some worker takes it over after a while. So does
    one that takes longer than that, which is added again: all that wait are finished together.
    """

    def __init__(self, executor: Executor, keys: Keys) -> None:
        self._executor = executor
        self._keys = keys
        self._left: deque[list[str]] = deque()
        self._flow: Flow[None] | None = None
        self._answer: Any = None

    def add(self, bids: list[str]) -> None:
        """Have the cancelling of these batches finished."""
        self._left.append(bids)

    def tick(self) -> float:
        """Make one request."""
        if self._flow is None:
            if not self._left:
                return IDLE
            bids: dict[str, None] = {}
            while self._left:
                bids |= dict.fromkeys(self._left.popleft())
            self._flow, self._answer = cancelling.finish(self._keys, bids), None
        flow, self._flow = self._flow, None
        try:
            call = flow.send(self._answer)
        except StopIteration:
            return 0.0
        self._answer = self._executor.run(call)
        self._flow = flow
        return 0.0


class Drain:
    """Calls `done` once nothing is queued, due, or running anywhere."""

    def __init__(
        self,
        executor: Executor,
        keys: Keys,
        queues: Sequence[str],
        now: Callable[[], int],
        done: Callable[[], None],
    ) -> None:
        self._executor = executor
        self._keys = keys
        self._queues = list(queues)
        self._now = now
        self._done = done

    def tick(self) -> float:
        """Count what is left."""
        call = queue.outstanding(self._keys, queues=self._queues, horizon=self._now() + 1000)
        if self._executor.run(call):
            return 0.05
        self._done()
        return IDLE


class Keeper:
    """Runs loops on one thread, and keeps on while the server is away.

    That is told when a loop has failed `told_at` times in a row: a first failure may be that of a
    connection alone, found when all others are back.
    """

    def __init__(
        self,
        loops: Sequence[Loop],
        reach: Reach,
        name: str = "outrider-keeper",
        *,
        told_at: int = 1,
    ) -> None:
        self._due = dict.fromkeys(loops, 0.0)
        self._failures = dict.fromkeys(loops, 0)
        self._reach = reach
        self._told_at = told_at
        self._woken: deque[Loop] = deque()
        self._event = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def wake(self, loop: Loop) -> None:
        """Have a loop's next round now, or once more if it is in the middle of one."""
        self._woken.append(loop)
        self._event.set()

    def stop(self) -> None:
        """Finish the round, do what was asked for meanwhile, and end the thread."""
        self._stopped = True
        self._event.set()
        self._thread.join(10.0)

    def _run(self) -> None:
        while not self._stopped:
            self._event.clear()
            while self._woken:
                self._due[self._woken.popleft()] = 0.0
            for loop, due in sorted(self._due.items(), key=lambda entry: entry[1]):
                if due <= time.monotonic() and not self._stopped:
                    self._due[loop] = time.monotonic() + self._tick(loop)
            self._event.wait(max(0.0, min(self._due.values()) - time.monotonic()))
        while self._woken:
            self._tick(self._woken.popleft())

    def _tick(self, loop: Loop) -> float:
        name = type(loop).__name__.lower()
        try:
            patience = loop.tick()
        except StoreError as error:
            self._failures[loop] += 1
            if self._failures[loop] >= self._told_at:
                self._reach.say(name, str(error))
            return AGAIN
        except Exception:
            # Whatever it was: without this thread the worker would lose its lease.
            log.exception("%s failed; trying again", name)
            return 1.0
        if self._failures[loop]:
            self._failures[loop] = 0
            self._reach.say(name, "")
        return patience
