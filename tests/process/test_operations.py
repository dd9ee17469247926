"""Operations that workers perform: killed in the middle, cancelled in the middle."""

from __future__ import annotations

import os
import signal
import time

from outrider import App, Operation
from outrider.clock import now
from tests.process.conftest import StartWorker
from tests.process.harness import ask, measured, until

MANY = 40_000


def fill(app: App) -> None:
    """Jobs that nobody runs: they wait for a retry in an hour."""
    for first in range(0, MANY, 1000):
        words: list[str | float] = []
        for number in range(first, first + 1000):
            words += [now() + 3600, f'{{"jid":"{number:024x}","class":"x","queue":"q","args":[]}}']
        ask(app, "ZADD", "retry", *words)


def driver(app: App, operation: Operation) -> int:
    """The process that does the steps now."""
    return int(ask(app, "HGET", f"o:operation:{operation.id}", "driver").split(b":")[1])


def test_a_worker_that_is_killed_is_replaced(app: App, worker: StartWorker) -> None:
    """Another one goes on, and each job is counted once."""
    fill(app)
    workers = {one.process.pid: one for one in (worker(), worker())}
    operation = app.operations.start("delete", "job:x")
    until(lambda: operation.refresh().done)
    first = driver(app, operation)
    os.kill(first, signal.SIGKILL)
    assert operation.refresh().done < MANY, "it was over before the kill"
    operation.join(60)
    (second,) = workers.keys() - {first}
    assert driver(app, operation) == second
    assert (operation.state, operation.done, operation.matched) == ("done", MANY, MANY)
    assert (operation.scanned, len(app.trash)) == (MANY, MANY)
    assert ask(app, "EXISTS", "retry") == 0
    undone = operation.undo().join(60)
    assert (undone.done, ask(app, "ZCARD", "retry"), len(app.trash)) == (MANY, MANY, 0)


def test_what_is_cancelled_stops_at_once(app: App, worker: StartWorker) -> None:
    """Nothing is done after the cancelling has returned."""
    fill(app)
    worker()
    operation = app.operations.start("kill", "job:x")
    until(lambda: operation.refresh().done)
    began = time.monotonic()
    done = operation.cancel().done
    measured(f"cancelled after {done:,} of {MANY:,} jobs, in {time.monotonic() - began:.4f} s")
    assert 0 < done < MANY
    left = ask(app, "ZCARD", "retry")
    assert done + left == MANY
    other = app.operations.start("kill", "job:nobody").join(60)
    assert other.state == "done"
    assert (operation.refresh().done, ask(app, "ZCARD", "retry")) == (done, left)
