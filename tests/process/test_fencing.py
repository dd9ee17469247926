"""Workers that were thought dead and come back: their late reports change nothing."""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path
from types import ModuleType

from outrider import App
from outrider.store import process
from tests.process.conftest import StartWorker
from tests.process.harness import Worker, ask, claimed, length, listed, state, until


def _freeze(app: App, one: Worker) -> list[int]:
    """Stop all processes of a worker, as a suspended machine does, and end its lease."""
    _stop(one.pid)  # from then on it starts no others
    pids = [one.pid, *one.children]
    for pid in pids:
        _stop(pid)
    # What it has sent before is heard: nothing renews the lease after this.
    ask(app, "PING")
    ask(app, "ZADD", "o:leases", 0, one.identity)
    return pids


def _stop(pid: int) -> None:
    """Stop a process, and wait until each of its threads stands still."""
    os.kill(pid, signal.SIGSTOP)
    tasks = Path(f"/proc/{pid}/task")
    until(lambda: {state(pid, int(task.name)) for task in tasks.iterdir()} == {"T"}, "it stands")


def _thaw(pids: list[int]) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGCONT)


def test_a_frozen_worker_that_returns_counts_nothing_twice(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """Its jobs ran elsewhere meanwhile: what it reports late is refused, and it works again."""
    batch = work.app.batch().on("success", work.fired, tag="success")
    batch.on("complete", work.fired, tag="complete")
    with batch.jobs():
        for i in range(3):
            work.gated.enqueue(i, "gate")
    frozen = worker("-c", "3")
    until(lambda: length(app, "started") == 3, "all run")
    pids = _freeze(app, frozen)
    ask(app, "SET", "gate", 1)
    other = worker("-c", "3")
    until(lambda: length(app, "ran") == 3, "they run elsewhere")
    until(lambda: app.batches[batch.bid].is_success, "the batch succeeds")
    _thaw(pids)
    # One that ends is refused; then the whole child goes, with what else it runs.
    until(lambda: frozen.said("lease had lapsed"), "it has noticed")
    until(lambda: frozen.said("ended with status 4"), "its child starts afresh")
    until(lambda: length(app, "fired") == 2, "callbacks run")
    assert other.stop() == 0
    until(lambda: frozen.identity, "it has registered again")
    work.mark.enqueue(7)
    until(lambda: "7" in listed(app, "ran"), "it works again")
    assert frozen.stop() == 0
    assert Counter(listed(app, "fired")) == Counter(["success", "complete"])
    assert app.stats.processed == 3 + 2 + 1
    assert (app.stats.failed, claimed(app)) == (0, 0)


def test_an_idle_worker_whose_lease_lapsed_works_again(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """It notices at the next beat or claim, and starts afresh by itself."""
    frozen = worker()
    pids = _freeze(app, frozen)
    other = worker()
    until(lambda: other.said("is lost"), "the other one has noticed")
    assert other.stop() == 0
    _thaw(pids)
    work.mark.enqueue_many([(i,) for i in range(20)])
    until(lambda: length(app, "ran") == 20, "all run")
    assert frozen.stop() == 0
    assert claimed(app) == 0
    assert ask(app, "SCARD", "processes") == 0


def test_a_busy_child_that_is_fenced_is_cut_short(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """It compares notes while its job runs, and leaves: others do its job again."""
    one = worker("-c", "1")
    work.gated.enqueue(1, "gate")
    until(lambda: length(app, "started") == 1, "it runs")
    app.perform(process.farewell(app.keys, identity=one.identity, limit=10))
    until(lambda: one.said("ended with status 4"), "the child leaves")
    until(lambda: length(app, "started") == 2, "the job runs again")
    ask(app, "SET", "gate", 1)
    until(lambda: listed(app, "ran") == ["1"], "it ends")
    assert one.stop() == 0
    assert (listed(app, "ran"), length(app, "deaths"), claimed(app)) == (["1"], 0, 0)
