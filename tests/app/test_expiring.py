"""Jobs with a deadline: each road on which one may come too late, and what it counts for."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

import pytest

from outrider import App
from outrider.clock import now_ms
from outrider.job import Job
from outrider.payload import decode
from outrider.store import schedule
from outrider.store.queue import Other
from outrider.worker.outcome import decide
from tests.app.hands import Hands, counts, inside, member, raw, scored
from tests.app.test_cancel import has_fired

MINUTE = 60_000
EXPIRED, DEAD = 4, 6
Road = Callable[[App, Job[..., None]], object]


@pytest.fixture
def now(hands: Hands) -> int:
    """The time at which all begins, in ms."""
    hands.now = now_ms()
    return hands.now


def within_a_job(app: App, job: Job[..., None]) -> None:
    with inside(app, member(0)):
        job.using(expires_in=60).enqueue(1)


def in_a_block(app: App, job: Job[..., None]) -> None:
    with app.batch().jobs():
        job.using(expires_in=60).enqueue(1)


ROADS: dict[str, Road] = {
    "at once": lambda _, job: job.using(expires_in=60).enqueue(1),
    "many": lambda _, job: job.using(expires_in=60).enqueue_many([(1,)]),
    "by name": lambda app, job: app.enqueue(job.name, [1], expires_in=60),
    "within a job": within_a_job,
    "in a block": in_a_block,
}


@pytest.mark.parametrize("late", [False, True], ids=["in time", "late"])
@pytest.mark.parametrize("road", ROADS)
def test_whichever_way_it_was_enqueued(
    app: App, job: Job[..., None], hands: Hands, now: int, road: str, late: bool
) -> None:
    """It runs in time or never, and is counted; nothing is left of it."""
    ROADS[road](app, job)
    claimed = hands.claim(now=now + (61_500 if late else 50_000))
    assert (len(claimed.payloads), app.stats.expired) == ((0, 1) if late else (1, 0))
    assert (app.queues["default"].size, scored(app, "dead")) == (0, [])


@pytest.mark.parametrize("late", [False, True], ids=["in time", "late"])
def test_a_scheduled_one_has_its_time_from_when_it_is_due(
    app: App, job: Job[..., None], hands: Hands, now: int, late: bool
) -> None:
    """It expires though a scheduler brings it, which knows nothing of producers (P157)."""
    job.using(expires_in=60).enqueue_in(3600, 1)
    due = now + 3_600_000 + 1000
    assert (
        app.perform(schedule.promote_slice(app.keys, identity="", name="schedule", now=due)).moved
        == 1
    )
    claimed = hands.claim(now=due + (61_000 if late else 50_000))
    assert (len(claimed.payloads), app.stats.expired) == ((0, 1) if late else (1, 0))


def test_for_its_batch_it_counts_as_well(
    app: App, job: Job[..., None], hands: Hands, now: int
) -> None:
    """Expired is as good as succeeded."""
    batch = app.batch()
    with batch.jobs():
        job.using(expires_in=60).enqueue_many([(1,), (2,)])
        job.enqueue(3)
    hands.now = now + 2 * MINUTE
    assert len(hands.work()) == 1
    assert counts(app, batch.bid) == {3: 1, EXPIRED: 2}
    assert has_fired(app, batch) == {"complete", "success", "settled"}
    assert app.batches[batch.bid].percent == 100.0


def failed(app: App, hands: Hands, now: int) -> str:
    """Fail the next job as a worker does, and have its retry due; its jid."""
    claimed = hands.claim(want=1)
    payload = claimed.payloads[0]
    error = ValueError("x")
    hands.ack(decide(decode(payload), payload, claimed.first, error, lambda n: 90.0, now))
    return decode(payload).jid


def promote(app: App, now: int) -> None:
    app.perform(schedule.promote_slice(app.keys, identity="", name="retry", now=now))


@pytest.mark.parametrize("is_member", [False, True], ids=["plain", "member"])
def test_one_that_is_failing_dies(
    app: App, job: Job[..., None], hands: Hands, now: int, is_member: bool
) -> None:
    """With its error, and for its batch too: it has run."""
    batch = app.batch()
    with batch.jobs() if is_member else nullcontext():
        job.using(expires_in=60).enqueue(1)
    jid = failed(app, hands, now)
    promote(app, now + 2 * MINUTE)
    assert hands.claim(now=now + 2 * MINUTE).payloads == []
    (record,) = app.dead
    assert (record.jid, record.error_message, app.stats.expired) == (jid, "x", 0)
    if is_member:
        assert counts(app, batch.bid) == {DEAD: 1}
        assert has_fired(app, batch) == {"complete", "death", "settled"}


@pytest.mark.parametrize("place", ["retries", "dead"])
def test_a_retry_by_hand_clears_it(
    app: App, job: Job[..., None], hands: Hands, now: int, place: str
) -> None:
    """It runs however late it is, from wherever it is brought back."""
    job.using(expires_in=60).enqueue(1)
    jid = failed(app, hands, now)
    if place == "dead":
        promote(app, now + 2 * MINUTE)
        assert hands.claim(now=now + 2 * MINUTE).payloads == []
    assert getattr(app, place).retry(jid)
    assert len(hands.claim(now=now + 10 * MINUTE).payloads) == 1


def test_a_repaired_batch_has_no_deadlines(
    app: App, job: Job[..., None], hands: Hands, now: int
) -> None:
    """All that `retry_failed` brings back may run."""
    batch = app.batch()
    with batch.jobs():
        job.using(expires_in=60).enqueue(1)
    failed(app, hands, now)
    promote(app, now + 2 * MINUTE)
    assert hands.claim(now=now + 2 * MINUTE).payloads == []
    assert app.batches[batch.bid].retry_failed() == 1
    hands.now = now + 10 * MINUTE
    assert len(hands.work()) == 1
    assert app.batches[batch.bid].is_success


@pytest.mark.parametrize("kind", ["release", "snooze"])
def test_what_has_not_run_expires_still(
    app: App, job: Job[..., None], hands: Hands, now: int, kind: str
) -> None:
    """Given back or snoozed is no run: too late then, it is expired, not dead."""
    batch = app.batch()
    with batch.jobs():
        job.using(expires_in=60).enqueue(1)
    hands.ack(Other(kind, hands.take(), "", now))
    app.perform(schedule.promote_slice(app.keys, identity="", name="schedule", now=now + MINUTE))
    assert hands.claim(now=now + 2 * MINUTE).payloads == []
    assert (counts(app, batch.bid), app.stats.expired) == ({EXPIRED: 1}, 1)
    assert raw(app, "ZCARD", "dead") == 0
