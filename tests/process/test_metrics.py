"""Metrics of real workers: what children measure is there, and hurts no job."""

from __future__ import annotations

import signal
from types import ModuleType

from outrider import App
from tests.process.conftest import StartWorker
from tests.process.harness import ask, reach, until


def counted(app: App) -> dict[str, tuple[int, int]]:
    return {name: (one.count, one.failed) for name, one in app.metrics.totals().items()}


def test_each_run_is_measured_once(app: App, work: ModuleType, worker: StartWorker) -> None:
    """By several processes, plain and async; when they leave nothing is missing."""
    work.mark.enqueue_many([(i,) for i in range(300)])
    work.amark.enqueue_many([(i,) for i in range(200)])
    one = worker("-p", "2", "--drain", ready=False)
    assert one.wait(60) == 0
    assert counted(app) == {"work.mark": (300, 0), "work.amark": (200, 0)}
    for metrics in (app.metrics.jobs(hours=2), app.metrics.jobs(minutes=60)):
        assert sum(job.total.count for job in metrics.values()) == app.stats.processed == 500
    total = app.metrics.totals()["work.mark"]
    assert total.run_times.count == total.wait_times.count == 300
    assert "default" in app.metrics.queues(minutes=5)


def test_they_are_there_while_it_works(app: App, work: ModuleType, worker: StartWorker) -> None:
    """A few seconds after a run, also of a worker that takes no more jobs."""
    work.mark.enqueue(1)
    one = worker()
    until(lambda: counted(app) == {"work.mark": (1, 0)}, "the first run is measured")
    work.mark.enqueue(2)
    reach(app, "ran", 2)
    one.send(signal.SIGTSTP)
    until(lambda: counted(app) == {"work.mark": (2, 0)}, "the second run is measured")


def test_a_server_that_takes_no_metrics_hurts_no_job(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """Jobs go on, it is told once, and what was kept arrives when it can."""
    ask(app, "SET", "o:totals", "what somebody else wrote")
    one = worker()
    told = "metrics are kept until the server takes them"
    work.mark.enqueue_many([(i,) for i in range(10)])
    until(lambda: one.said(told), told)
    work.mark.enqueue(1000)
    reach(app, "ran", 11)
    ask(app, "DEL", "o:totals")
    assert one.stop() == 0
    assert counted(app) == {"work.mark": (11, 0)}
    assert one.said(told) == 1


def test_a_worker_that_is_told_to_stop_leaves_nothing_behind(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """What ran in the last seconds is measured."""
    one = worker("-p", "2")
    for round_ in range(1, 4):
        work.mark.enqueue_many([(i,) for i in range(50)])
        reach(app, "ran", 50 * round_)
    assert one.stop() == 0
    assert counted(app) == {"work.mark": (150, 0)}
