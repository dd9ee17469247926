"""Events and numbers over a batch's whole life, whatever is delivered twice, late or cut short.

P-numbers are those of docs/lessons.md.
"""

from __future__ import annotations

from typing import Any

import pytest

import outrider
from outrider import App, Batch, BatchFinished
from outrider.clock import now_ms
from outrider.job import Job
from outrider.store.queue import Other
from tests.app.conftest import Way
from tests.app.hands import NOW, Hands, counts, fields, inside, listed, put
from tests.app.runs import Runs
from tests.app.test_cancel import EVENTS, filled, has_fired

ENDED = {"complete", "success", "settled"}


def noop(number: int = 0) -> None: ...


def called(status: Any, **options: Any) -> None: ...


@pytest.fixture
def job(app: App) -> Job[..., None]:
    """A job; and the target of all callbacks, registered under the name that `filled` uses."""
    app.job(name="tests.app.conftest.called")(called)
    return app.job(noop)


def test_an_event_never_fires_again(app: App, job: Job[..., None], hands: Hands) -> None:
    """Complete has fired, more is added, fails and ends: each callback came once (O4)."""
    batch = filled(app, job, 1, *EVENTS)
    hands.ack(Other("retry", hands.take(), "", NOW, "{}"))
    assert has_fired(app, batch) == {"complete"}
    with batch.jobs():
        job.enqueue(1)
    assert has_fired(app, batch) == {"complete"}
    app.retries.retry_all()
    done = [one["cb"].split(":")[1] for one in hands.work() if "cb" in one]
    assert sorted(done) == ["complete", "settled", "success"]
    assert counts(app, batch.bid) == {3: 2}


@pytest.mark.parametrize("later", [0, 61_000, 3_600_000], ids=["at once", "61 s", "an hour"])
def test_a_last_job_that_comes_again(
    app: App, job: Job[..., None], hands: Hands, later: int
) -> None:
    """No lock that runs out: whenever the copy comes, each callback is there once (P8, P75)."""
    batch = filled(app, job, 2, *EVENTS)
    text = listed(app)[1]
    done = hands.work()
    for kind in (None, "retry", "dead"):
        put(app, "default", text)
        claimed = hands.claim(now=NOW + later)
        assert claimed.payloads == []
        with inside(app, text), pytest.raises(BatchFinished), batch.jobs():
            job.enqueue(kind)
    assert sum("cb" in one for one in done) == 3
    assert (app.batches[batch.bid].pending, has_fired(app, batch)) == (0, ENDED)


@pytest.mark.parametrize("kind", ["release", "snooze"])
def test_what_was_cut_short_has_not_run(
    app: App, job: Job[..., None], hands: Hands, kind: str
) -> None:
    """However often: complete fires once, after the real end (P7, O15)."""
    batch = filled(app, job, 1, "complete")
    for _ in range(5):
        hands.ack(Other(kind, hands.take(), "", NOW))
        if kind == "snooze":
            (record,) = app.scheduled
            assert app.scheduled.enqueue(record.jid)
        assert (has_fired(app, batch), counts(app, batch.bid)) == (set(), {1: 1})
    hands.work()
    assert has_fired(app, batch) == ENDED


@pytest.mark.parametrize("ends", ["success", "discard", "expired"])
def test_one_step_fires_all_three(app: App, job: Job[..., None], hands: Hands, ends: str) -> None:
    """Success implies settled, and settled complete; times are never out of order (P22)."""
    batch = app.batch()
    with batch.jobs():
        job.using(expires_in=60).enqueue()
    hands.now = now_ms()
    if ends == "expired":
        assert hands.claim(now=hands.now + 61_000).payloads == []
    else:
        token = hands.take()
        hands.ack(token if ends == "success" else Other("discard", token))
    status = app.batches[batch.bid]
    assert status.complete_at == status.success_at == status.settled_at
    assert (status.pending, status.percent) == (0, 100.0)


def test_times_are_whole_milliseconds(app: App, job: Job[..., None]) -> None:
    """However they were given; and every batch says which layout it has (P1, P12, P14)."""
    batch = filled(app, job, 1)
    runs = Runs(app)
    app.job(name="die", retry=0)(_die)
    with batch.jobs():
        app.enqueue("die")
    runs.run_all()
    assert app.dead.retry_all() == 1
    found = fields(app, batch.bid)
    times = {name: value for name, value in found.items() if name.endswith("_at")}
    assert set(times) == {"created_at", "complete_at", "death_at", "settled_at"}
    assert all(value.isdecimal() and len(value) == 13 for value in times.values())
    assert found["v"] == "1"
    assert app.batches[batch.bid].created_at.tzinfo is not None
    app.queues["default"].clear()


def _die() -> None:
    raise ValueError


@pytest.mark.parametrize("how", ["death", "cancel"])
def test_a_deep_tree(app: App, job: Job[..., None], hands: Hands, how: str) -> None:
    """Fifty levels: a death reaches all, so does a cancelling, and what follows (P24, P32, O6)."""
    batches: list[Batch] = []

    def fill(left: int) -> None:
        batches.append(app.batch())
        with batches[-1].jobs():
            if left > 1:
                fill(left - 1)
            else:
                job.enqueue()

    fill(50)
    if how == "death":
        hands.ack(Other("gone", hands.take()))
    else:
        batches[0].cancel()
    found = {frozenset(has_fired(app, one)) for one in batches}
    assert found == {frozenset({"complete", "settled", "death"} - ({"death"} - {how}))}
    assert {app.batches[one.bid].is_cancelled for one in batches} == {how == "cancel"}


def test_fifty_deaths_are_one(app: App, job: Job[..., None], hands: Hands) -> None:
    """Many members die in many reports of several workers: one callback a batch (P24)."""
    root = app.batch().on("death", "tests.app.conftest.called")
    with root.jobs():
        child = app.batch().on("death", "tests.app.conftest.called")
        with child.jobs():
            job.enqueue_many([(number,) for number in range(50)])
    others = [hands, *(Hands(app, f"host:{number}:ab") for number in range(2, 7))]
    held = [(one, one.claim(want=9)) for one in others]
    for one, claimed in held:
        for token in range(claimed.first, claimed.first + len(claimed.payloads)):
            one.ack(Other("gone", token))
    assert sorted(one["cb"] for one in hands.work()) == sorted(
        f"{one.bid}:death:0" for one in (root, child)
    )
    assert app.batches[child.bid].dead == 50


def test_all_vetoed_is_empty(app: App, job: Job[..., None]) -> None:
    """A batch of which nothing is left is an empty one (P53, P85)."""
    app.middleware.enqueue(lambda draft, push: None)
    batch = filled(app, job, 3)
    assert (app.batches[batch.bid].total, has_fired(app, batch)) == (0, ENDED)
    assert listed(app) == []


def test_mixed_kinds_in_a_large_block(app: App, job: Job[..., None]) -> None:
    """One by one, in bulk, delayed, to other queues: the total is what there is (P2, P5)."""
    batch = app.batch()
    jids: list[Any] = []
    with batch.jobs():
        for number in range(1500):
            jids += [job.enqueue(number), job.enqueue_in(3600 + number, number)]
            if not number % 500:
                bulk = job.using(queue="low")
                jids += [app.enqueue("by.name", [number]), *bulk.enqueue_many([(1,)] * 1100)]
    known = {getattr(one, "jid", one) for one in jids}
    status = app.batches[batch.bid]
    assert status.total == status.pending == len(jids) == len(known) == 6303
    waits = app.queues["default"].size + app.queues["low"].size + len(app.scheduled)
    assert waits == status.total
    batch.cancel()


def test_a_live_callback_of_a_child_adds_to_what_is_settled(
    app: App, job: Job[..., None], hands: Hands
) -> None:
    """One that was added late: its parent has settled, and is open to it alone."""
    root = app.batch()
    with root.jobs():
        child = app.batch()
        with child.jobs():
            job.enqueue(1)
    hands.work()
    assert has_fired(app, root) == ENDED
    child.on("settled", "tests.app.conftest.called")
    claimed = hands.claim()
    with inside(app, claimed.payloads[0]) as running:
        running.callback_parent = root.bid
        current = outrider.current_batch()
        assert current is not None
        with current.jobs():
            job.enqueue(2)
    with pytest.raises(BatchFinished), root.jobs():
        job.enqueue(3)
    hands.ack(claimed.first)
    assert app.batches[root.bid].pending == 1
    hands.work()
    assert (app.batches[root.bid].pending, has_fired(app, root)) == (0, ENDED)
    with inside(app, claimed.payloads[0]) as running:
        running.callback_parent = root.bid
        with pytest.raises(BatchFinished), root.jobs():
            job.enqueue(4)


@pytest.mark.parametrize(("deleted", "is_success"), [(0, False), (1, False), (2, True)])
def test_deleted_ones_count_for_no_part(
    app: App, job: Job[..., None], hands: Hands, deleted: int, *, is_success: bool
) -> None:
    """Partial success is judged over what is left: 1 good and 2 dead of 3, of 2, of 1."""
    batch = filled(app, job, 3, success_ratio=1)
    hands.ack(hands.take())
    for record in list(app.queues["default"])[:deleted]:
        assert app.queues["default"].delete(record.jid)
    left = hands.claim()
    hands.ack(*(Other("dead", left.first + at) for at in range(len(left.payloads))))
    assert ("success" in has_fired(app, batch)) == is_success


def test_the_channel_has_the_prefix(way: Way, url: str) -> None:
    """Two apps on one server do not hear each other."""
    app = App(url, prefix="p:")
    batch = app.batch()
    with batch.jobs():
        app.enqueue("some.job")
    listener = app.executor.address.connection()
    listener.connect()
    listener.send_command("PSUBSCRIBE", "*batch-*")
    assert listener.read_response()[-1] == 1
    way.app = app
    way(batch, "cancel")
    channel = listener.read_response()[-2].decode()
    listener.disconnect()
    app.close()
    assert channel == f"p:batch-{batch.bid}"
