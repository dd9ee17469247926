"""How fast jobs end in a child, and so how many it claims ahead."""

from __future__ import annotations

import time

from outrider.worker.runner import Runner

MOST = 500
AHEAD = 0.01
MEMORY = 0.1


class Rate:
    """Jobs a second, of the last moments: what ended earlier says nothing of the next ones."""

    def __init__(self) -> None:
        self._rate = 0.0
        self._measured = time.monotonic()

    def measure(self, done: int) -> None:
        """Note that so many jobs have run to their end."""
        if not done:
            return
        now = time.monotonic()
        elapsed = max(now - self._measured, 1e-6)
        self._measured = now
        weight = min(1.0, elapsed / 0.05)
        self._rate += weight * (done / elapsed - self._rate)

    def forget(self) -> None:
        """Take the next jobs for slow ones."""
        self._rate = 0.0

    def want(self, runner: Runner) -> int:
        """How many jobs to claim: the free slots, and what will start within AHEAD seconds."""
        if time.monotonic() - self._measured > MEMORY:
            self.forget()
        target = runner.slots + int(self._rate * AHEAD)
        want = target - runner.active - len(runner.ready)
        if runner.ready and want < target // 4:
            return 0
        return max(0, min(want, MOST))

    def slots_for(self, jobs: int) -> int:
        """How many slots to set to work: all for slow jobs, few when one thread is done at once."""
        return jobs if self._rate < 5_000 else 1 + int(jobs / self._rate / 0.005)
