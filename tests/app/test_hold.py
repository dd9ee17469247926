"""Holding a batch open while an unknown amount is added."""

from __future__ import annotations

from typing import Any

import pytest

from outrider import App, BatchFinished, BatchNotFound
from outrider.batch import Batch
from outrider.job import Job
from outrider.store import life
from tests.app.conftest import closing, loop
from tests.app.hands import NOW, Hands, counts, fields, inside, listed, raw
from tests.app.test_cancel import has_fired, upkeep

ALL = {"complete", "success", "settled"}
UNWELL = {"complete", "settled"}


def lapse(app: App) -> int:
    """Let ten minutes pass, and a worker look; how many holds have lapsed."""
    raw(app, "HINCRBY", "o:clock", "vt", 600_001)
    return upkeep(app, since=0).lapsed


def test_nothing_fires_before_the_end(app: App, job: Job[..., None], hands: Hands) -> None:
    """Jobs run and end meanwhile, block after block; the end fires all three (P58, O1)."""
    batch = app.batch(description="all of it")
    with batch.open() as held:
        assert held is batch
        assert app.batches[batch.bid].description == "all of it"
        for number in range(3):
            with batch.jobs():
                job.enqueue(number)
            hands.work()
            assert has_fired(app, batch) == set()
    assert has_fired(app, batch) == ALL
    assert (app.batches[batch.bid].total, counts(app, batch.bid)) == (3, {3: 3})


def test_jobs_left_at_the_end(app: App, job: Job[..., None], hands: Hands) -> None:
    """The hold ends first: the last job fires."""
    batch = app.batch()
    with batch.open(), batch.jobs():
        job.enqueue(1)
    assert has_fired(app, batch) == set()
    hands.work()
    assert has_fired(app, batch) == ALL


def test_empty(app: App) -> None:
    """A hold in which nothing is added makes a batch, and fires all three at its end."""
    batch = app.batch()
    with batch.open():
        assert has_fired(app, batch) == set()
    assert has_fired(app, batch) == ALL
    assert raw(app, "EXISTS", "o:holds") == 0


def test_with_asyncio(app: App, job: Job[..., None], hands: Hands) -> None:
    """The same by `async with`, also left by an exception."""
    batch = app.batch()

    async def main(error: Exception | None) -> None:
        async with closing(app), batch.open() as held:
            async with held.jobs():
                await job.aenqueue(1)
            if error:
                raise error

    with pytest.raises(KeyError):
        loop(app, main(KeyError("x")))
    assert raw(app, "EXISTS", "o:holds") == 0
    loop(app, main(None))
    hands.work()
    assert has_fired(app, batch) == ALL


def test_two_at_once(app: App) -> None:
    """Each counts."""
    batch = app.batch()
    with batch.open():
        with batch.open():
            assert fields(app, batch.bid)["holds"] == "2"
        assert has_fired(app, batch) == set()
    assert has_fired(app, batch) == ALL


@pytest.mark.parametrize("settled", [False, True], ids=["before", "after"])
def test_left_by_an_exception(app: App, job: Job[..., None], hands: Hands, settled: bool) -> None:
    """Success is barred until a later one ends well, before it settles or after."""
    batch = app.batch()

    def leave() -> None:
        with batch.open():
            with batch.jobs():
                job.enqueue(1)
            raise KeyError("half of it")

    with pytest.raises(KeyError, match="half"):
        leave()
    if settled:
        hands.work()
        assert has_fired(app, batch) == UNWELL
        with pytest.raises(BatchFinished), batch.jobs():
            job.enqueue(2)
    with batch.open(), batch.jobs():
        job.enqueue(3)
    assert raw(app, "TTL", f"o:batch:{batch.bid}") == -1
    hands.work()
    assert has_fired(app, batch) == ALL
    assert app.batches[batch.bid].total == 2
    with pytest.raises(BatchFinished), batch.open():
        pass


def test_one_that_lapses(app: App, job: Job[..., None], hands: Hands) -> None:
    """Ten minutes without a renewal: complete and settled may fire, success is barred."""
    batch = app.batch()
    hold = batch.open()
    with hold:
        with batch.jobs():
            job.enqueue(1)
        hands.work()
        raw(app, "HINCRBY", "o:clock", "vt", 599_000)
        assert app.perform(life.renew(app.keys, bid=batch.bid, hold=hold._name))
        assert lapse(app) == 1
        assert not app.perform(life.renew(app.keys, bid=batch.bid, hold=hold._name))
        assert has_fired(app, batch) == UNWELL
    # It was only slow, and ends well after all.
    assert has_fired(app, batch) == ALL


def test_a_lapsed_one_is_repaired_by_another(app: App) -> None:
    """An `open()` that ends well."""
    batch = app.batch()
    batch.hub.perform(batch.open()._begin())
    assert lapse(app) == 1
    assert has_fired(app, batch) == UNWELL
    with app.batches.open(batch.bid).open():
        pass
    assert has_fired(app, batch) == ALL
    assert raw(app, "TTL", f"o:batch:{batch.bid}") > 0


def test_renewal_keeps_it(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """The holder renews by itself."""
    monkeypatch.setattr("outrider.hold.RENEW", 0.01)
    batch = app.batch()
    with batch.open():
        raw(app, "HINCRBY", "o:clock", "vt", 599_000)
        (score,) = [float(x) for x in raw(app, "ZRANGE", "o:holds", 0, -1, "WITHSCORES")[1::2]]
        for _ in range(500):
            if raw(app, "ZRANGE", "o:holds", 0, -1, "WITHSCORES")[1] != str(int(score)).encode():
                break
        assert lapse(app) in (0, 1)
    assert has_fired(app, batch) == ALL


def test_a_child_that_is_held(app: App, job: Job[..., None], hands: Hands) -> None:
    """Its parent waits for it; it is made by the hold, inside a job of the parent."""
    root = app.batch()
    with root.jobs():
        job.enqueue(1)
    claimed = hands.claim()
    with inside(app, claimed.payloads[0]):
        child = app.batch()
        with child.open():
            hands.ack(claimed.first)
            assert app.batches[child.bid].parent_bid == root.bid
            assert has_fired(app, root) == set()
    assert has_fired(app, root) == ALL


def test_where_nothing_can_be_added(app: App) -> None:
    """A settled batch raises BatchFinished, an unknown one BatchNotFound."""
    batch = app.batch()
    with batch.jobs():
        pass
    with pytest.raises(BatchFinished), batch.open():
        pass
    with pytest.raises(BatchNotFound), Batch(app, bid="00" * 8).open():
        pass
    assert raw(app, "EXISTS", "o:holds") == 0
    assert listed(app) == []


def test_ended_twice_and_forgotten(app: App) -> None:
    """A release sent again changes nothing; one of a forgotten batch neither."""
    batch = app.batch()
    hold = batch.open()
    with hold:
        pass
    release: dict[str, Any] = {"bid": batch.bid, "hold": hold._name, "now": NOW}
    app.perform(life.release(app.keys, **release, well=0))
    assert fields(app, batch.bid)["holds"] == "0"
    assert "barred" not in fields(app, batch.bid)
    raw(app, "DEL", f"o:batch:{batch.bid}")
    app.perform(life.release(app.keys, **release, well=1))
    assert raw(app, "EXISTS", f"o:batch:{batch.bid}") == 0
