"""What a target declares and what its options weigh, in a callback as in any other job."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from outrider import App, BatchStatus, Discard, PayloadTooLarge
from outrider.job import Job
from tests.app.conftest import Way
from tests.app.hands import inside, listed, promote, raw
from tests.app.runs import Runs
from tests.app.test_contract_callbacks import fails_once

LIMIT = 1 << 20


@pytest.fixture
def runs(app: App) -> Runs:
    """A worker."""
    return Runs(app)


def empty(app: App, target: Job[..., Any], **options: Any) -> str:
    """An empty batch that calls back at success; the callback's payload."""
    batch = app.batch().on("success", target, **options)
    with batch.jobs():
        pass
    (text,) = listed(app, target.options.queue or "default")
    return text


def test_declared_options_hold_for_callbacks(app: App, runs: Runs) -> None:
    """Attempts, time limits, tags and queue are those of the target."""
    options: dict[str, Any] = {
        "queue": "low",
        "retry": 3,
        "retry_for": timedelta(minutes=1),
        "timeout": 2,
        "tags": ["t"],
    }
    target = app.job(name="cb", **options)(_takes_nothing)
    found = json.loads(empty(app, target))
    expected = {**options, "retry_for": 60.0, "timeout": 2.0}
    assert {name: found[name] for name in options} == expected
    runs.run_all("low")


@pytest.mark.parametrize("late", [False, True])
def test_a_callback_expires_as_its_target_declares(app: App, runs: Runs, *, late: bool) -> None:
    """Its time counts from the event; too late it has ended badly, and nobody is told."""
    batch = app.batch()
    with batch.jobs():
        app.enqueue("job")
    batch.on("success", app.job(name="cb", queue="low", expires_in=60)(_takes_nothing))
    runs.now += 3_600_000
    fired = runs.now
    assert runs.ack(runs.take()) == []
    (text,) = listed(app, "low")
    assert text.startswith(f'{{"jid":"{batch.bid}f1000000","cb":"{batch.bid}:success:0","expiry":')
    assert json.loads(text)["expiry"] == fired / 1000 + 60
    runs.now += 60_000 + late
    assert len(runs.run_all("low")) == (not late)
    states = [one.state for one in app.batches[batch.bid].callbacks]
    assert states == ["expired" if late else "succeeded"]


def test_a_failing_callback_that_comes_too_late_is_dead(app: App, runs: Runs) -> None:
    """As any job that has failed before; brought back, it keeps its batch until it has ended."""
    batch = app.batch().on("success", app.job(name="cb", expires_in=60)(fails_once()))
    with batch.jobs():
        pass
    assert [one.end for one in runs.run_all()] == ["retry"]
    later = runs.now + 86_400_000
    assert promote(app, "retry", later).moved == 1
    assert runs.claim(now=runs.now + 61_000).payloads == []
    status = app.batches[batch.bid]
    assert ([one.state for one in status.callbacks], len(app.dead)) == (["dead"], 1)
    assert raw(app, "TTL", app.keys("batch", batch.bid)) > 0
    assert app.dead.retry_all() == 1
    assert raw(app, "TTL", app.keys("batch", batch.bid)) == -1
    runs.run_all()
    assert [one.state for one in status.refresh().callbacks] == ["succeeded"]


def test_nothing_declared_is_nothing_written(app: App, runs: Runs) -> None:
    """A callback is as small as any job."""
    found = json.loads(empty(app, app.job(name="cb")(_takes_nothing)))
    assert set(found) == {
        *("jid", "cb", "class", "queue", "args", "retry", "created_at", "enqueued_at")
    }
    runs.run_all()


def test_a_callback_that_takes_too_long(app: App, runs: Runs) -> None:
    """An async target with a timeout fails by it, as it would as a job."""

    async def forever(status: BatchStatus) -> None:
        await asyncio.Event().wait()

    empty(app, app.job(name="cb", timeout=0.01, retry=0)(forever))
    assert [one.end for one in runs.run_all()] == ["dead"]
    (record,) = app.dead
    assert record.error_class == "TimeoutError"


@pytest.mark.parametrize("when", ["before", "after"])
def test_options_have_the_limit_of_a_payload(way: Way, app: App, when: str) -> None:
    """On refuses what no job could carry, with advice; what fits goes."""
    target = app.job(name="cb")(_takes_text)
    batch = app.batch()
    if when == "after":
        with batch.jobs():
            pass
    with pytest.raises(PayloadTooLarge, match=r"callback cb would be 1,048,\d+ bytes"):
        way(batch, "on", "success", target, text="x" * LIMIT)
    way(batch, "on", "success", target, text="x" * (LIMIT - 1000))
    if when == "before":
        with batch.jobs():
            pass
    Runs(app).run_all()
    assert [one.state for one in app.batches[batch.bid].callbacks] == ["succeeded"]


def _takes_nothing(status: BatchStatus) -> None: ...


def _takes_text(status: BatchStatus, text: str) -> None: ...


def test_steering_a_callback(app: App, runs: Runs) -> None:
    """Discard ends it badly: it is what its code said, but nobody was told."""

    def discard(status: BatchStatus) -> None:
        raise Discard("nobody to tell")

    text = empty(app, app.job(name="cb")(discard))
    bid = json.loads(text)["cb"].split(":")[0]
    assert [one.end for one in runs.run_all()] == ["discard"]
    assert [one.state for one in app.batches[bid].callbacks] == ["discarded"]
    assert raw(app, "TTL", app.keys("batch", bid)) > 0
    with inside(app, text) as running:
        assert (running.bid, running.callback_of) == (None, bid)
