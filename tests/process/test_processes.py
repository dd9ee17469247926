"""Real workers as `app.processes` and `app.work` show them, and what they are told there."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

from outrider import App, __version__
from tests.process.conftest import StartWorker
from tests.process.harness import ask, length, until

BEAT = 12.0


def test_a_worker_and_what_it_runs(app: App, work: ModuleType, worker: StartWorker) -> None:
    """Both are there within a beat, with all its processes; and gone within another (P110)."""
    one = worker("-c", "3", "-p", "2", "-q", "high,2", "-q", "default,1")
    until(lambda: len(one.children) == 2, "both processes run")
    jids = work.gated.enqueue_many([(i, "gate") for i in range(6)])
    until(lambda: length(app, "started") == 6, "they run")
    begun = datetime.now(UTC)
    until(lambda: len(app.work) == 6, "a beat shows them", 2 * BEAT)
    run = app.work.find(jids[0])
    assert run is not None
    assert run.started_at is not None
    assert (run.process, run.job, run.queue) == (one.identity, "work.gated", "default")
    assert (run.args, run.attempt) == ([0, "gate"], 1)
    assert {each.slot for each in app.work} == {
        f"{child}-{slot}" for child in (1, 2) for slot in range(3)
    }
    assert abs(run.started_at - begun) < timedelta(seconds=10)
    assert run.elapsed < 30
    shown = app.processes[one.identity]
    assert (shown.pid, shown.hostname, shown.version) == (one.pid, os.uname().nodename, __version__)
    assert (shown.concurrency, shown.queues) == (6, {"high": 2, "default": 1})
    assert (shown.busy, shown.claimed, shown.is_quiet) == (6, 6, False)
    assert (shown.tag, shown.labels) == (Path(one.log_path).parent.name, ["outrider"])
    assert shown.rss > 10_000_000
    assert 0 < shown.rtt < 5
    assert shown.started_at is not None
    assert shown.beat is not None
    assert begun - timedelta(seconds=30) < shown.started_at < shown.beat
    assert [len(app.processes), len(app.work)] == [1, 6]
    ask(app, "SET", "gate", 1)
    until(lambda: len(app.work) == 0, "the next beat shows nothing", BEAT)
    assert one.stop() == 0
    assert list(app.processes) == []


def test_workers_are_told_to_be_quiet_and_to_stop(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """Each at its next beat: a quiet one takes nothing more, and what it has runs on."""
    one, other = worker("-c", "2"), worker()
    work.gated.enqueue(1, "gate")
    until(lambda: length(app, "started") == 1, "it runs")
    for process in app.processes:
        assert process.quiet()
    until(lambda: all(each.is_quiet for each in app.processes), "both are quiet", 2 * BEAT)
    work.mark.enqueue(2)
    mine = app.processes[one.identity]
    assert mine.dump()
    until(lambda: "Thread" in one.log, "it writes its stacks", BEAT)
    ask(app, "SET", "gate", 1)
    until(lambda: length(app, "ran") == 1, "what ran has ended")
    assert mine.stop()
    assert one.wait(BEAT) == 0
    assert not mine.stop()
    assert [process.identity for process in app.processes] == [other.identity]
    assert app.queues["default"].size == 1
    assert other.stop() == 0
