"""Cancelling: what never runs, what still counts, and what fires."""

from __future__ import annotations

import json
from typing import Any

import pytest

from outrider import App, BatchCancelled, BatchFinished, BatchNotFound, cancelling
from outrider.batch import Batch
from outrider.job import Job
from outrider.payload import decode
from outrider.script import Call
from outrider.store import life
from outrider.store.queue import Other
from outrider.worker.outcome import decide
from tests.app.conftest import Way
from tests.app.hands import NOW, Hands, counts, fields, inside, listed, raw, scored, slots
from tests.app.trips import noted

HERE = "tests.app.conftest"
EVENTS = ("complete", "success", "death", "settled")
CANCELLED = 7


def filled(app: App, job: Job[..., None], count: int, *events: str, **options: Any) -> Batch:
    """A batch of so many jobs."""
    batch = app.batch(**options)
    for event in events:
        batch.on(event, f"{HERE}.called")
    with batch.jobs():
        for number in range(count):
            job.enqueue(number)
    return batch


def mark(app: App, batch: Batch, *, running: bool = False) -> None:
    """Cancel a batch, and die after the first step."""
    call = life.cancel(app.keys, bid=batch.bid, running=int(running), now=NOW)
    assert app.perform(call).answer == 1


def upkeep(app: App, *, since: int = 2**42, heard: int = 0, now: int = NOW) -> life.Upkeep:
    """What a worker is told at its rounds."""
    return app.perform(life.upkeep(app.keys, limit=9, since=since, heard=heard, now=now))


def has_fired(app: App, batch: Batch) -> set[str]:
    """The events of a batch that have fired."""
    return {event for event in EVENTS if f"{event}_at" in fields(app, batch.bid)}


@pytest.mark.parametrize("name", ["cancel", "invalidate_all"])
def test_what_waits_never_runs(
    way: Way, app: App, job: Job[..., None], hands: Hands, name: str
) -> None:
    """Complete and settled fire with their callbacks, success never (P45)."""
    batch = filled(app, job, 3, "complete", "success", "settled")
    way(batch, name)
    assert has_fired(app, batch) == {"complete", "settled"}
    assert counts(app, batch.bid) == {CANCELLED: 3}
    ran = hands.work()
    assert [one["cb"].split(":")[1] for one in ran] == ["complete", "settled"]
    status = app.batches[batch.bid]
    assert (status.cancelled, status.pending, status.percent) == (3, 0, 100.0)
    assert (status.is_cancelled, status.is_settled, status.is_success) == (True, True, False)
    assert listed(app) == []
    assert raw(app, "EXISTS", "o:cancelling") == 0


def test_scheduled_failing_and_retrying(app: App, job: Job[..., None], hands: Hands) -> None:
    """They are taken out of schedule and retry; others stay there."""
    batch = app.batch()
    with batch.jobs():
        job.enqueue(1)
        job.enqueue_in(3600, 2)
    job.enqueue_in(3600, 3)
    token = hands.take()
    hands.ack(Other("retry", token, "", NOW + 1000, "{}"))
    assert (len(scored(app, "schedule")), len(scored(app, "retry"))) == (2, 1)
    batch.cancel()
    assert counts(app, batch.bid) == {CANCELLED: 2}
    assert (len(scored(app, "schedule")), len(scored(app, "retry"))) == (1, 0)
    assert app.batches[batch.bid].failure_info == []
    assert has_fired(app, batch) == {"complete", "settled"}


def test_a_failing_one_that_was_promoted(app: App, job: Job[..., None], hands: Hands) -> None:
    """It lies on its queue again, and does not run."""
    batch = filled(app, job, 1)
    text = listed(app)[0]
    hands.ack(Other("retry", hands.take(), "", NOW, "{}"))
    raw(app, "DEL", "retry")
    raw(app, "LPUSH", "queue:default", text)
    batch.cancel()
    assert hands.claim().payloads == []
    assert counts(app, batch.bid) == {CANCELLED: 1}


def test_a_paused_queue(app: App, job: Job[..., None], hands: Hands) -> None:
    """The batch settles while its queue is paused, and nothing runs when it goes on."""
    batch = filled(app, job, 2, "settled", callback_queue="other")
    raw(app, "SADD", "paused", "default")
    batch.cancel()
    assert has_fired(app, batch) == {"complete", "settled"}
    assert len(hands.work("default", "other")) == 1
    raw(app, "SREM", "paused", "default")
    assert hands.work() == []
    assert listed(app) == []


OUTCOMES = {"retry": 7, "dead": 7, "gone": 7, "snooze": 7, "release": 7, "cancel": 7, "discard": 5}


@pytest.mark.parametrize(("kind", "state"), OUTCOMES.items())
def test_of_a_running_one_only_success_and_discard_count(
    app: App, job: Job[..., None], hands: Hands, kind: str, state: int
) -> None:
    """Anything else cancels it, and no death fires."""
    batch = filled(app, job, 3)
    claimed = hands.claim(want=2)
    batch.cancel()
    assert slots(app, 3, batch.bid) == [1, 1, 7]
    assert has_fired(app, batch) == set()
    with inside(app, claimed.payloads[0]) as running:
        assert running.bid == batch.bid
    assert hands.ack(claimed.first, Other(kind, claimed.first + 1, "", NOW, "{}")) == []
    assert slots(app, 3, batch.bid) == [3, state, 7]
    assert has_fired(app, batch) == {"complete", "settled"}
    assert scored(app, "dead") == scored(app, "retry") == scored(app, "schedule") == []
    assert hands.work() == []


def test_success_never_even_if_all_succeeded(app: App, job: Job[..., None], hands: Hands) -> None:
    """Who was running may end well, all of them: the batch was cancelled none the less."""
    batch = filled(app, job, 1)
    token = hands.take()
    batch.cancel()
    hands.ack(token)
    assert counts(app, batch.bid) == {3: 1}
    assert has_fired(app, batch) == {"complete", "settled"}


def test_a_running_one_written_anew_by_others(app: App, job: Job[..., None], hands: Hands) -> None:
    """Another client puts its own fields first; it is running all the same."""
    batch = filled(app, job, 1)
    (text,) = listed(app)
    raw(app, "DEL", "queue:default")
    raw(app, "LPUSH", "queue:default", json.dumps({"retry": True, **json.loads(text)}))
    token = hands.take()
    batch.cancel()
    hands.ack(token)
    assert counts(app, batch.bid) == {3: 1}


def test_a_running_one_that_is_deleted(app: App, job: Job[..., None], hands: Hands) -> None:
    """By way of a second copy of it: that counts, and its success no more (P62)."""
    batch = filled(app, job, 1)
    (text,) = listed(app)
    token = hands.take()
    batch.cancel()
    raw(app, "LPUSH", "queue:default", text)
    assert has_fired(app, batch) == set()
    assert app.queues["default"].delete(json.loads(text)["jid"])
    assert (counts(app, batch.bid), has_fired(app, batch)) == ({8: 1}, {"complete", "settled"})
    hands.ack(token)
    assert counts(app, batch.bid) == {8: 1}


@pytest.mark.parametrize("during", [False, True], ids=["after", "during"])
def test_a_running_one_whose_worker_is_lost(
    app: App, job: Job[..., None], hands: Hands, during: bool
) -> None:
    """It comes back to its queue, paused perhaps: a worker looks at the batch once more."""
    batch = filled(app, job, 1)
    hands.take()
    raw(app, "SADD", "paused", "default")
    if during:

        def meanwhile(call: Call[Any], _: Any) -> None:
            if call.script and call.script.name == "cancel_members":
                hands.recall()

        app.perform(noted(cancelling.cancel(app.keys, batch.bid), meanwhile))
    else:
        batch.cancel()
        hands.recall()
    assert has_fired(app, batch) == set()
    undone = upkeep(app).undone
    assert undone == [batch.bid]
    app.perform(cancelling.finish(app.keys, undone))
    assert has_fired(app, batch) == {"complete", "settled"}
    raw(app, "DEL", "paused")
    assert hands.work() == []
    assert raw(app, "EXISTS", "o:cancelling") == 0


def test_descendants_are_cancelled(way: Way, app: App, job: Job[..., None]) -> None:
    """All below, but not what is above or beside; a cancelled child bars success for good."""
    root = app.batch()
    with root.jobs():
        middle, beside = app.batch(), app.batch()
        with middle.jobs():
            job.enqueue(1)
            leaf = app.batch()
            with leaf.jobs():
                job.enqueue(2)
        with beside.jobs():
            job.enqueue(3)
    way(middle, "cancel")
    assert [app.batches[one.bid].cancelled for one in (middle, leaf, beside)] == [1, 1, 0]
    assert has_fired(app, middle) == has_fired(app, leaf) == {"complete", "settled"}
    assert not app.batches[root.bid].is_cancelled
    assert len(Hands(app).work()) == 1
    assert has_fired(app, root) == {"complete", "settled"}
    assert app.batches[beside.bid].is_success


def test_nothing_is_added_below_a_cancelled_batch(
    way: Way, app: App, job: Job[..., None], hands: Hands
) -> None:
    """Neither jobs, nor children, nor a hold; also where only an ancestor is marked so far."""
    root = app.batch()
    with root.jobs():
        job.enqueue(1)
        child = app.batch()
        with child.jobs():
            job.enqueue(2)
    claimed = hands.claim()
    mark(app, root)
    assert not app.batches[child.bid].is_cancelled
    for bid, text in ((root.bid, claimed.payloads[0]), (child.bid, claimed.payloads[1])):
        with pytest.raises(BatchCancelled, match=bid), way(app.batches, "open", bid).jobs():
            job.enqueue(3)
        with pytest.raises(BatchCancelled), app.batches.open(bid).open():
            raise AssertionError("not reached")
        with (
            inside(app, text),
            pytest.raises(BatchCancelled),
            app.batch().jobs(),
        ):
            job.enqueue(4)
    assert listed(app) == []
    app.perform(cancelling.finish(app.keys, [root.bid]))
    hands.ack(claimed.first, claimed.first + 1)
    assert has_fired(app, root) == has_fired(app, child) == {"complete", "settled"}


def test_a_settled_batch_stays_as_it_is(
    way: Way, app: App, job: Job[..., None], hands: Hands
) -> None:
    """Done is done."""
    batch = filled(app, job, 1)
    hands.work()
    way(batch, "cancel")
    assert not app.batches[batch.bid].is_cancelled
    assert app.batches[batch.bid].is_success


def test_twice_and_unknown(way: Way, app: App, job: Job[..., None]) -> None:
    """Twice is once; an unknown batch raises."""
    batch = filled(app, job, 2, "settled")
    way(batch, "cancel")
    stamp = fields(app, batch.bid)["cancelled_at"]
    way(batch, "cancel")
    assert fields(app, batch.bid)["cancelled_at"] == stamp
    assert len(Hands(app).work()) == 1
    with pytest.raises(BatchNotFound):
        way(Batch(app, bid="00" * 8), "cancel")


def test_cancelled_wins_over_expired(app: App, job: Job[..., None], hands: Hands) -> None:
    """A worker meets a late member of a batch that is only marked: it is cancelled."""
    batch = app.batch()
    with batch.jobs():
        job.using(expires_in=1).enqueue(1)
    mark(app, batch)
    assert hands.claim(now=NOW * 2).payloads == []
    assert counts(app, batch.bid) == {CANCELLED: 1}
    assert has_fired(app, batch) == {"complete", "settled"}
    app.perform(cancelling.finish(app.keys, [batch.bid]))


def test_a_dead_job_can_not_be_retried(app: App, job: Job[..., None], hands: Hands) -> None:
    """It stays dead, whatever somebody does with its payload."""
    batch = filled(app, job, 2)
    hands.ack(Other("dead", hands.take()))
    batch.cancel()
    assert counts(app, batch.bid) == {6: 1, CANCELLED: 1}
    ((text, _),) = scored(app, "dead")
    raw(app, "DEL", "dead")
    raw(app, "LPUSH", "queue:default", text)
    assert hands.work() == []
    assert counts(app, batch.bid) == {6: 1, CANCELLED: 1}
    assert has_fired(app, batch) == {"complete", "death", "settled"}


def test_callbacks_are_never_cancelled(app: App, job: Job[..., None], hands: Hands) -> None:
    """A batch that only waits for the callback of a child: that runs, then all above settle."""
    root = app.batch()
    with root.jobs():
        child = app.batch().on("complete", f"{HERE}.called")
        with child.jobs():
            pass
    root.cancel()
    assert has_fired(app, root) == set()
    assert not app.batches[child.bid].is_cancelled
    assert [one["cb"] for one in hands.work()] == [f"{child.bid}:complete:0"]
    assert has_fired(app, root) == {"complete", "settled"}


def test_a_client_that_died_after_the_mark(app: App, job: Job[..., None], hands: Hands) -> None:
    """A worker names it after a while, and does the rest; a slice done before does no harm."""
    batch = filled(app, job, 3)
    mark(app, batch)
    assert upkeep(app, since=NOW - 30_000).undone == []
    some: dict[str, Any] = {"first": 0, "count": 2, "running": [], "now": NOW}
    assert app.perform(life.cancel_members(app.keys, bid=batch.bid, **some)) == 2
    later = NOW + 30_000
    assert upkeep(app, since=NOW, now=later).undone == [batch.bid]
    assert upkeep(app, since=NOW, now=later).undone == [], "one worker alone takes it over"
    assert upkeep(app, since=later, now=later + 30_000).undone == [batch.bid], "it died as well"
    app.perform(cancelling.finish(app.keys, [batch.bid]))
    assert counts(app, batch.bid) == {CANCELLED: 3}
    assert upkeep(app).undone == []


def test_killing_what_the_cancelling_has_not_met(
    app: App, job: Job[..., None], hands: Hands
) -> None:
    """Nobody dies in a cancelled batch: what is killed before a worker cancels it is cancelled."""
    batch = filled(app, job, 3, "death", cancel_when_dead=1)
    first, second, _ = [record.jid for record in app.queues["default"]]
    assert app.queues["default"].kill(first)
    assert app.queues["default"].kill(second)
    assert counts(app, batch.bid) == {1: 1, 6: 1, CANCELLED: 1}
    assert [failed.jid for failed in app.batches[batch.bid].failure_info] == [first]
    with pytest.raises(BatchCancelled):
        app.dead.retry(second)
    hands.work()


def test_many_members(app: App, job: Job[..., None], hands: Hands) -> None:
    """More than a slice, running ones among them (P52)."""
    batch = app.batch()
    with batch.jobs():
        job.enqueue_many([(number,) for number in range(1203)])
    claimed = hands.claim(want=300)
    batch.cancel()
    assert counts(app, batch.bid) == {1: 300, CANCELLED: 903}
    hands.ack(*range(claimed.first, claimed.first + 300))
    assert has_fired(app, batch) == {"complete", "settled"}


def test_an_empty_batch_that_is_held(app: App) -> None:
    """Cancelled while it is held: it settles when the hold ends."""
    batch = app.batch()
    with batch.open():
        batch.cancel()
        assert has_fired(app, batch) == set()
    assert has_fired(app, batch) == {"complete", "settled"}


def outcome(text: str | dict[str, Any], error: Exception) -> Other:
    payload = (text if isinstance(text, str) else json.dumps(text)).encode()
    return decide(decode(payload), payload, 1, error, None, NOW)


def test_what_the_errors_mean(app: App, job: Job[..., None]) -> None:
    """A member that raises BatchCancelled is cancelled; a callback dies at once, by either.

    P31.
    """
    filled(app, job, 1)
    (member,) = listed(app)
    plain = {"jid": "a" * 24, "class": "x", "args": [], "queue": "default", "retry": True}
    callback = {**plain, "cb": f"{'a' * 16}:complete:0"}
    assert outcome(member, BatchCancelled("no")).kind == "cancel"
    assert outcome(member, BatchFinished("no")).kind == "dead"
    assert outcome(callback, BatchCancelled("no")).kind == "dead"
    assert outcome(callback, BatchFinished("no")).kind == "dead"
    assert outcome(plain, BatchCancelled("no")).kind == "retry"
    assert outcome(plain, BatchFinished("no")).kind == "retry"


def test_a_member_that_was_cancelled_alone(app: App, job: Job[..., None], hands: Hands) -> None:
    """It raised BatchCancelled for another batch: it is cancelled, and its batch can't succeed."""
    batch = filled(app, job, 2)
    hands.ack(Other("cancel", hands.take()))
    hands.work()
    assert counts(app, batch.bid) == {3: 1, CANCELLED: 1}
    assert has_fired(app, batch) == {"complete", "settled"}
    assert not app.batches[batch.bid].is_cancelled
