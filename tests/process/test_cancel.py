"""Cancelling under a real worker, in the middle of its work."""

from __future__ import annotations

import time
from collections import Counter
from types import ModuleType

from outrider import App, Batch
from tests.process.conftest import StartWorker
from tests.process.harness import ask, listed, measured, reach, until

CHILDREN, EACH = 10, 29


def test_cancelled_in_the_middle(app: App, work: ModuleType, worker: StartWorker) -> None:
    """300 jobs in nested batches: all settle, every callback once, and success of none."""
    root = work.watched("r", parent=False)
    names: list[str] = ["r"]
    line: list[Batch] = []
    with root.jobs():
        for i in range(10):
            work.nap.enqueue(i, 0.02)
        for number in range(CHILDREN):
            # Every second one is a child of the one before it.
            with (line[-1] if number % 2 else root).jobs():
                line.append(work.watched(f"c{number}"))
                with line[-1].jobs():
                    for i in range(EACH):
                        work.nap.enqueue(1000 * (number + 1) + i, 0.02)
            names.append(f"c{number}")
    started = worker("-p", "2", "-c", "4")
    reach(app, "ran", 40)
    root.cancel()
    batches = [root, *line]
    until(lambda: all(app.batches[one.bid].is_settled for one in batches), "all are settled")
    until(lambda: ask(app, "LLEN", "queue:default") == 0, "nothing is queued")
    assert started.stop() == 0
    statuses = [app.batches[one.bid] for one in batches]
    done = [one for one in statuses if one.is_success]
    assert statuses[0] not in done
    assert all(one.is_cancelled or one in done for one in statuses)
    assert [one.pending for one in statuses] == [0] * len(statuses)
    assert sum(one.total for one in statuses) == 300
    fine = {names[at] for at, one in enumerate(statuses) if one in done}
    expected = Counter(f"{name} {event}" for name in names for event in ("complete", "settled"))
    expected.update(f"{name} success" for name in fine)
    assert Counter(listed(app, "fired")) == expected
    ran = len(listed(app, "ran"))
    assert 40 <= ran < 300
    assert sum(one.total - one.cancelled for one in statuses) == ran
    assert ask(app, "ZCARD", "o:batches") == ask(app, "EXISTS", "o:cancelling") == 0


def test_running_jobs_are_interrupted(app: App, work: ModuleType, worker: StartWorker) -> None:
    """Async ones on all children of all workers; a plain one asks, and all others go on."""
    root = work.watched("r", parent=False)
    with root.jobs():
        work.anap.enqueue(1, 3600)
        work.enduring.enqueue(2)
        work.asking.enqueue(3)
        with work.watched("c").jobs():
            work.anap.enqueue(4, 3600)
            work.anap.enqueue(5, 3600)
    other = work.app.batch(parent=None)
    with other.jobs():
        work.anap.enqueue(6, 3600)
    workers = [worker("-c", "2", "-p", "2"), worker("-c", "2", "--timeout", "0")]
    reach(app, "started", 6)
    began = time.monotonic()
    root.cancel(running=True)
    until(lambda: app.batches[root.bid].is_settled, "it settles", 3.0)
    measured(f"interrupted within {time.monotonic() - began:.2f} s")
    assert sorted(listed(app, "cancelled")) == ["1", "2", "4", "5"]
    assert sorted(listed(app, "ran")) == ["2", "3"]
    status = app.batches[root.bid]
    assert (status.cancelled, status.pending, status.is_success) == (1, 0, False)
    assert app.batches[status.child_bids[0]].cancelled == 2
    reach(app, "fired", 4)
    expected = {f"{name} {event}" for name in "rc" for event in ("complete", "settled")}
    until(lambda: set(listed(app, "fired")) == expected, "all are called back")
    assert app.batches[other.bid].pending == 1
    assert sum(one.said("interrupted, cancelled with its batch") for one in workers) == 3
    other.cancel()
    other.cancel(running=True)
    until(lambda: app.batches[other.bid].is_settled, "asked for later", 3.0)
    assert [one.stop() for one in workers] == [0, 0]


def test_who_will_not_end_is_told_once(app: App, work: ModuleType, worker: StartWorker) -> None:
    """Its batch settles when its worker stops."""
    batch = work.app.batch()
    with batch.jobs():
        work.stubborn.enqueue(1)
    started = worker("--timeout", "0.1")
    reach(app, "started", 1)
    batch.cancel(running=True)
    reach(app, "cancelled", 1)
    batch.cancel(running=True)
    mark = work.mark.enqueue(2)
    assert mark is not None
    time.sleep(2.5)
    assert listed(app, "cancelled") == ["1"]
    assert not app.batches[batch.bid].is_settled
    assert started.stop() == 0
    status = app.batches[batch.bid]
    assert (status.cancelled, status.is_settled) == (1, True)


def test_a_cancelling_left_undone(app: App, work: ModuleType, worker: StartWorker) -> None:
    """A worker does what is left of it: what waits far in the future is cancelled too."""
    from outrider.store import life

    batches = [work.watched(str(number), parent=False) for number in range(300)]
    for batch in batches:
        with batch.jobs():
            work.mark.enqueue_in(3600, 1)
        # Long ago, so that nobody can be about to finish it.
        app.perform(life.cancel(app.keys, bid=batch.bid, running=0, now=1_700_000_000_000))
    started = worker("--drain", ready=False)
    assert started.wait() == 0
    assert all(app.batches[batch.bid].cancelled == 1 for batch in batches)
    assert ask(app, "ZCARD", "schedule") == ask(app, "EXISTS", "o:cancelling") == 0
    assert len(listed(app, "fired")) == 600
