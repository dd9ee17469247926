"""Nobody takes jobs from a process that lives, however deaf it is."""

from __future__ import annotations

import os
import signal
import time
from types import ModuleType

from outrider import App
from tests.process.conftest import StartWorker
from tests.process.harness import Worker, ask, claimed, listed, reach, state, until

# So much faster than time does the virtual clock go: a lease of 30 s lasts 10 s.
SPEED = 3
LEASE = 30 / SPEED


def _pass(app: App, seconds: float) -> None:
    """Let time pass, and SPEED times as much of it for leases."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.5)
        ask(app, "HINCRBY", "o:clock", "vt", 500 * (SPEED - 1))


def _busy(app: App, one: Worker, job: str) -> int:
    """The process id of the child that has just begun a job."""
    until(lambda: job in listed(app, "started"), f"{job} runs")
    found = [key.decode() for key in ask(app, "KEYS", f"o:claims:{one.identity}:*")]
    return sorted(one.children)[int(found[0].rpartition(":")[2]) - 1]


def test_busy_and_frozen_children_keep_their_jobs(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """The GIL held, a blocked event loop, a busy loop, a stopped child: longer than a lease."""
    frozen = worker("-c", "1")
    work.gated.enqueue(1, "gate")
    child = _busy(app, frozen, "1")
    os.kill(child, signal.SIGSTOP)
    until(lambda: state(child) == "T", "it is stopped")
    busy = worker("-c", "1", "-p", "3")
    until(lambda: len(busy.children) == 3, "its children live")
    for job in (work.hold, work.block, work.crunch):
        job.enqueue(LEASE * 1.3)
    reach(app, "started", 4)
    other = worker("-c", "4")
    _pass(app, LEASE * 1.2)
    os.kill(child, signal.SIGCONT)
    ask(app, "SET", "gate", 1)
    reach(app, "ran", 4)
    assert [one.stop() for one in (other, busy, frozen)] == [0, 0, 0]
    assert sorted(listed(app, "started")) == ["1", "block", "crunch", "hold"]
    assert sorted(listed(app, "ran")) == ["1", "block", "crunch", "hold"]
    for one in (other, busy, frozen):
        assert not one.said("is lost")
        assert not one.said("lapsed")
        assert not one.said("ended with status")
    assert claimed(app) == 0
