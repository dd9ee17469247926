"""Cancelling with `running=True`: who is to be interrupted, who hears of it, and what counts."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from outrider import App, BatchCancelled, cancelling
from outrider.batch import Batch
from outrider.hub import Flow
from outrider.job import Job
from outrider.script import Call
from outrider.store.queue import Other
from tests.app.conftest import Way, closing
from tests.app.hands import NOW, Hands, counts, fields, raw, scored, stat
from tests.app.test_cancel import CANCELLED, filled, has_fired, mark, upkeep
from tests.app.trips import noted


def family(app: App, job: Job[..., None]) -> tuple[Batch, Batch, Batch]:
    """A batch with a child, and one that has settled; a job of each of the others."""
    root = app.batch()
    with root.jobs():
        job.enqueue(1)
        child, done = app.batch(), app.batch()
        with child.jobs():
            job.enqueue(2)
        with done.jobs():
            pass
    return root, child, done


@pytest.mark.parametrize("name", ["cancel", "invalidate_all"])
def test_all_workers_are_told(way: Way, app: App, job: Job[..., None], name: str) -> None:
    """Of the batch and of those below it that are not settled; each worker hears it once."""
    root, child, _ = family(app, job)
    way(root, name, running=True)
    told = upkeep(app)
    assert sorted(told.interrupts) == sorted([root.bid, child.bid])
    assert told.heard is not None
    again = upkeep(app, heard=told.heard)
    assert (again.interrupts, again.heard) == ([], None)
    assert upkeep(app).interrupts == told.interrupts, "another worker hears it too"


def test_nobody_is_told_of_a_plain_cancelling(way: Way, app: App, job: Job[..., None]) -> None:
    """It leaves running members alone; asked for later, they are interrupted all the same."""
    root, child, _ = family(app, job)
    hands = Hands(app)
    hands.claim()
    way(root, "cancel")
    assert upkeep(app).interrupts == []
    assert "interrupt" not in fields(app, root.bid)
    way(root, "cancel", running=True)
    assert sorted(upkeep(app).interrupts) == sorted([root.bid, child.bid])
    assert raw(app, "EXISTS", "o:cancelling") == 0


def test_nothing_is_told_of_a_settled_batch(way: Way, app: App, job: Job[..., None]) -> None:
    """Nobody runs there."""
    batch = filled(app, job, 1)
    Hands(app).work()
    way(batch, "cancel", running=True)
    assert upkeep(app).interrupts == []
    assert fields(app, batch.bid).keys().isdisjoint({"interrupt", "cancelled_at"})


def test_a_client_that_died_after_the_mark(app: App, job: Job[..., None]) -> None:
    """The wish outlives it: who takes over carries it down."""
    root, child, _ = family(app, job)
    mark(app, root, running=True)
    told = upkeep(app)
    assert (told.interrupts, told.undone) == ([root.bid], [root.bid])
    app.perform(cancelling.finish(app.keys, told.undone))
    assert upkeep(app, heard=told.heard or 0).interrupts == [child.bid]


def test_more_than_a_slice_at_once(app: App, job: Job[..., None]) -> None:
    """All are heard, in pieces, though all are told in the same moment."""
    batches = [filled(app, job, 1) for _ in range(20)]
    for batch in batches:
        mark(app, batch, running=True)
    heard, bids = 0, []
    while (told := upkeep(app, heard=heard)).heard is not None:
        heard = told.heard
        bids += told.interrupts
    assert bids == [batch.bid for batch in batches]
    app.perform(cancelling.finish(app.keys, bids))


def test_it_is_forgotten_after_a_minute(app: App, job: Job[..., None]) -> None:
    """Of the virtual clock: an outage takes nothing away."""
    batch = filled(app, job, 1)
    batch.cancel(running=True)
    before = int(raw(app, "HGET", "o:clock", "vt") or 0)
    raw(app, "HSET", "o:clock", "vt", before + 59_000)
    assert upkeep(app).interrupts == [batch.bid]
    raw(app, "HSET", "o:clock", "vt", before + 61_000)
    assert upkeep(app).interrupts == []
    assert raw(app, "EXISTS", "o:interrupts") == 0


def test_a_server_that_lost_its_data(app: App, job: Job[..., None]) -> None:
    """Marks begin anew; workers that have heard higher ones are told none the less."""
    batch = filled(app, job, 1)
    batch.cancel(running=True)
    assert upkeep(app, heard=2**50).interrupts == [batch.bid]


def test_what_a_run_of_a_cancelled_batch_counts(
    app: App, job: Job[..., None], hands: Hands
) -> None:
    """One that raised has failed; one that was interrupted has run; given back is no run."""
    batch = filled(app, job, 6)
    first = hands.claim().first
    batch.cancel()
    kinds = ("retry", "dead", "gone", "cancel", "release", "snooze")
    hands.ack(*(Other(kind, first + i, "", NOW, "{}") for i, kind in enumerate(kinds)))
    assert (stat(app, "processed"), stat(app, "failed")) == (4, 3)
    assert counts(app, batch.bid) == {CANCELLED: 6}


def test_a_dead_job_below_a_cancelled_batch(
    way: Way, app: App, job: Job[..., None], hands: Hands
) -> None:
    """Its own batch had settled before, and is not cancelled itself."""
    root, child, _ = family(app, job)
    job.enqueue(3)
    claimed = hands.claim()
    hands.ack(*(Other("dead", claimed.first + i) for i in (1, 2)))
    assert has_fired(app, child) == {"complete", "death", "settled"}
    root.cancel()
    assert not app.batches[child.bid].is_cancelled
    (member,) = [one for one in app.dead if one.bid]
    with pytest.raises(BatchCancelled, match=f"{child.bid}, or one above it, is cancelled"):
        way(app.dead, "retry", member.jid)
    assert way(app.dead, "retry_all") == 1, "the plain one"
    assert len(scored(app, "dead")) == 1
    assert counts(app, child.bid) == {6: 1}


def performed(app: App, flow: Flow[Any]) -> Counter[str]:
    """Perform a flow; how often it made which request."""
    made: Counter[str] = Counter()

    def note(call: Call[Any], _: Any) -> None:
        made[call.script.name if call.script else str(call.words[0])] += 1

    app.perform(noted(flow, note))
    return made


def test_one_scan_for_a_whole_tree(app: App, job: Job[..., None], hands: Hands) -> None:
    """However many batches there are, schedule, retry and claims are read once."""
    root = app.batch()
    with root.jobs():
        for number in range(60):
            with app.batch().jobs():
                job.enqueue_in(3600, number)
                with app.batch().jobs():
                    job.enqueue(number)
    hands.claim(want=5)
    job.enqueue_in(3600, 0)
    made = performed(app, cancelling.cancel(app.keys, root.bid))
    assert made["cancel"] == made["cancel_members"] == made["cancelled"] == 121
    assert made["purge"] <= 4  # by pages that grow, whatever the number of batches
    assert made["HSCAN"] == 121 + 1, "children of each, and the claims once"
    assert len(scored(app, "schedule")) == 1
    assert raw(app, "EXISTS", "o:cancelling") == 0
    assert len(app.batches) == 5 + 5 + 1, "those with running members, and all above them"


def test_a_hold_given_up_while_it_is_taken(app: App, job: Job[..., None]) -> None:
    """It holds nothing: else its batch would wait ten minutes for nobody."""
    batch = filled(app, job, 1)

    async def enter() -> None:
        async with batch.open():
            await asyncio.Event().wait()

    async def main() -> None:
        async with closing(app):
            await app.batches.aget(batch.bid)
            for steps in range(10):
                task = asyncio.create_task(enter())
                for _ in range(steps):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait([task], timeout=10)
                assert task.cancelled(), "the cancellation was swallowed"
                assert raw(app, "ZCARD", "o:holds") == 0

    for _ in range(5):
        asyncio.run(main())
