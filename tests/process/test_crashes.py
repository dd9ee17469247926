"""Processes that die: children by kill -9, whole workers, and jobs that end their own process."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from types import ModuleType

import pytest

from outrider import App
from tests.process.conftest import StartWorker
from tests.process.harness import (
    Worker,
    ask,
    claimed,
    ended,
    length,
    listed,
    measured,
    reach,
    state,
    until,
)

JOBS = 2000
THREADS = 10
PROCESSES = 2


def _kill_child(one: Worker, app: App) -> None:
    """Kill a child at work; wait until the work has gone on, and until all children claim."""
    until(lambda: len(one.children) == PROCESSES == len(_owners(app, one)), "all children claim")
    before = length(app, "ran")
    until(lambda: length(app, "ran") > before + 20, "they are at work")
    owners = set(_owners(app, one))
    os.kill(one.children[0], signal.SIGKILL)
    before = length(app, "ran")
    until(lambda: length(app, "ran") >= before + 2 * THREADS, "the work goes on")
    until(lambda: set(_owners(app, one)) - owners, "another child claims")


def test_killed_children_lose_nothing(app: App, work: ModuleType, worker: StartWorker) -> None:
    """2,000 jobs of 5 ms in a batch, three children killed: all run, callbacks fire once (P74)."""
    batch = work.app.batch()
    batch.on("success", work.fired, tag="success").on("complete", work.Callbacks)
    batch.on("settled", work.fired, tag="settled")
    with batch.jobs():
        for i in range(JOBS):
            work.brief.enqueue(i)
    one = worker("-c", str(THREADS), "-p", str(PROCESSES))
    for _ in range(3):
        _kill_child(one, app)
    until(lambda: app.batches[batch.bid].is_settled, "the batch is settled", 60)
    until(lambda: length(app, "fired") == 3, "callbacks run")
    assert one.stop() == 0
    runs = Counter(listed(app, "ran"))
    assert {int(i) for i in runs} == set(range(JOBS))
    doubled = sum(runs.values()) - JOBS
    measured(f"doubled: {doubled}")
    # Per kill: what ran in each slot, and what had ended within the last flush of some 10 ms.
    assert doubled <= 3 * (THREADS + THREADS * 2)
    assert one.said("another one starts") == 3
    assert not one.said("starts in")
    assert Counter(listed(app, "fired")) == Counter(["success", "complete", "settled"])
    status = app.batches[batch.bid]
    assert (status.total, status.pending, status.failures, status.dead) == (JOBS, 0, 0, 0)
    assert claimed(app) == 0


def test_work_of_a_killed_child_runs_again_within_a_second(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """From kill -9 to the same job running elsewhere; the first five deaths have no pause."""
    one = worker("-c", "1")
    times = []
    for i in range(5):  # another job each time: one that is blamed again and again is no more run
        work.gated.enqueue(i, f"gate {i}")
        reach(app, "started", 2 * i + 1)
        os.kill(one.children[0], signal.SIGKILL)
        started = time.monotonic()
        reach(app, "started", 2 * i + 2)
        times.append(time.monotonic() - started)
        ask(app, "SET", f"gate {i}", 1)
        reach(app, "ran", i + 1)
    measured(f"from kill to running again: {[round(t, 3) for t in times]}")
    assert sorted(times)[2] < 1.5
    assert max(times) < 4.0
    assert not one.said("starts in")
    assert one.stop() == 0
    assert ask(app, "GET", "stat:processed") == b"5"


def test_another_process_takes_over_at_once(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """With a second child at hand, the dead one's job need not wait for a new process."""
    one = worker("-c", "1", "-p", "2")
    until(lambda: len(_owners(app, one)) == 2, "both children may claim")
    work.gated.enqueue(1, "gate")
    until(lambda: length(app, "started") == 1, "it runs")
    holder = _holder(app, one)
    os.kill(holder, signal.SIGKILL)
    started = time.monotonic()
    until(lambda: length(app, "started") == 2, "it runs again")
    seconds = time.monotonic() - started
    measured(f"taken over in {seconds:.3f} s")
    assert seconds < 1.0
    ask(app, "SET", "gate", 1)
    until(lambda: length(app, "ran") == 1, "it ends")


def _owners(app: App, one: Worker) -> list[bytes]:
    found = ask(app, "HKEYS", f"o:owners:{one.identity}")
    return [name for name in found if b":" not in name]


def _holder(app: App, one: Worker) -> int:
    """The process id of the child that holds a job; children are numbered as they are started."""
    key = next(iter(ask(app, "KEYS", f"o:claims:{one.identity}:*")))
    return sorted(one.children)[int(key.rpartition(b":")[2]) - 1]


def test_children_end_with_their_supervisor(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """kill -9 of the supervisor ends its children; another worker has the jobs by the lease."""
    other = worker("-c", "1")
    work.gated.enqueue(0, "gate")
    until(lambda: length(app, "started") == 1, "the other worker is busy")
    lost = worker("-c", "2", "-p", "2")
    until(lambda: len(_owners(app, lost)) == 2, "both children may claim")
    for i in range(1, 5):
        work.gated.enqueue(i, "gate")
    until(lambda: length(app, "started") == 5, "all run")
    mine, identity = lost.children, lost.identity
    assert len(mine) == 2
    lost.process.kill()
    lost.wait()
    # Who reaps them is the system's affair.
    until(lambda: all(map(ended, mine)), "children end")
    ask(app, "SET", "gate", 1)
    assert claimed(app) >= 4
    # Thirty seconds of the virtual clock, in a moment: only that this lease is in the past.
    ask(app, "ZADD", "o:leases", 0, identity)
    until(lambda: other.said("is lost"), "the reaper finds it", 15.0)
    until(lambda: length(app, "ran") == 5, "all have run")
    assert sorted(map(int, listed(app, "ran"))) == [0, 1, 2, 3, 4]
    assert ask(app, "EXISTS", f"o:owners:{identity}", identity) == 0
    assert other.stop() == 0
    assert claimed(app) == 0


@pytest.mark.soak
def test_a_lost_workers_lease_lapses_by_itself(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """The same in real time: within 40 seconds of its death its job runs again (P121)."""
    lost = worker("-c", "1")
    work.gated.enqueue(1, "gate")
    until(lambda: length(app, "started") == 1, "it runs")
    worker("-c", "1")
    lost.process.kill()
    started = time.monotonic()
    until(lambda: length(app, "started") == 2, "it runs again", 60)
    assert time.monotonic() - started < 45.0
    ask(app, "SET", "gate", 1)
    until(lambda: length(app, "ran") == 1, "it ends")


def test_no_zombies_while_children_die(app: App, work: ModuleType, worker: StartWorker) -> None:
    """Each dead child is waited for: none stays as a zombie of the supervisor."""
    one = worker()
    dead = []
    for _ in range(3):
        until(lambda: one.children and one.children[0] not in dead, "a child lives")
        dead.append(one.children[0])
        os.kill(dead[-1], signal.SIGKILL)
        until(lambda: state(dead[-1]) == "", "it is gone, and no zombie", 5.0)
    assert one.stop() == 0


@pytest.mark.parametrize(
    ("kind", "status"),
    # The kernel kills by SIGKILL who takes too much memory.
    [("os._exit", 1), ("segfault", -signal.SIGSEGV), ("kill", -signal.SIGKILL)],
)
@pytest.mark.parametrize("job", ["crash", "acrash"])
def test_a_job_that_ends_its_process_runs_again(
    app: App, work: ModuleType, worker: StartWorker, job: str, kind: str, status: int
) -> None:
    """A crash is no failed attempt: the job goes back and its second run succeeds."""
    getattr(work, job).enqueue(kind)
    one = worker("--drain", ready=False)
    assert one.wait() == 0
    assert listed(app, "crashes") == [kind, kind]
    assert listed(app, "ran") == [kind]
    assert ask(app, "GET", "stat:processed") == b"1"
    assert one.said(f"ended with status {status:d}") == 1


def test_a_crash_takes_no_other_job_with_it(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """What else the dead child held runs again, and is not blamed."""
    for i in range(20):
        work.brief.enqueue(i)
    work.crash.enqueue("os._exit")
    for i in range(20, 40):
        work.brief.enqueue(i)
    assert worker("-c", "4", "--drain", ready=False).wait() == 0
    assert {int(i) for i in listed(app, "ran") if i.isdecimal()} == set(range(40))
    assert ask(app, "ZCARD", "dead") == 0
