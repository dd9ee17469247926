"""Blocks of any size with real workers."""

from __future__ import annotations

from collections import Counter
from types import ModuleType

from outrider import App
from tests.process.conftest import StartWorker
from tests.process.harness import ask, listed, until

MANY = 50_000


def test_a_worker_completes_a_large_block(app: App, work: ModuleType, worker: StartWorker) -> None:
    """Each job once, and success once; the scheduler moves what was not alone in its queue.

    P76.
    """
    batch = work.app.batch().on("success", work.fired, tag="success")
    for i in range(3):
        work.mark.enqueue(MANY + i)
    with batch.jobs():
        for i in range(MANY):
            work.mark.enqueue(i)
        assert app.queues["default"].size == 3
    assert app.queues["default"].size == MANY + 3
    assert worker("-c", "4", "--drain", ready=False).wait(120) == 0
    assert Counter(map(int, listed(app, "ran"))) == Counter(range(MANY + 3))
    assert listed(app, "fired") == ["success"]
    assert app.batches[batch.bid].is_success
    assert ask(app, "KEYS", "o:staged*") == []


def test_an_idle_worker_sees_the_commit(app: App, work: ModuleType, worker: StartWorker) -> None:
    """Also on a queue that a staged list has become as a whole."""
    worker("-c", "4")
    batch = work.app.batch().on("success", work.fired, tag="success")
    with batch.jobs():
        for i in range(6000):
            work.mark.enqueue(i)
        assert listed(app, "ran") == []
    until(lambda: listed(app, "fired") == ["success"], patience=30)
    assert Counter(map(int, listed(app, "ran"))) == Counter(range(6000))
