"""Jobs under which processes died run alone, and others are not drawn into it."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from types import ModuleType
from typing import Any

from outrider import App
from tests.process.conftest import StartWorker
from tests.process.harness import ask, claimed, ended, length, listed, reach, until


def suspect(app: App, work: ModuleType, job: str, *args: Any) -> None:
    """Put a job at the front of the queue under which two processes have died."""
    getattr(work, job).using(queue="aside").enqueue(*args)
    payload = json.loads(ask(app, "LPOP", "queue:aside"))
    payload["queue"] = "default"
    payload["blamed"] = [time.time() - 20, time.time() - 10]
    ask(app, "RPUSH", "queue:default", json.dumps(payload, separators=(",", ":")))


def test_a_job_that_kills_its_process_takes_nobody_with_it(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """Among 50 innocents: it dies at the third time, alone, and they all end well."""
    batch = work.app.batch()
    with batch.jobs():
        for i in range(25):
            work.innocent.enqueue(i)
        work.culprit.enqueue(True)
        for i in range(25, 50):
            work.innocent.enqueue(i)
    one = worker("-c", "10", "--drain", ready=False)
    assert one.wait(60) == 0
    beside = list(map(int, listed(app, "beside")))
    assert len(beside) == 3
    assert beside[0] > 0
    assert beside[2] == 0
    assert {int(i) for i in listed(app, "ran")} == set(range(50))
    (dead,) = [json.loads(payload) for payload in ask(app, "ZRANGE", "dead", 0, -1)]
    assert dead["class"] == "work.culprit"
    assert dead["error_class"] == "outrider.errors.PoisonPill"
    assert listed(app, "deaths") == ["work.culprit PoisonPill"]
    status = app.batches[batch.bid]
    assert (status.pending, status.dead, status.is_complete) == (1, 1, True)
    assert claimed(app) == 0


def test_a_suspect_that_behaves_ends_well(app: App, work: ModuleType, worker: StartWorker) -> None:
    """It waits for those beside it, while another child works; the worker goes on with that."""
    one = worker("-c", "5")
    (old,) = one.children
    work.gated.enqueue(1, "gate")
    until(lambda: length(app, "started") == 1, "a job runs")
    for _ in range(3):
        suspect(app, work, "culprit", False)
        until(lambda: ask(app, "LLEN", "queue:default") == 0, "it is claimed")
    until(lambda: len(one.children) == 2, "another child starts")
    work.innocent.enqueue_many([(i,) for i in range(20)])
    reach(app, "ran", 20)
    assert length(app, "beside") == 0
    assert old in one.children
    ask(app, "SET", "gate", 1)
    until(lambda: ended(old), "the old child leaves", 30)
    until(lambda: length(app, "beside") == 3, "all suspects have run")
    assert listed(app, "beside") == ["0", "0", "0"]
    assert listed(app, "ran").count("culprit") == 3
    until(lambda: one.said("has left"), "its supervisor has seen it")
    assert not one.said("ended with status")
    work.mark.enqueue(99)
    until(lambda: "99" in listed(app, "ran"), "the other one works")
    assert one.stop() == 0
    assert app.stats.processed == 25
    assert claimed(app) == 0


def test_suspects_are_given_back_by_a_worker_that_stops(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """Quiet is enough: whoever takes no jobs does not keep those that have not begun."""
    one = worker("-c", "5")
    work.gated.enqueue(1, "gate")
    until(lambda: length(app, "started") == 1, "a job runs")
    suspect(app, work, "culprit", False)
    until(lambda: one.said("is to replace"), "it is held")
    one.send(signal.SIGTSTP)
    until(lambda: ask(app, "LLEN", "queue:default") == 1, "it is given back")
    ask(app, "SET", "gate", 1)
    until(lambda: length(app, "ran") == 1, "the job ends")
    assert one.stop() == 0
    assert length(app, "beside") == 0
    assert worker("--drain", ready=False).wait() == 0
    assert listed(app, "beside") == ["0"]
    assert listed(app, "ran") == ["1", "culprit"]


def test_a_culprit_in_quarantine_is_not_the_end_of_the_worker(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """Many suspects that do end their processes, one after the other: others run meanwhile."""
    one = worker("-c", "5")
    for _ in range(4):
        suspect(app, work, "culprit", True)
    work.innocent.enqueue_many([(i,) for i in range(20)])
    until(lambda: ask(app, "ZCARD", "dead") == 4, "all are dead", 60)
    reach(app, "ran", 20)
    assert listed(app, "beside") == ["0", "0", "0", "0"]
    assert not one.said("starts in")
    work.mark.enqueue(99)
    until(lambda: "99" in listed(app, "ran"), "the worker goes on")
    assert one.stop() == 0
    assert claimed(app) == 0


def test_where_no_other_child_starts_suspects_run_in_place(
    app: App, work: ModuleType, worker: StartWorker, tmp_path: Path
) -> None:
    """After a while, alone too: nothing is claimed until they have run, and then all goes on."""
    path = tmp_path / "work.py"
    with path.open("a") as code:
        code.write("\nfrom outrider.worker import quarantine\nquarantine.PATIENCE = 5.0\n")
    one = worker("-c", "5")
    path.write_text("raise RuntimeError('a bad deployment')")
    (old,) = one.children
    work.gated.enqueue(1, "gate")
    until(lambda: length(app, "started") == 1, "a job runs")
    suspect(app, work, "culprit", False)
    until(lambda: one.said("can't start"), "no other child starts")
    sent = 0
    while ask(app, "LLEN", "queue:default") == 0:
        assert sent < 100
        work.innocent.enqueue(sent)
        sent += 1
        time.sleep(0.5)
    assert sent > 3  # at first they are claimed and run, then not
    work.innocent.enqueue_many([(sent + i,) for i in range(20)])
    ask(app, "SET", "gate", 1)
    reach(app, "ran", sent + 22)
    assert listed(app, "beside") == ["0"]
    assert set(listed(app, "ran")[sent - 1 : sent + 1]) == {"1", "culprit"}
    assert one.children == [old]
    assert one.stop() == 0
    assert claimed(app) == 0
