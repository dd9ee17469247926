"""`outrider worker --drain`: everything runs once, and then the worker ends by itself."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from types import ModuleType

from outrider import App
from tests.process.conftest import StartWorker
from tests.process.harness import ask, listed, outrider


def test_an_empty_app_drains_at_once(tmp_path: Path, work: ModuleType) -> None:
    """With nothing to do, `--drain` exits 0 in about the time that starting takes."""
    started = time.monotonic()
    ran = outrider(tmp_path, "worker", "work", "--drain")
    assert ran.returncode == 0, ran.stderr
    assert time.monotonic() - started < 5.0


def test_all_kinds_of_work_run_once(app: App, work: ModuleType, worker: StartWorker) -> None:
    """Plain, async, failing, delayed and batch jobs with callbacks: each once, then exit 0."""
    for i in range(20):
        work.mark.enqueue(i)
        work.amark.enqueue(100 + i)
    work.flaky.enqueue(200)
    work.mark.enqueue_in(0.5, 300)
    batch = work.app.batch()
    batch.on("success", work.fired, tag="plain").on("success", work.Callbacks)
    batch.on("complete", work.Callbacks).on("settled", work.fired, tag="settled")
    with batch.jobs():
        for i in range(400, 420):
            work.mark.enqueue(i)
        work.flaky.enqueue(420)
    assert worker("--drain", "-p", "2", ready=False).wait() == 0
    expected = [*range(20), *range(100, 120), 200, 300, *range(400, 421)]
    assert sorted(map(int, listed(app, "ran"))) == expected
    assert Counter(listed(app, "fired")) == Counter(["plain", "success", "complete", "settled"])
    assert sorted(listed(app, "attempts")) == ["200.1", "200.2", "420.1", "420.2"]
    assert app.batches[batch.bid].is_success


def test_a_drained_worker_leaves_nothing_behind(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """After an orderly end there is no registration, no lease and no claim."""
    work.mark.enqueue(1)
    assert worker("--drain", ready=False).wait() == 0
    kinds = ("processes", "o:owners:*", "o:claims:*", "*:work", "*-signals", "o:leases")
    assert [key for kind in kinds for key in ask(app, "KEYS", kind)] == []


def test_drain_does_not_wait_for_what_is_far_away(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """A job due in an hour stays scheduled; a retry due in a minute stays in the retry set."""
    work.mark.enqueue_in(3600, 1)
    work.app.enqueue("work.nothing_of_this_name")
    assert worker("--drain", ready=False).wait() == 0
    assert ask(app, "ZCARD", "schedule") == 1
    assert ask(app, "ZCARD", "retry") == 1
    assert listed(app, "ran") == []


def test_a_failing_job_does_not_change_the_exit_status(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """Jobs fail and die; the worker that drained them has done its work and exits 0."""
    work.hopeless.enqueue(1)
    work.explode.enqueue("sys.exit")
    assert worker("--drain", ready=False).wait() == 0
    assert ask(app, "ZCARD", "dead") == 2


def test_drain_waits_for_what_another_worker_runs(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """While another worker still runs a job of the queue, it is not done."""
    first = worker("-c", "1")
    work.gated.enqueue(1, "gate")
    while not listed(app, "started"):
        time.sleep(0.01)
    second = worker("--drain")
    time.sleep(0.3)
    assert second.process.poll() is None
    ask(app, "SET", "gate", 1)
    assert second.wait() == 0
    assert listed(app, "ran") == ["1"]
    assert first.stop() == 0
