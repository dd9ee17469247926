"""When a worker shows what it runs: with each beat, and when jobs that last begin or end."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from outrider import App, clock
from outrider.errors import StoreError
from outrider.job import Job
from outrider.worker.heart import Heart
from outrider.worker.order import QueueOrder
from outrider.worker.slots import SlotTable
from tests.app.hands import Hands, raw


@pytest.fixture
def table() -> Iterator[SlotTable]:
    """The slots of the one child that there is."""
    with tempfile.TemporaryFile() as memory:
        memory.truncate(SlotTable.size_for(2))
        yield SlotTable(memory.fileno(), 2)


@pytest.fixture
def heart(app: App, table: SlotTable) -> Heart:
    """A heart that has beaten once, with nothing running."""
    child: Any = SimpleNamespace(name="0", table=table, process=SimpleNamespace(pid=os.getpid()))
    heart = Heart(app.executor, app.keys, QueueOrder(("default",)), 2, lambda: [child])
    heart.tick()
    return heart


@pytest.fixture
def hands(app: App, heart: Heart) -> Hands:
    """Its child."""
    return Hands(app, heart.identity)


def test_a_job_that_lasts_is_shown_before_the_next_beat(
    app: App, job: Job[..., None], hands: Hands, heart: Heart, table: SlotTable
) -> None:
    """And taken off when it has ended; a short one waits for the beat."""
    job.enqueue(1)
    token = hands.claim().first
    table.start(0, token, clock.now_ms())
    heart.tick()
    assert len(app.work) == 0
    table.start(0, token, clock.now_ms() - 1000)
    heart.tick()
    assert [run.slot for run in app.work] == ["0-0"]
    table.clear(0)
    heart.tick()
    assert len(app.work) == 0


def test_a_beat_that_failed_is_made_up_for_at_once(
    app: App, job: Job[..., None], hands: Hands, heart: Heart, table: SlotTable
) -> None:
    """Else a job that lasts were shown, and blamed, up to five seconds later."""
    job.enqueue(1)
    table.start(0, hands.claim().first, clock.now_ms() - 1000)
    raw(app, "DEL", heart.identity)
    raw(app, "SET", heart.identity, "in the way")
    with pytest.raises(StoreError):
        heart.tick()
    raw(app, "DEL", heart.identity)
    heart.tick()
    assert [run.slot for run in app.work] == ["0-0"]


def test_a_large_payload_is_not_shown_whole(
    app: App, job: Job[..., None], hands: Hands, heart: Heart, table: SlotTable
) -> None:
    """To encode it anew at each beat would hold up the server."""
    (jid,) = job.enqueue_many([("x" * 100_000,)])
    table.start(0, hands.claim().first, clock.now_ms() - 1000)
    heart.tick()
    (run,) = app.work
    assert (run.jid, run.job, run.queue) == (jid, job.name, "default")
    assert run.args[0].startswith("(a payload of 100")


def test_a_quiet_worker_is_shown_at_once(app: App, heart: Heart) -> None:
    """Whoever deploys waits for it; once is enough."""
    heart.quiet = True
    heart.tick()
    (shown,) = app.processes
    assert shown.is_quiet
    raw(app, "HSET", heart.identity, "quiet", "untouched")
    heart.tick()
    assert raw(app, "HGET", heart.identity, "quiet") == b"untouched"
