"""Batches inside batches: blocks in blocks, children of jobs and callbacks, and how they count.

P-numbers are those of the list of Sidekiq's own batch bugs.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

import outrider
from outrider import App, BatchFinished, BatchNotFound, EnqueueError
from outrider.batch import Batch
from outrider.job import Job
from outrider.store.queue import Other
from tests.app.conftest import Way, closing, loop
from tests.app.hands import Hands, counts, fields, inside, listed, raw, scored

HERE = "tests.app.conftest"
EVENTS = ("complete", "success", "death", "settled")


def chain(app: App, job: Job[..., None], depth: int, **callbacks: str) -> list[Batch]:
    """A batch in a batch in a batch …, each with one job; the root first."""
    batches = [app.batch(description="0")]

    def fill(level: int) -> None:
        for event in callbacks.values():
            batches[level].on(event, f"{HERE}.called", level=level)
        with batches[level].jobs():
            job.enqueue(level)
            if level + 1 < depth:
                batches.append(app.batch(description=str(level + 1)))
                fill(level + 1)

    fill(0)
    return batches


def has_fired(app: App, batch: Batch) -> set[str]:
    """The events of a batch that have fired."""
    return {event for event in EVENTS if f"{event}_at" in fields(app, batch.bid)}


def take(hands: Hands, wanted: Callable[[dict[str, Any]], bool]) -> int:
    """Claim until such a job comes, and give all others back; its token."""
    claimed = hands.claim(want=500)
    jobs = [json.loads(payload) for payload in claimed.payloads]
    tokens = dict(enumerate(jobs, claimed.first))
    (mine,) = [token for token, one in tokens.items() if wanted(one)][:1]
    hands.ack(*(Other("release", token) for token in tokens if token != mine))
    return mine


def of(batch: Batch) -> Callable[[dict[str, Any]], bool]:
    """Whether a job is a member of a batch."""
    return lambda one: one.get("bid") == batch.bid


def callback_of(batch: Batch, event: str) -> Callable[[dict[str, Any]], bool]:
    """Whether a job is a callback of a batch."""
    return lambda one: str(one.get("cb", "")).startswith(f"{batch.bid}:{event}:")


# -- blocks in blocks -----------------------------------------------------------------------------


def test_blocks_in_blocks_are_one_commit(app: App, job: Job[..., None]) -> None:
    """Nothing is written before the outermost ends; then all is there, parents and children."""
    root = app.batch()
    with root.jobs():
        job.enqueue(1)
        child = app.batch()
        with child.jobs():
            job.enqueue(2)
            grandchild = app.batch()
            with grandchild.jobs():
                job.enqueue(3)
            assert raw(app, "DBSIZE") == 0
        assert raw(app, "DBSIZE") == 0
        assert child.bid not in app.batches
    one, two, three = (app.batches[batch.bid] for batch in (root, child, grandchild))
    assert (one.parent_bid, two.parent_bid, three.parent_bid) == (None, root.bid, child.bid)
    assert (one.child_bids, two.child_bids, three.child_bids) == ([child.bid], [grandchild.bid], [])
    assert [json.loads(text)["bid"] for text in listed(app)] == [
        root.bid,
        child.bid,
        grandchild.bid,
    ]
    assert (one.total, two.total, three.total) == (1, 1, 1)


def test_async_blocks_in_blocks_are_one_commit(app: App, job: Job[..., None]) -> None:
    """The same by `async with`."""

    async def work() -> list[Batch]:
        async with closing(app):
            root = app.batch()
            async with root.jobs():
                child = app.batch()
                async with child.jobs():
                    await job.aenqueue(1)
                assert raw(app, "DBSIZE") == 0
            return [root, child]

    root, child = loop(app, work())
    assert app.batches[child.bid].parent_bid == root.bid
    assert (app.batches[root.bid].total, app.batches[child.bid].total) == (0, 1)


@pytest.mark.parametrize("where", ["inner", "outer"])
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_an_error_leaves_nothing(app: App, job: Job[..., None], where: str, is_async: bool) -> None:
    """Whether raised in the inner block or behind it: nothing of either is pushed (P50)."""
    root = app.batch()

    def fill(error: str) -> None:
        job.enqueue(2)
        if error == where:
            raise KeyError(error)

    def tree() -> None:
        with root.jobs():
            with app.batch().jobs():
                fill("inner")
            fill("outer")

    async def atree() -> None:
        async with closing(app), root.jobs():
            await job.aenqueue(1)
            async with app.batch().jobs():
                await job.aenqueue(2)
                if where == "inner":
                    raise KeyError
            raise KeyError

    if is_async:
        with pytest.raises(KeyError):
            loop(app, atree())
    else:
        with pytest.raises(KeyError):
            tree()
    assert raw(app, "DBSIZE") == 0


def test_an_error_caught_outside_the_inner_block_costs_only_the_inner(
    app: App, job: Job[..., None]
) -> None:
    """The outer block goes on; the batch of the inner one never comes to be."""
    root, child = app.batch(), app.batch()
    with root.jobs():
        job.enqueue(1)
        with pytest.raises(TypeError), child.jobs():
            job.enqueue()
    assert (app.batches[root.bid].total, app.batches[root.bid].child_bids) == (1, [])
    assert child.bid not in app.batches


def test_two_blocks_of_one_new_batch_in_a_block(
    app: App, job: Job[..., None], hands: Hands
) -> None:
    """Their jobs get different numbers, and the child is one child."""
    root = app.batch()
    with root.jobs():
        child = app.batch(description="twice")
        for numbers in ((1, 2, 3), (4, 5)):
            with child.jobs():
                job.enqueue_many((number,) for number in numbers)
    jids = [json.loads(text)["jid"] for text in listed(app)]
    assert len(set(jids)) == 5
    assert app.batches[child.bid].total == 5
    assert app.batches[root.bid].child_bids == [child.bid]
    hands.work()
    assert app.batches[root.bid].is_success


def test_a_block_of_a_batch_in_a_block_of_the_same(
    app: App, job: Job[..., None], hands: Hands
) -> None:
    """Numbers differ even when two blocks of a new batch are open at once."""
    batch = app.batch()
    with batch.jobs():
        job.enqueue(1)
        with batch.jobs():
            job.enqueue(2)
        job.enqueue(3)
    assert len({json.loads(text)["jid"] for text in listed(app)}) == 3
    hands.work()
    assert counts(app, batch.bid) == {3: 3}
    assert app.batches[batch.bid].child_bids == []


def test_a_block_that_outlives_the_outer_one_loses_no_job_silently(
    app: App, job: Job[..., None]
) -> None:
    """A task may have been started in a block that has ended: its inner block can't go along."""
    outer, inner = app.batch().jobs(), app.batch().jobs()
    outer.__enter__()
    inner.__enter__()
    job.enqueue(1)
    outer._ended = True
    with pytest.raises(EnqueueError, match="has ended already"):
        inner.__exit__(None, None, None)


def test_parent_none_makes_a_root(app: App, job: Job[..., None]) -> None:
    """Also inside a block, with which it is committed, and inside a job."""
    with app.batch().jobs():
        root = app.batch(parent=None)
        with root.jobs():
            job.enqueue(1)
    assert app.batches[root.bid].parent_bid is None
    with inside(app, listed(app)[0]):
        other = app.batch(parent=None)
        with other.jobs():
            job.enqueue(2)
    assert app.batches[other.bid].parent_bid is None


def test_a_batch_of_another_app_is_no_child(app: App, url: str, job: Job[..., None]) -> None:
    """In a block or a job of one app, a batch of another is a root and leaves at once."""
    other = App(url, prefix="other:")
    root = app.batch()
    with root.jobs():
        job.enqueue(1)
        foreign = other.batch()
        with foreign.jobs():
            other.enqueue("some.job")
        assert other.batches[foreign.bid].total == 1
    with inside(app, listed(app)[0]):
        second = other.batch()
        with second.jobs():
            other.enqueue("some.job")
    assert other.batches[second.bid].parent_bid is None
    assert app.batches[root.bid].child_bids == []
    other.close()


# -- children of jobs and callbacks ---------------------------------------------------------------


def test_a_batch_made_in_a_member_is_a_child(way: Way, app: App, job: Job[..., None]) -> None:
    """Its parent waits for it, though its own job is done."""
    root = app.batch()
    with root.jobs():
        job.enqueue(1)
    hands = Hands(app)
    claimed = hands.claim()
    with inside(app, claimed.payloads[0]):
        child = app.batch()
        with child.jobs():
            job.enqueue(2)
    hands.ack(claimed.first)
    assert has_fired(app, root) == set()
    hands.work()
    assert has_fired(app, root) == {"complete", "success", "settled"}
    assert way(app.batches, "get", child.bid).parent_bid == root.bid


def test_a_callback_adds_a_stage_to_the_parent(app: App, job: Job[..., None], hands: Hands) -> None:
    """`current_batch()` in a callback is the parent, which waits for what is added there (P83)."""
    root, child = chain(app, job, 2, a="complete")
    hands.ack(take(hands, of(child)), take(hands, of(root)))
    claimed = hands.claim()
    with inside(app, claimed.payloads[0]) as running:
        assert running.callback_of == child.bid
        running.callback_parent = root.bid
        current = outrider.current_batch()
        assert current is not None
        assert current.bid == root.bid
        with current.jobs():
            job.enqueue(3)
        stage = app.batch()
        with stage.jobs():
            job.enqueue(4)
    hands.ack(claimed.first)
    assert app.batches[stage.bid].parent_bid == root.bid
    assert has_fired(app, root) == set()
    hands.work()
    assert has_fired(app, root) == {"complete", "success", "settled"}
    assert app.batches[root.bid].total == 2


def test_the_parent_must_be_there_and_unsettled(app: App, job: Job[..., None]) -> None:
    """A settled parent raises BatchFinished, one that is gone BatchNotFound; nothing is pushed."""
    root = app.batch()
    with root.jobs():
        job.enqueue(1)
    (text,) = listed(app)
    Hands(app).work()
    with inside(app, text):
        late = app.batch()
        with pytest.raises(BatchFinished, match=f"batch {root.bid} is settled"), late.jobs():
            job.enqueue(2)
    raw(app, "DEL", app.keys("batch", root.bid))
    with inside(app, text), pytest.raises(BatchNotFound), app.batch().jobs():
        job.enqueue(2)
    assert listed(app) == []
    assert late.bid not in app.batches


def test_a_settled_batch_in_a_block_refuses_the_whole_commit(app: App, job: Job[..., None]) -> None:
    """All or nothing: the outer batch is not made either."""
    settled, root = app.batch(), app.batch()
    with settled.jobs():
        pass
    with pytest.raises(BatchFinished, match=settled.bid), root.jobs(), settled.jobs():
        job.enqueue(1)
    assert root.bid not in app.batches
    assert listed(app) == []


def test_a_revived_member_may_add_and_others_may_not(
    way: Way, app: App, job: Job[..., None]
) -> None:
    """A live member always adds, jobs and children; for others the batch stays settled."""
    batch = app.batch()
    with batch.jobs():
        job.enqueue(1)
    hands = Hands(app)
    hands.ack(Other("dead", hands.take()))
    assert has_fired(app, batch) == {"complete", "death", "settled"}
    ((text, _),) = scored(app, "dead")
    raw(app, "ZREM", app.keys("dead"), text)
    raw(app, "LPUSH", app.keys("queue", "default"), text)
    token = hands.take()
    with pytest.raises(BatchFinished), app.batches.open(batch.bid).jobs():
        job.enqueue(2)
    with inside(app, text):
        with app.batches.open(batch.bid).jobs():
            job.enqueue(3)
        with app.batch().jobs():
            job.enqueue(4)
    assert raw(app, "TTL", app.keys("batch", batch.bid)) == -1
    hands.ack(token)
    assert not app.batches[batch.bid].is_success
    hands.work()
    assert app.batches[batch.bid].is_success
    with inside(app, text), pytest.raises(BatchFinished), app.batches.open(batch.bid).jobs():
        job.enqueue(5)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_nobody_joins_what_waits_for_him(
    way: Way, app: App, job: Job[..., None], level: int
) -> None:
    """A job of a descendant would wait for ever for any batch above it."""
    batches = chain(app, job, 3)
    status = app.batches[batches[level].bid]
    with inside(app, listed(app)[2]), pytest.raises(RuntimeError, match="which waits for it"):
        way(status, "join", timeout=1)
    with inside(app, listed(app)[0]):
        if level:
            with pytest.raises(TimeoutError):
                way(status, "join", timeout=0.01)


# -- how children count ---------------------------------------------------------------------------


def test_a_tree_of_empty_batches_is_done_at_once(app: App, job: Job[..., None]) -> None:
    """Empty children of empty parents fire everything in the step that makes them (P21, P81)."""
    with app.batch().jobs():
        root = app.batch()
        with root.jobs(), app.batch().jobs(), app.batch().jobs():
            pass
    assert has_fired(app, root) == {"complete", "success", "settled"}
    assert raw(app, "ZCARD", "o:batches") == 0


def test_parents_fire_after_their_children(app: App, job: Job[..., None], hands: Hands) -> None:
    """From the leaf up, each level when the callbacks of the level below have ended (P24, O7)."""
    batches = chain(app, job, 4, a="success", b="complete")
    jobs = hands.work()
    order = [one["cb"] for one in jobs if "cb" in one]
    assert len(order) == len(set(order)) == 8
    for level in range(3):
        above, below = (
            [order.index(f"{batches[at].bid}:{event}:0") for event in ("success", "complete")]
            for at in (level, level + 1)
        )
        assert min(above) > max(below)
    assert all(app.batches[batch.bid].is_success for batch in batches)


def test_a_death_is_told_to_every_ancestor_at_once(
    app: App, job: Job[..., None], hands: Hands
) -> None:
    """Once each, however many die (P24, P32)."""
    batches = chain(app, job, 4, a="death")
    claimed = hands.claim()
    assert hands.ack(*(Other("dead", claimed.first + at) for at in (3, 2))) == []
    assert [has_fired(app, batch) >= {"death"} for batch in batches] == [True] * 4
    hands.ack(claimed.first, claimed.first + 1)
    called = [one["cb"] for one in hands.work()]
    assert sorted(called) == sorted(f"{batch.bid}:death:0" for batch in batches)
    assert [has_fired(app, batch) for batch in batches] == [{"complete", "death", "settled"}] * 4


@pytest.mark.parametrize("kind", ["dead", "discard"])
def test_a_callback_that_ends_badly_bars_success_above(
    app: App, job: Job[..., None], hands: Hands, kind: str
) -> None:
    """It is no death, and the ancestors settle; done well after all it bars no more (P39)."""
    batches = chain(app, job, 3)
    leaf = batches[-1].on("settled", f"{HERE}.called")
    claimed = hands.claim()
    hands.ack(*range(claimed.first, claimed.first + 3))
    claimed = hands.claim()
    hands.ack(Other(kind, claimed.first))
    assert [has_fired(app, batch) for batch in batches[:2]] == [{"complete", "settled"}] * 2
    assert has_fired(app, leaf) == {"complete", "success", "settled"}
    raw(app, "DEL", app.keys("dead"))
    raw(app, "LPUSH", app.keys("queue", "default"), claimed.payloads[0])
    hands.work()
    assert has_fired(app, batches[0]) == {"complete", "success", "settled"}


def test_a_revival_takes_the_reports_back(app: App, job: Job[..., None], hands: Hands) -> None:
    """A dead job that is brought back makes every ancestor wait that has not fired (P39)."""
    root, middle, leaf = chain(app, job, 3)
    hands.ack(take(hands, of(middle)))
    hands.ack(Other("dead", take(hands, of(leaf))))
    ((text, _),) = scored(app, "dead")
    raw(app, "DEL", app.keys("dead"))
    raw(app, "LPUSH", app.keys("queue", "default"), text)
    again = take(hands, of(leaf))
    hands.ack(take(hands, of(root)))
    assert has_fired(app, root) == {"complete", "death"}
    assert fields(app, root.bid)["kids_settled"] == "0"
    hands.ack(again)
    assert [app.batches[one.bid].is_success for one in (root, middle, leaf)] == [True] * 3


def test_a_late_listener_delays_the_ancestors(app: App, job: Job[..., None], hands: Hands) -> None:
    """Its callback is pushed at once, and those above wait for it if they have not fired."""
    root, middle, leaf = chain(app, job, 3)
    hands.ack(take(hands, of(leaf)), take(hands, of(middle)))
    leaf.on("complete", f"{HERE}.called")
    hands.ack(take(hands, of(root)))
    assert has_fired(app, middle) == {"complete", "success", "settled"}
    assert has_fired(app, root) == set()
    hands.ack(take(hands, callback_of(leaf, "complete")))
    assert has_fired(app, root) == {"complete", "success", "settled"}


def test_a_copy_of_a_childs_last_job_counts_once(
    app: App, job: Job[..., None], hands: Hands
) -> None:
    """Delivered twice, it makes no parent go below zero, nor fire again (P8, P26)."""
    root, child = chain(app, job, 2, a="success")
    text = next(text for text in listed(app) if json.loads(text)["bid"] == child.bid)
    raw(app, "LPUSH", app.keys("queue", "default"), text, text)
    done = [one["cb"] for one in hands.work() if "cb" in one]
    assert done == [f"{child.bid}:success:0", f"{root.bid}:success:0"]
    assert app.batches[root.bid].pending == 0
    assert fields(app, root.bid)["kids_succeeded"] == "1"


def test_nothing_expires_before_its_descendants(
    app: App, job: Job[..., None], hands: Hands
) -> None:
    """A parent gets a time to live when its last child has settled (P48)."""
    root, child = chain(app, job, 2)
    hands.ack(take(hands, of(root)))
    assert raw(app, "TTL", app.keys("kids", root.bid)) == -1
    hands.work()
    for kind in ("batch", "slots", "kids"):
        assert raw(app, "TTL", app.keys(kind, root.bid)) > 0
    assert raw(app, "TTL", app.keys("batch", child.bid)) > 0
