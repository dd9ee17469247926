"""Batches with real workers: each callback fires exactly once, whatever is delivered twice."""

from __future__ import annotations

from collections import Counter
from types import ModuleType

import pytest

from outrider import App, Batch
from tests.process.conftest import StartWorker
from tests.process.harness import ask, length, listed, until

JOBS = 5000
FIRED = Counter(["success", "complete", "complete", "settled", "extra"])


def commit(work: ModuleType, jobs: int) -> Batch:
    """A batch with several callbacks, one of them on an event twice."""
    batch: Batch = work.app.batch(description="many")
    batch.on("success", work.Callbacks).on("success", work.fired, tag="extra")
    batch.on("complete", work.Callbacks).on("complete", work.fired, tag="complete")
    batch.on("settled", work.fired, tag="settled").on("death", work.fired, tag="death")
    with batch.jobs():
        for i in range(jobs):
            work.mark.enqueue(i)
    return batch


def check(app: App, batch: Batch) -> None:
    """The batch has succeeded, and each callback ran once."""
    status = app.batches[batch.bid]
    assert status.is_success
    assert (status.total, status.pending, status.failures, status.dead) == (JOBS, 0, 0, 0)
    assert Counter(listed(app, "fired")) == FIRED
    states = {one.event: one.state for one in status.callbacks}
    assert states.pop("death") == "waiting"
    assert set(states.values()) == {"succeeded"}


def test_each_callback_of_a_large_batch_fires_once(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """5,000 jobs over two processes: each runs once, and so does each callback (O10)."""
    batch = commit(work, JOBS)
    assert worker("-p", "2", "--drain", ready=False).wait(60) == 0
    assert Counter(map(int, listed(app, "ran"))) == Counter(range(JOBS))
    check(app, batch)


def test_payloads_delivered_twice_fire_no_callback_twice(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """The whole queue copied before a worker starts: jobs count once, callbacks fire once (P8)."""
    batch = commit(work, JOBS)
    for payload in ask(app, "LRANGE", "queue:default", 0, -1):
        ask(app, "LPUSH", "copy", payload)
    ask(app, "RENAME", "queue:default", "original")
    for source in ("copy", "original"):
        for payload in ask(app, "LRANGE", source, 0, -1):
            ask(app, "RPUSH", "queue:default", payload)
    assert ask(app, "LLEN", "queue:default") == 2 * JOBS
    assert worker("-p", "2", "--drain", ready=False).wait(60) == 0
    assert set(map(int, listed(app, "ran"))) == set(range(JOBS))
    check(app, batch)


def test_callbacks_delivered_twice_do_not_disturb_the_batch(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """A copied callback payload runs twice, being a job, and the batch stays as it is."""
    one = worker("-q", "default")
    batch = work.app.batch(callback_queue="low").on("success", work.fired, tag="success")
    with batch.jobs():
        work.mark.enqueue(1)
    until(lambda: ask(app, "LLEN", "queue:low") == 1, "the callback is pushed")
    ask(app, "LPUSH", "queue:low", ask(app, "LINDEX", "queue:low", 0))
    assert worker("-q", "low", "--drain", ready=False).wait() == 0
    assert listed(app, "fired") == ["success", "success"]
    assert app.batches[batch.bid].is_success
    assert one.stop() == 0


@pytest.mark.parametrize("jobs", [0, 1])
def test_small_batches_fire_too(app: App, work: ModuleType, worker: StartWorker, jobs: int) -> None:
    """An empty batch, and one of one job, fire complete, success and settled (P21)."""
    one = worker()
    batch = commit(work, jobs)
    until(lambda: length(app, "fired") == sum(FIRED.values()), "all callbacks run")
    assert Counter(listed(app, "fired")) == FIRED
    assert app.batches[batch.bid].is_settled
    assert one.stop() == 0


def test_join_sees_a_worker_finish(app: App, work: ModuleType, worker: StartWorker) -> None:
    """join() returns when the batch is complete, and status tells of a dead member."""
    one = worker()
    batch = work.app.batch().on("death", work.fired, tag="death")
    with batch.jobs():
        work.mark.enqueue(1)
        work.hopeless.enqueue(2)
    status = app.batches[batch.bid]
    status.join(20, until="settled")
    status.refresh()
    assert (status.pending, status.failures, status.dead) == (1, 1, 1)
    assert [failed.error_message for failed in status.failure_info] == ["never: 2"]
    until(lambda: listed(app, "fired") == ["death"], "the callback runs")
    assert one.stop() == 0
