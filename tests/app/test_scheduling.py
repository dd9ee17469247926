"""The loops that move due jobs: in time, one for all, and each set beside the other."""

from __future__ import annotations

import heapq
import random
from collections import Counter

import pytest

from outrider import App
from outrider.store.schedule import SLICE
from outrider.worker.keeping import AT_ONCE, SCHEDULE, Scheduler
from tests.app.hands import NOW, listed, raw, write


class Crowd:
    """Some workers' schedulers on a clock of their own, in seconds from NOW."""

    def __init__(self, app: App, count: int) -> None:
        random.seed(count)
        self.app = app
        self.time = 0.0
        self.looks: Counter[str] = Counter()
        names = [f"worker{number}" for number in range(count)]
        self.schedulers = {
            name: Scheduler(app.executor, app.keys, name, self.now, *3 * [lambda _: None])
            for name in names
        }
        self._due = [(random.random(), name) for name in names]
        heapq.heapify(self._due)

    def now(self) -> int:
        return NOW + int(self.time * 1000)

    def run(self, until: float) -> None:
        """Let everyone look when it is time, up to a moment."""
        while self._due[0][0] <= until:
            self.time, name = self._due[0]
            if name not in self.schedulers:
                heapq.heappop(self._due)
                continue
            self.looks[name] += 1
            heapq.heapreplace(self._due, (self.time + self.schedulers[name].tick(), name))
        self.time = until

    def leave(self, name: str) -> None:
        """A worker is gone, and nobody says so."""
        del self.schedulers[name]

    def leader(self) -> str:
        """Who moved jobs last."""
        said: bytes = raw(self.app, "GET", "o:scheduler")
        return said.decode().partition(" ")[2]


def add(app: App, name: str, *due: float) -> None:
    """Jobs for these times, in seconds from NOW."""
    words = [word for at in due for word in (NOW / 1000 + at, write(f"{at:.3f}"))]
    raw(app, "ZADD", app.keys(name), *words)


def latest(app: App) -> float:
    """By how much the latest job came to its queue after its time, in seconds."""
    stamps = [text.rpartition(":")[2][:-1] for text in listed(app)]
    due = [text.partition('"jid":"')[2].partition('"')[0] for text in listed(app)]
    return max(float(at) - NOW / 1000 - float(then) for at, then in zip(stamps, due, strict=True))


def test_a_crowd_looks_as_rarely_as_it_may(app: App) -> None:
    """60 workers, a job every 100 ms: one moves them at their time, the others look once a second.

    When it is gone another one takes its place, and no job is more than a second late (P150).
    """
    crowd = Crowd(app, 60)
    times = [at / 10 for at in range(20, 200)]
    add(app, "schedule", *times)
    crowd.run(10.0)
    assert latest(app) <= SCHEDULE
    crowd.looks.clear()
    leader = crowd.leader()
    crowd.leave(leader)
    crowd.run(21.0)
    assert len(listed(app)) == len(times)
    assert latest(app) <= SCHEDULE
    others = [count for name, count in crowd.looks.items() if name != crowd.leader()]
    assert max(others) <= 2 * 11
    assert sum(crowd.looks.values()) < 60 * 11 * 1.5 + 10 * 11


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_what_comes_sooner_than_all_that_is_known(app: App, workers: int) -> None:
    """A job for in 0.2 s while all sleep until another one is due: it is not a second late."""
    crowd = Crowd(app, workers)
    add(app, "schedule", 0.5, 60.0)
    crowd.run(3.0)
    for at in (3.2, 5.9, 9.3):
        add(app, "retry", at)
        crowd.run(at + 1.05)
        assert len(listed(app)) == [3.2, 5.9, 9.3].index(at) + 2
    assert latest(app) <= SCHEDULE


@pytest.mark.parametrize("seed", range(5))
def test_the_leader_is_gone(app: App, seed: int) -> None:
    """The other worker looks often enough, though it knew of nothing that is due."""
    crowd = Crowd(app, 2)
    random.seed(seed)
    add(app, "schedule", 2.0)
    crowd.run(4.0)
    crowd.leave(crowd.leader())
    for at in range(30):
        add(app, "schedule", crowd.time + random.random())
        crowd.run(5.0 + at)
    crowd.run(40.0)
    assert len(listed(app)) == 31
    assert latest(app) <= SCHEDULE


def test_one_worker_comes_at_the_time(app: App) -> None:
    """It knows when the next job is due."""
    crowd = Crowd(app, 1)
    add(app, "schedule", 1.5, 1.505, 2.25)
    crowd.run(5.0)
    assert latest(app) < 0.03


@pytest.mark.parametrize(("large", "small"), [("schedule", "retry"), ("retry", "schedule")])
def test_a_large_set_does_not_hold_the_other_back(app: App, large: str, small: str) -> None:
    """Each look moves something of both, so the first one moves what is due in the small one."""
    for first in range(0, 9000, 1000):
        add(app, large, *(-1 - at / 1000 for at in range(first, first + 1000)))
    add(app, small, 0.0)
    crowd = Crowd(app, 1)
    (only,) = crowd.schedulers.values()
    assert only.tick() == 0.0
    assert raw(app, "ZCARD", small) == 0
    left = 9000 - SLICE
    assert raw(app, "ZCARD", large) == left
    while left:
        add(app, small, 0.0)
        only.tick()
        left = max(0, left - AT_ONCE * SLICE)
        assert (raw(app, "ZCARD", small), raw(app, "ZCARD", large)) == (0, left)
