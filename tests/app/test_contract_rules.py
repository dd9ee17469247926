"""Rules of holds, cancelling and partial success where they meet each other."""

from __future__ import annotations

from typing import Any

import pytest

import outrider
from outrider import App, Batch, BatchCancelled, cancelling
from outrider.job import Job
from outrider.store.queue import Other
from tests.app.conftest import Way
from tests.app.hands import Hands, counts, inside, listed, raw
from tests.app.runs import Runs
from tests.app.test_cancel import has_fired, upkeep

HERE = "tests.app.test_contract_rules"


def noop(number: int = 0) -> None: ...


def called(status: Any, **options: Any) -> None: ...


@pytest.fixture
def job(app: App) -> Job[..., None]:
    """A job; and the target of all callbacks, registered."""
    app.job(called)
    return app.job(noop)


def finish_cancelling(app: App) -> list[str]:
    """What a worker does of what others have left; the batches that it has cancelled to the end."""
    undone = upkeep(app).undone
    app.perform(cancelling.finish(app.keys, undone))
    return undone


def test_a_hold_does_not_keep_death_secret(app: App, job: Job[..., None], hands: Hands) -> None:
    """It bars complete, success and settled; a death is told at once."""
    batch = app.batch().on("death", f"{HERE}.called")
    with batch.open():
        with batch.jobs():
            job.enqueue()
        hands.ack(Other("gone", hands.take()))
        assert has_fired(app, batch) == {"death"}
        assert [one["cb"] for one in hands.work()] == [f"{batch.bid}:death:0"]
    assert has_fired(app, batch) == {"complete", "death", "settled"}


@pytest.mark.parametrize("dead", [1, 2])
def test_giving_up_counts_its_own_dead(
    app: App, job: Job[..., None], hands: Hands, dead: int
) -> None:
    """Those of children do not count; but what is given up is given up with all below."""
    root = app.batch(cancel_when_dead=2, success_count=1)
    with root.jobs():
        job.enqueue_many([(1,), (2,), (3,)])
        child = app.batch()
        with child.jobs():
            job.enqueue_many([(4,), (5,), (6,)])
    claimed = hands.claim(want=5)
    own, below = (
        range(claimed.first, claimed.first + 3),
        range(claimed.first + 3, claimed.first + 5),
    )
    hands.ack(*(Other("dead", token) for token in [*own[:dead], *below]), own[2])
    assert app.batches[root.bid].is_cancelled == (dead == 2)
    assert finish_cancelling(app) == ([root.bid] if dead == 2 else [])
    assert counts(app, child.bid) == ({6: 2, 7: 1} if dead == 2 else {1: 1, 6: 2})
    if dead == 2:
        assert has_fired(app, root) == {"complete", "death", "settled"}
    root.cancel()
    hands.work()
    hands.ack(*own[1:2])


def test_nothing_follows_a_cancelled_success(app: App, job: Job[..., None], hands: Hands) -> None:
    """However much has succeeded: a cancelled batch never does, with a part of it neither."""
    batch = app.batch(success_ratio=0.5)
    with batch.jobs():
        job.enqueue_many([(1,), (2,), (3,)])
    first = hands.claim(want=2).first
    hands.ack(first, first + 1)
    batch.cancel()
    assert (counts(app, batch.bid), "success" in has_fired(app, batch)) == ({3: 2, 7: 1}, False)


def test_a_member_that_cancels_its_own_batch(app: App, job: Job[..., None]) -> None:
    """It has ended well itself; the others never run."""
    ran: list[int] = []

    @app.job(name="stop")
    def stop(number: int) -> None:
        ran.append(number)
        current = outrider.current_batch()
        assert current is not None
        assert outrider.valid_within_batch()
        current.cancel()
        assert not outrider.valid_within_batch()

    batch = app.batch().on("settled", f"{HERE}.called")
    with batch.jobs():
        stop.enqueue_many([(1,), (2,), (3,)])
    assert [one.end for one in Runs(app).run_all()] == ["success", "success"]
    assert (ran, counts(app, batch.bid)) == ([1], {3: 1, 7: 2})


@pytest.mark.parametrize("retry", [True, False])
def test_a_member_that_adds_to_a_cancelled_batch_is_cancelled(
    app: App, job: Job[..., None], *, retry: bool
) -> None:
    """BatchCancelled, let through, is no failure: no death, no retry, no place in the dead set."""

    @app.job(name="adds", retry=retry)
    def adds() -> None:
        current = outrider.current_batch()
        assert current is not None
        current.cancel()
        with current.jobs():
            job.enqueue()

    batch = app.batch()
    with batch.jobs():
        adds.enqueue()
    assert [one.end for one in Runs(app).run_all()] == ["cancel"]
    assert has_fired(app, batch) == {"complete", "settled"}
    assert (len(app.dead), len(app.retries)) == (0, 0)


def test_what_is_refused_writes_nothing(way: Way, app: App, job: Job[..., None]) -> None:
    """A large block too: the batch was cancelled while it was filled."""
    batch = app.batch()
    with batch.open():
        block = way.app.batches.open(batch.bid).jobs()
        block.__enter__()
        job.enqueue_many((number,) for number in range(6000))
        way(batch, "cancel")
        with pytest.raises(BatchCancelled, match=batch.bid):
            block.__exit__(None, None, None)
    assert app.batches[batch.bid].total == 0
    assert listed(app) == []
    assert raw(app, "KEYS", "o:staged*") == []


def test_on_a_batch_of_any_state(way: Way, app: App, job: Job[..., None], hands: Hands) -> None:
    """As long as it is known: cancelled, settled, with a dead member; each is pushed at once."""
    batches: list[Batch] = []
    for _ in range(3):
        batches.append(app.batch())
        with batches[-1].jobs():
            job.enqueue()
    batches[0].cancel()
    hands.ack(Other("gone", hands.take()))
    hands.work()
    for batch in batches:
        way(batch, "on", "settled", f"{HERE}.called")
    assert [one["cb"] for one in hands.work()] == [f"{one.bid}:settled:0" for one in batches]


@pytest.mark.parametrize("depth", [1, 2])
def test_a_block_of_a_member_is_told_of_a_cancelled_ancestor(
    app: App, job: Job[..., None], hands: Hands, depth: int
) -> None:
    """Also where the member made the batch before the cancelling: nothing of it is written."""
    root = app.batch()
    with root.jobs():
        job.enqueue()
    claimed = hands.claim()

    def fill(batch: Batch, left: int) -> None:
        with batch.jobs():
            job.enqueue()
            if left > 1:
                fill(app.batch(), left - 1)

    with inside(app, claimed.payloads[0]):
        child = app.batch()
        root.cancel()
        with pytest.raises(BatchCancelled):
            fill(child, depth)
    hands.ack(claimed.first)
    assert app.batches[root.bid].child_bids == []
    assert (has_fired(app, root), listed(app)) == ({"complete", "settled"}, [])
