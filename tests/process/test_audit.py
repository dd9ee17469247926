"""Jobs that are deleted behind our back, under a real worker: their batch settles all the same."""

from __future__ import annotations

import time
from collections import Counter
from types import ModuleType

from outrider import App
from outrider.clock import now_ms
from outrider.worker.audit import Audit
from outrider.worker.keeping import Keeper
from outrider.worker.reach import Reach
from tests.process.conftest import StartWorker
from tests.process.harness import ask, listed, reach, until


def test_a_queue_deleted_by_hand(app: App, work: ModuleType, worker: StartWorker) -> None:
    """What lay there counts as deleted; who runs all the while, or is scheduled, is left alone.

    P73.
    """
    app.queues["low"].pause()
    batch = work.watched("r", parent=False)
    with batch.jobs():
        for i in range(20):
            work.mark.enqueue(i)
            work.low.enqueue(i)
        work.gated.enqueue(99, "gate")
        work.mark.enqueue_in(3600, 100)
    started = worker("-p", "2", "-c", "4")
    reach(app, "ran", 20)
    reach(app, "started", 1)
    ask(app, "DEL", "queue:low")
    # In the worker's name, whose own audit takes its time.
    audit = Audit(app.executor, app.keys, started.identity, now_ms, period=0.02, again=0.02)
    keeper = Keeper([audit], Reach())
    keeper.start()
    try:
        until(lambda: app.batches[batch.bid].pending == 2, "what was deleted is noticed")
        rounds = ask(app, "ZSCORE", "o:audit", batch.bid)
        until(lambda: ask(app, "ZSCORE", "o:audit", batch.bid) > rounds, "it is audited again")
        assert app.batches[batch.bid].pending == 2
        ask(app, "DEL", "schedule")
        ask(app, "SET", "gate", "open")
        status = app.batches[batch.bid].join(timeout=20, until="settled")
        until(lambda: app.batches[batch.bid].expires_at is not None, "it is at rest")
    finally:
        keeper.stop()
        keeper.join(time.monotonic() + 20)
    assert (status.is_success, status.pending, status.dead) == (False, 0, 0)
    assert len(listed(app, "ran")) == 21
    assert Counter(listed(app, "fired")) == {"r complete": 1, "r settled": 1}
    assert started.stop() == 0
    status.delete()
    assert ask(app, "KEYS", f"*{batch.bid}*") == []
