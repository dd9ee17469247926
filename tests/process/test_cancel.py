"""Cancelling under a real worker, in the middle of its work."""

from __future__ import annotations

from collections import Counter
from types import ModuleType

from outrider import App, Batch
from tests.process.conftest import StartWorker
from tests.process.harness import ask, listed, reach, until

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
