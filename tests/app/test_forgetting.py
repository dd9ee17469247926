"""The end of a batch: its time to live, deleting it, and what its jobs are after that."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from outrider import (
    App,
    BatchNotFound,
    BatchUnfinished,
    current_batch,
    current_job,
    valid_within_batch,
)
from outrider.batch import Batch
from outrider.job import Job
from outrider.store.queue import Other
from outrider.worker.perform import Performer
from tests.app.conftest import Way
from tests.app.hands import (
    NOW,
    Hands,
    commit,
    fields,
    inside,
    keys_of,
    listed,
    put,
    raw,
    scored,
    write,
)
from tests.app.test_cancel import filled

HERE = "tests.app.conftest"
DAY = 86_400


def life(app: App, batch: Batch) -> int:
    """For how many days all keys of a batch live: 0 for ever, else to the nearest one."""
    kinds = ("batch", "slots", "failures", "kids")
    found = [raw(app, "TTL", f"o:{kind}:{batch.bid}") for kind in kinds]
    (seconds,) = {ttl for ttl in found if ttl != -2}
    return 0 if seconds < 0 else round(seconds / DAY)


# -- its time to live ------------------------------------------------------------------------------


def test_success_lives_a_day(app: App, job: Job[..., None], hands: Hands) -> None:
    """After its last callback, of whatever event (P57)."""
    batch = filled(app, job, 1, "success", "complete")
    hands.ack(hands.take())
    assert life(app, batch) == 0
    first, second = hands.take(), hands.take()
    hands.ack(first)
    assert life(app, batch) == 0
    hands.ack(second)
    assert life(app, batch) == 1
    assert app.batches[batch.bid].expires_at is not None


def test_without_success_it_lives_like_the_dead_set(
    app: App, job: Job[..., None], hands: Hands
) -> None:
    """A revival takes the time off, and success at last makes it a day (P57)."""
    batch = filled(app, job, 1)
    hands.ack(Other("dead", hands.take(), "", NOW, "{}"))
    assert life(app, batch) == 180
    ((payload, _),) = scored(app, "dead")
    assert app.dead.retry(json.loads(payload)["jid"])
    assert (life(app, batch), app.batches[batch.bid].expires_at) == (0, None)
    assert raw(app, "ZSCORE", "o:audit", batch.bid) is not None
    hands.ack(hands.take())
    assert life(app, batch) == 1
    assert raw(app, "ZCARD", "o:audit") == 0


def test_a_bad_callback_can_be_repaired(app: App, job: Job[..., None], hands: Hands) -> None:
    """As long as one lies in the dead set it bars the parent, so its batch is kept as long.

    P48.
    """
    parent = app.batch()
    with parent.jobs():
        child = filled(app, job, 1, "success")
    hands.ack(hands.take())
    hands.ack(Other("dead", hands.take(), "", NOW, ""))
    assert (life(app, child), life(app, parent)) == (180, 180)
    ((payload, _),) = scored(app, "dead")
    assert app.dead.retry(json.loads(payload)["jid"])
    assert (life(app, child), life(app, parent)) == (0, 0)
    hands.ack(hands.take())
    assert (life(app, child), life(app, parent)) == (1, 1)


def test_a_child_that_expired(app: App, job: Job[..., None], hands: Hands) -> None:
    """One that had succeeded keeps counting so for its parent, one that had not bars for good."""
    for kind in ("success", "dead"):
        parent = app.batch()
        with parent.jobs():
            job.enqueue(1)
            child = filled(app, job, 1)
        tokens = {json.loads(one)["bid"]: at for at, one in enumerate(hands.claim().payloads, 1)}
        first = int(raw(app, "GET", "o:tokens")) - 1
        token = {bid: first + at - 1 for bid, at in tokens.items()}
        if kind == "dead":
            hands.ack(Other("gone", token[child.bid], "", NOW, ""))
        else:
            hands.ack(token[child.bid])
        raw(app, "DEL", *(f"o:{name}:{child.bid}" for name in ("batch", "slots", "kids")))
        hands.ack(token[parent.bid])
        status = app.batches[parent.bid]
        assert (status.is_settled, status.is_success) == (True, kind == "success")
        assert status.child_bids == [child.bid]


# -- deleting --------------------------------------------------------------------------------------


def test_refused_while_it_is_live(way: Way, app: App, job: Job[..., None], hands: Hands) -> None:
    """As long as a job or a callback may still run; nothing is changed by that (P63)."""
    batch = filled(app, job, 1, "success")
    status = app.batches[batch.bid]
    before = fields(app, batch.bid)
    with pytest.raises(BatchUnfinished, match=f"batch {batch.bid} is not settled.*force=True"):
        way(status, "delete")
    assert fields(app, batch.bid) == before
    hands.ack(hands.take())
    with pytest.raises(BatchUnfinished, match="callback of it has not ended"):
        way(status, "delete")
    hands.ack(hands.take())
    way(status, "delete")
    assert keys_of(app, batch.bid) == []


def test_nothing_is_left(way: Way, app: App, job: Job[..., None], hands: Hands) -> None:
    """At rest it goes at once, with all below it; a second time nothing happens (P33, P37, P63)."""
    parent = app.batch()
    with parent.jobs():
        job.enqueue(1)
        child = filled(app, job, 2)
    hands.work()
    status = app.batches[parent.bid]
    for _ in range(2):
        way(status, "delete")
        assert keys_of(app, parent.bid) == keys_of(app, child.bid) == []
    way(status, "delete", force=True)
    for act in ("refresh", "explain", "pending_jids"):
        with pytest.raises(BatchNotFound):
            way(status, act)
    with pytest.raises(BatchNotFound):
        next(status.watch())
    with pytest.raises(BatchNotFound):
        app.batches[parent.bid]
    assert app.batches.get(parent.bid) is None


def test_a_child_alone(app: App, job: Job[..., None], hands: Hands) -> None:
    """What it has counted as, it counts as for its parent."""
    parent = app.batch()
    with parent.jobs():
        job.enqueue(1)
        well, ill = filled(app, job, 1), filled(app, job, 1)
    claimed = hands.claim()
    bids = [json.loads(payload)["bid"] for payload in claimed.payloads]
    token = {bid: claimed.first + at for at, bid in enumerate(bids)}
    hands.ack(token[well.bid], Other("gone", token[ill.bid], "", NOW, ""))
    for child in (well, ill):
        app.batches[child.bid].delete()
    assert app.batches[parent.bid].picture.children == {well.bid: 7, ill.bid: 5}
    hands.ack(token[parent.bid])
    status = app.batches[parent.bid]
    assert (status.is_settled, status.is_success) == (True, False)


def test_by_force(way: Way, app: App, job: Job[..., None], hands: Hands) -> None:
    """It is cancelled with all below it, and goes after its last callback; so do they.

    P37, P63, P65, P87.
    """
    root = app.batch()
    with root.jobs():
        parent = app.batch()
        parent.on("settled", f"{HERE}.called")
        with parent.jobs():
            job.enqueue(1)
            child = filled(app, job, 2)
    running = hands.take()
    status = app.batches[parent.bid]
    for _ in range(2):
        way(status, "delete", force=True)
    assert status.refresh().is_cancelled
    hands.ack(running)
    assert keys_of(app, child.bid) == []
    assert status.refresh().is_settled
    # Its cancelled jobs lie on the queue still; what is forgotten does not run for that.
    assert [json.loads(one).get("cb") for one in listed(app)].count(None) == 2
    (callback,) = hands.claim().payloads
    assert json.loads(callback)["cb"] == f"{parent.bid}:settled:0"
    assert status.refresh().is_settled
    hands.ack(int(raw(app, "GET", "o:tokens")))
    assert keys_of(app, parent.bid) == keys_of(app, child.bid) == []
    with pytest.raises(BatchNotFound):
        status.refresh()
    found = app.batches[root.bid]
    assert (found.is_settled, found.is_success) == (True, False)
    assert found.picture.children == {parent.bid: 5}
    assert raw(app, "ZCARD", "o:audit") == raw(app, "ZCARD", "o:cancelling") == 0


def test_a_large_batch_goes_as_fast_as_a_small_one(app: App) -> None:
    """A request and no more, whose keys the server frees beside its other work (P36, P52)."""
    bid = "00112233445566aa"
    app.perform(commit(app, bid=bid, ranges=[(0, 500_000)]))
    app.batches.open(bid).cancel()
    status = app.batches[bid]
    assert status.is_settled
    raw(app, "CONFIG", "RESETSTAT")
    status.delete()
    calls = dict(
        re.findall(r"cmdstat_(\w+):calls=(\d+)", raw(app, "INFO", "commandstats").decode())
    )
    assert calls["evalsha"] == "1"
    assert "unlink" in calls
    assert "del" not in calls
    assert keys_of(app, bid) == []


def test_by_force_at_rest(app: App, job: Job[..., None], hands: Hands) -> None:
    """It goes at once, and is not cancelled before."""
    batch = filled(app, job, 1)
    hands.work()
    app.batches[batch.bid].delete(force=True)
    assert keys_of(app, batch.bid) == []


# -- its jobs after that ---------------------------------------------------------------------------


def test_a_member_runs_as_a_plain_job(app: App, hands: Hands) -> None:
    """Brought back from the dead: it has no batch, and what it makes is a root (P78)."""
    found: list[Any] = []

    @app.job(name="look")
    def look() -> None:
        batch = app.batch()
        found.append((current_batch(), current_job().bid, valid_within_batch(), batch.parent))

    batch = app.batch()
    with batch.jobs():
        look.enqueue()
    hands.ack(Other("dead", hands.take(), "", NOW, ""))
    app.batches[batch.bid].delete()
    ((payload, _),) = scored(app, "dead")
    assert app.dead.retry(json.loads(payload)["jid"])
    claimed = hands.claim()
    performer = Performer(app, "host:1:ab:0")
    prepared = performer.prepare(claimed.payloads[0], claimed.first)
    assert not isinstance(prepared, Other)
    outcome = performer.run(prepared)
    assert found == [(None, None, True, None)]
    assert hands.ack(outcome) == []
    assert keys_of(app, batch.bid) == []


def test_a_callback_below_a_forgotten_batch(app: App, job: Job[..., None], hands: Hands) -> None:
    """It has no batch to add to; one of a forgotten batch itself dies at once (P80)."""
    found: list[Any] = []

    @app.job(name="look")
    def look(status: Any) -> None:
        found.append((status.bid, status.parent_bid, current_batch(), app.batch().parent))

    parent = app.batch()
    with parent.jobs():
        child = app.batch()
        child.on("success", look)
        with child.jobs():
            job.enqueue(1)
    hands.ack(hands.take())
    performer = Performer(app, "host:1:ab:0")
    (payload,) = listed(app)
    for bid in (None, parent.bid, child.bid):
        if bid:
            raw(app, "DEL", *(f"o:{kind}:{bid}" for kind in ("batch", "slots", "kids")))
        prepared = performer.prepare(payload.encode(), 7)
        assert not isinstance(prepared, Other)
        outcome = performer.run(prepared)
        if bid == child.bid:
            assert isinstance(outcome, Other)
            assert (outcome.kind, json.loads(outcome.payload)["error_class"]) == (
                "dead",
                "outrider.errors.Kill",
            )
        else:
            assert outcome == 7
    assert [(one[2] and one[2].bid, one[3]) for one in found] == [
        (parent.bid, parent.bid),
        (None, None),
    ]
    raw(app, "DEL", "o:audit", "o:batches")


@pytest.mark.parametrize(
    "kind", ["retry", "discard", "dead", "gone", "snooze", "release", "cancel"]
)
def test_every_outcome_of_a_plain_member(app: App, hands: Hands, kind: str) -> None:
    """None makes a key of the batch that is gone (P79)."""
    bid = "00112233445566aa"
    put(app, "default", write(f"{bid}00000000", bid=bid))
    token = hands.take()
    assert hands.ack(Other(kind, token, "", NOW, '{"error":"x"}')) == []
    assert keys_of(app, bid) == []


def test_a_forgotten_field_of_the_user(app: App) -> None:
    """The name of the field is ours."""
    with inside(app, write("00" * 12, bid="00" * 8, forgotten=True)) as job:
        assert job.bid is None
