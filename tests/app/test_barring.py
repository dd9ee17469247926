"""What bars success: in words, in `join`, and always as the server judges."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outrider import App, BatchFailed
from outrider.barring import final, mendable
from outrider.ids import member_jid
from outrider.store import life
from tests.app.conftest import Way
from tests.app.hands import BID, NOW, Hands, commit, dump, listed, raw, start, write

CHILD = "00aabbccddeeff22"
GRANDCHILD = "00aabbccddeeff33"
COUNTS = st.integers(0, 3)
GOALS: st.SearchStrategy[dict[str, float]] = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"success_ratio": st.sampled_from([0.1, 0.5, 0.55, 0.9, 1.0])}),
    st.fixed_dictionaries({"success_count": st.integers(1, 8)}),
)
BATCHES = st.fixed_dictionaries(
    {
        "states": st.lists(COUNTS, min_size=8, max_size=8),
        "goal": GOALS,
        "kids": st.lists(st.sampled_from([5, 7]), max_size=2),
        "barred": st.booleans(),
        "cancelled": st.integers(0, 4).map(lambda one: one == 4),
    }
)


def make(app: App, batch: dict[str, Any]) -> None:
    """Write such a batch as it would stand, and let the server judge it."""
    names = ("batch", "kids")
    raw(app, "DEL", *(app.keys(kind, BID) for kind in names))
    kids, states = batch["kids"], batch["states"]
    fields: dict[str, Any] = {
        "v": 1,
        "created_at": NOW,
        "total": sum(states),
        "kids": len(kids),
        **{f"s{number}": count for number, count in enumerate(states, 1)},
        **dict.fromkeys(("kids_completed", "kids_settled"), len(kids)),
        "kids_succeeded": kids.count(7),
        **batch["goal"],
    }
    fields |= {"barred": 1} if batch["barred"] else {}
    fields |= {"cancelled_at": NOW} if batch["cancelled"] else {}
    raw(app, "HSET", app.keys("batch", BID), *(word for pair in fields.items() for word in pair))
    for number, bits in enumerate(kids):
        raw(app, "HSET", app.keys("kids", BID), f"{number:016x}", bits)
    app.perform(life.release(app.keys, bid=BID, hold="none", well=0, now=NOW))


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(BATCHES)
def test_words_and_server_agree(app: App, batch: dict[str, Any]) -> None:
    """What is settled has succeeded exactly when nothing is named that bars it."""
    settled = {**batch, "states": [0, 0, *batch["states"][2:]]}
    make(app, settled)
    status = app.batches[BID]
    assert status.is_settled
    # What is final is told only where success has not come.
    assert status.is_success == (final(status) + mendable(status) == [])


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(BATCHES)
def test_for_good_is_for_good(app: App, batch: dict[str, Any]) -> None:
    """Even when all that can be repaired is, and much is added: and only then."""
    make(app, {**batch, "states": [1, *batch["states"][1:]]})
    barred = final(app.batches[BID])
    states = batch["states"]
    good = sum(states[number] for number in (0, 1, 2, 5)) + 1000
    best = [0, 0, good, states[3], states[4], 0, *states[6:]]
    make(app, {**batch, "states": best, "kids": [7] * len(batch["kids"]), "barred": False})
    assert app.batches[BID].is_success == (barred == [])


def why(way: Way, until: str = "success") -> str:
    """Why it can't come."""
    with pytest.raises(BatchFailed) as caught:
        way(way.app.batches[BID], "join", timeout=5, until=until)
    return str(caught.value)


def nest(app: App, *bids: str) -> None:
    """A line of batches below BID, a waiting member in each."""
    start(app, 1)
    parent = BID
    for bid in bids:
        text = write(member_jid(bid, 0), "low", bid=bid)
        child = commit(
            app, bid=bid, parent=parent, ranges=[(0, 1)], queues=[("low", [text])], inside=True
        )
        assert app.perform(child) == 1
        parent = bid


def test_a_cancelled_batch(way: Way, app: App) -> None:
    """At once, though a job runs on; complete and settled still come."""
    start(app, 2)
    Hands(app).take()
    way(app.batches.open(BID), "cancel")
    assert why(way) == f"batch {BID} can't succeed any more: it is cancelled; 1 job cancelled"
    for until in ("complete", "settled"):
        with pytest.raises(TimeoutError):
            way(app.batches[BID], "join", timeout=0, until=until)


def test_enough_are_dead(way: Way, app: App) -> None:
    """`cancel_when_dead` cancels, and so no success follows."""
    start(app, 3, create=["cancel_when_dead", 1])
    app.queues["default"].kill(member_jid(BID, 0))
    assert why(way) == f"batch {BID} can't succeed any more: it is cancelled"


def test_a_deleted_member(way: Way, app: App) -> None:
    """All must succeed, and one never will; where a part is enough, it is left out."""
    start(app, 3)
    app.queues["default"].delete(member_jid(BID, 1))
    assert why(way) == f"batch {BID} can't succeed any more: 1 job deleted"
    raw(app, "HSET", app.keys("batch", BID), "success_count", 2)
    with pytest.raises(TimeoutError):
        way(app.batches[BID], "join", timeout=0, until="success")
    Hands(app).work()
    assert way(app.batches[BID], "join", timeout=0, until="success").is_success


def test_a_part_that_is_missed(way: Way, app: App) -> None:
    """It says how much can still be reached, and how much must be."""
    start(app, 4, create=["success_ratio", 0.9])
    app.queues["default"].kill(member_jid(BID, 0))
    with pytest.raises(TimeoutError):
        way(app.batches[BID], "join", timeout=0, until="success")
    Hands(app).work()
    said = "3 of 4 jobs can succeed as it stands, a ratio of 0.9 must"
    assert why(way) == f"batch {BID} is settled without success: {said}"
    raw(app, "HDEL", app.keys("batch", BID), "success_ratio")
    raw(app, "HSET", app.keys("batch", BID), "success_count", 4)
    said = "3 of 4 jobs can succeed as it stands, 4 must"
    assert why(way) == f"batch {BID} is settled without success: {said}"


def test_a_lapsed_hold_may_be_mended(way: Way, app: App) -> None:
    """Until the batch is settled it is waited for."""
    start(app, 1)
    raw(app, "HSET", app.keys("batch", BID), "barred", 1)
    with pytest.raises(TimeoutError):
        way(app.batches[BID], "join", timeout=0, until="success")
    Hands(app).work()
    said = "an `open()` block was left by an error or lapsed, and no later one ended well"
    assert why(way) == f"batch {BID} is settled without success: {said}"


@pytest.mark.parametrize("lost", ["cancelled", "gone"])
def test_what_is_lost_far_below(way: Way, app: App, lost: str) -> None:
    """A batch below that is cancelled or forgotten, at any depth."""
    nest(app, CHILD, GRANDCHILD)
    with pytest.raises(TimeoutError):
        way(app.batches[BID], "join", timeout=0, until="success")
    if lost == "cancelled":
        way(app.batches.open(GRANDCHILD), "cancel")
        said = f"batch {GRANDCHILD} below it can't count as succeeded: it is cancelled"
        assert why(way).startswith(f"batch {BID} can't succeed any more: {said}")
    else:
        raw(app, "DEL", *(app.keys(kind, GRANDCHILD) for kind in ("batch", "slots")))
        said = f"batch {GRANDCHILD} below it was deleted or has expired"
        assert why(way) == f"batch {BID} can't succeed any more: {said}"
        raw(app, "ZREM", app.keys("batches"), GRANDCHILD)
    with pytest.raises(TimeoutError):
        way(app.batches[BID], "join", timeout=0, until="complete")


def test_a_callback_below_that_is_deleted(way: Way, app: App) -> None:
    """A dead one may be brought back; a deleted one bars the batches above for good."""
    nest(app)
    callback = dump(["calls", "app.cb", '"args":[]'])
    create = ["callbacks:success", 1, "cb:success:0", callback]
    assert app.perform(commit(app, bid=CHILD, parent=BID, inside=True, create=create)) == 1
    jid = json.loads(listed(app, "calls")[0])["jid"]
    app.queues["calls"].kill(jid)
    with pytest.raises(TimeoutError):
        way(app.batches[BID], "join", timeout=0, until="success")
    app.dead.retry(jid)
    app.queues["calls"].delete(jid)
    said = f"batch {CHILD} below it can't count as succeeded: its callback app.cb was deleted"
    assert why(way) == f"batch {BID} can't succeed any more: {said}"


def test_success_that_has_come_stays(way: Way, app: App) -> None:
    """Whatever happens afterwards (P43)."""
    start(app, 1)
    Hands(app).work()
    raw(app, "HSET", app.keys("batch", BID), "s8", 1, "cancelled_at", NOW)
    assert way(app.batches[BID], "join", timeout=0, until="success").is_success
    assert final(app.batches[BID]) == []
