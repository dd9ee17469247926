"""What a supervisor does at intervals: heartbeat and lease, due jobs, drain.

Each is a `Loop` with one method that does one round and says when to come back. One thread runs
them all by their time; none may take long.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from outrider import cancelling
from outrider.errors import StoreUnavailable
from outrider.io import Executor
from outrider.keys import Keys
from outrider.store import life, queue, schedule

log = logging.getLogger("outrider.worker")
SCHEDULE = 1.0
SLICE = 250
MOVE, MOVE_BYTES = 1000, 1 << 18
LEFT_UNDONE_MS = 30_000


class Loop(Protocol):
    """One round at a time."""

    def tick(self) -> float:
        """Do one round; seconds until the next."""
        ...


class Scheduler:
    """Moves due jobs of `schedule` and `retry` to their queues, within a second of their time.

    In the same round trip it moves jobs of large blocks, a slice at a time, ends holds whose lease
    is over, and finishes the cancelling of batches that a process has left undone.
    """

    def __init__(self, executor: Executor, keys: Keys, now: Callable[[], int]) -> None:
        self._executor = executor
        self._keys = keys
        self._now = now

    def tick(self) -> float:
        """Move one slice of each."""
        now = self._now()
        calls = [
            schedule.promote(self._keys, name=name, now=now, limit=SLICE)
            for name in ("schedule", "retry")
        ]
        move = queue.move(self._keys, limit=MOVE, bytes=MOVE_BYTES)
        look = life.upkeep(self._keys, limit=SLICE, since=now - LEFT_UNDONE_MS, now=now)
        *found, moving, upkeep = self._executor.run_all([*calls, move, look])
        if upkeep.undone:
            self._executor.drive(cancelling.finish(self._keys, upkeep.undone))
        if moving or upkeep.lapsed == SLICE or any(one.moved == SLICE for one in found):
            return 0.0
        ahead = [(one.next_at - now) / 1000 for one in found if one.next_at >= 0]
        return float(max(0.0, min([SCHEDULE, *ahead])))


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
        return 3600.0


class Keeper:
    """Runs loops on one thread, and keeps on while the server is away."""

    def __init__(self, loops: Sequence[Loop], name: str = "outrider-keeper") -> None:
        self._due = dict.fromkeys(loops, 0.0)
        self._event = threading.Event()
        self._stopped = False
        self._away = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def wake(self, loop: Loop) -> None:
        """Have a loop's next round now."""
        self._due[loop] = 0.0
        self._event.set()

    def stop(self) -> None:
        """Finish the round and end the thread."""
        self._stopped = True
        self._event.set()
        self._thread.join(10.0)

    def _run(self) -> None:
        while not self._stopped:
            self._event.clear()
            for loop, due in sorted(self._due.items(), key=lambda entry: entry[1]):
                if due <= time.monotonic() and not self._stopped:
                    self._due[loop] = time.monotonic() + self._tick(loop)
            self._event.wait(max(0.0, min(self._due.values()) - time.monotonic()))

    def _tick(self, loop: Loop) -> float:
        try:
            patience = loop.tick()
        except StoreUnavailable as error:
            if not self._away:
                self._away = True
                log.error("%s; trying again", error)
            return 1.0
        except Exception:
            # Whatever it was: without this thread the worker would lose its lease.
            log.exception("%s failed; trying again", type(loop).__name__.lower())
            return 1.0
        if self._away:
            self._away = False
            log.info("the server is back")
        return patience
