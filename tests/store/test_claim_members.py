"""claim, for members and callbacks of batches: their state decides who runs."""

from __future__ import annotations

from typing import Any

import pytest

from outrider import App
from outrider.store import life
from outrider.store.queue import Other
from tests.app.hands import (
    BID,
    NOW,
    Hands,
    commit,
    counts,
    dump,
    fields,
    listed,
    member,
    put,
    raw,
    scored,
    slots,
    start,
    write,
)

WAITING, FAILING, SUCCEEDED, EXPIRED, DISCARDED, DEAD, CANCELLED, DELETED = range(1, 9)
PAST = NOW / 1000 - 1
TRIED: dict[str, Any] = {"retry_count": 0}


def state(app: App, number: int, value: int) -> None:
    """Put a member into a state, its batch's counts included."""
    (old,) = raw(app, "BITFIELD", app.keys("slots", BID), "SET", "u4", f"#{number}", value)
    raw(app, "HINCRBY", app.keys("batch", BID), f"s{old}", -1)
    raw(app, "HINCRBY", app.keys("batch", BID), f"s{value}", 1)


ROWS = [
    # state, late, runs, state after, buried
    (WAITING, False, True, WAITING, False),
    (FAILING, False, True, FAILING, False),
    (SUCCEEDED, False, False, SUCCEEDED, False),
    (EXPIRED, False, False, EXPIRED, False),
    (DISCARDED, False, False, DISCARDED, False),
    (DEAD, False, True, FAILING, False),
    (CANCELLED, False, False, CANCELLED, False),
    (DELETED, False, False, DELETED, False),
    (WAITING, True, False, EXPIRED, False),
    (FAILING, True, False, DEAD, True),
    (SUCCEEDED, True, False, SUCCEEDED, False),
    (CANCELLED, True, False, CANCELLED, False),
]


@pytest.mark.parametrize(("before", "late", "runs", "after", "buried"), ROWS, ids=str)
def test_states(app: App, before: int, late: bool, runs: bool, after: int, buried: bool) -> None:
    """What has ended never runs again, the dead are brought back, and the late expire or die.

    P72.
    """
    start(app, 2)
    raw(app, "DEL", "queue:default")
    state(app, 1, before)
    text = member(1, expiry=PAST) if late else member(1)
    put(app, "default", text)
    hands = Hands(app)
    assert [payload.decode() for payload in hands.claim().payloads] == [text] * runs
    assert slots(app, 2) == [WAITING, after]
    assert counts(app) == ({WAITING: 2} if after == WAITING else {WAITING: 1, after: 1})
    assert scored(app, "dead") == [(text, NOW / 1000)] * buried
    assert listed(app) == []


def test_a_dead_member_brought_back_is_pending_again(app: App) -> None:
    """Whoever moves a job from the dead set to a queue, its batch knows when it is claimed."""
    start(app, 1, create=["callbacks:death", 1, "cb:death:0", dump(["", "app.cb", '"args":[]'])])
    hands = Hands(app)
    hands.ack(Other("dead", hands.take(), member(0, retry_count=0), NOW, '{"x":1}'))
    assert [job["class"] for job in hands.work()] == ["app.cb"]
    before = fields(app)
    put(app, "default", member(0, retry_count=0))
    token = hands.take()
    assert counts(app) == {FAILING: 1}
    assert raw(app, "ZSCORE", "o:batches", BID) is not None
    hands.ack(token)
    after = fields(app)
    assert counts(app) == {SUCCEEDED: 1}
    assert "success_at" in after
    assert [after[name] for name in ("death_at", "settled_at", "complete_at")] == [
        before[name] for name in ("death_at", "settled_at", "complete_at")
    ]
    assert listed(app) == []


def test_the_last_member_expiring_ends_the_batch(app: App) -> None:
    """An expired job counts for success, in the step in which it is found."""
    start(app, 1)
    raw(app, "DEL", "queue:default")
    put(app, "default", member(0, expiry=PAST))
    Hands(app).claim()
    assert {"complete_at", "success_at", "settled_at"} <= fields(app).keys()


def test_a_late_failing_member_dies_with_its_event(app: App) -> None:
    """A member that has failed before and comes too late is dead: death and settled fire."""
    start(app, 1)
    raw(app, "DEL", "queue:default")
    state(app, 0, FAILING)
    put(app, "default", member(0, expiry=PAST, **TRIED))
    Hands(app).claim()
    assert {"death_at", "settled_at"} <= fields(app).keys()
    assert "success_at" not in fields(app)


def test_a_member_delivered_twice_counts_once(app: App) -> None:
    """Both copies may run at the same time, but the batch hears of one success (P75)."""
    start(app, 2)
    put(app, "default", member(0))
    hands = Hands(app)
    claimed = hands.claim()
    assert len(claimed.payloads) == 3
    hands.ack(claimed.first, claimed.first + 2)
    assert counts(app) == {WAITING: 1, SUCCEEDED: 1}


@pytest.mark.parametrize("text", [member(0), member(0, **TRIED)], ids=["new", "tried"])
def test_a_member_of_an_unknown_batch_runs_as_a_plain_job(app: App, text: str) -> None:
    """Its batch has been forgotten, and it is told so; its work may still be wanted (P78)."""
    put(app, "default", text)
    hands = Hands(app)
    told = text[:-1] + ',"forgotten":true}'
    assert [payload.decode() for payload in hands.claim().payloads] == [told]
    hands.ack(1)
    assert raw(app, "KEYS", "o:batch*") == []


@pytest.mark.parametrize("fields", [{}, TRIED], ids=["new", "tried"])
def test_a_late_member_of_an_unknown_batch(app: App, fields: dict[str, Any]) -> None:
    """It is late like a plain job: dropped when it never ran, else dead."""
    text = member(0, expiry=PAST, **fields)
    put(app, "default", text)
    assert Hands(app).claim().payloads == []
    assert [payload for payload, _ in scored(app, "dead")] == [text] * bool(fields)


@pytest.mark.parametrize(
    "jid", ["short", f"{BID}4000000", f"{BID}f0000000", f"{BID}zzzzzzzz", f"{BID[::-1]}00000000"]
)
def test_a_jid_that_is_no_number_of_its_batch_is_no_member(app: App, jid: str) -> None:
    """Others may write anything: a strange jid must never touch a slot, nor stop the queue."""
    start(app, 1)
    before = fields(app)
    put(app, "default", write(jid, bid=BID))
    hands = Hands(app)
    claimed = hands.claim()
    assert len(claimed.payloads) == 2
    hands.ack(claimed.first + 1)
    assert fields(app) == before
    assert slots(app, 1) == [WAITING]


CALLBACK = ["callbacks:success", 1, "cb:success:0", dump(["", "app.cb", '"args":[]'])]


def test_a_late_callback_has_ended(app: App) -> None:
    """A callback may expire too: it has ended, and its batch holds nothing open for it."""
    start(app, 0, create=list(CALLBACK))
    (text,) = listed(app)
    raw(app, "DEL", "queue:default")
    put(app, "default", text.replace('"class"', f'"expiry":{PAST},"class"', 1))
    assert Hands(app).claim().payloads == []
    assert fields(app)["cs:success:0"] == "expired"
    assert fields(app)["callbacks_open"] == "0"


def test_a_dead_callback_brought_back_holds_its_batch(app: App) -> None:
    """As long as it is under way again, its batch must not expire."""
    start(app, 0, create=list(CALLBACK))
    hands = Hands(app)
    (text,) = listed(app)
    hands.ack(Other("dead", hands.take(), text, NOW))
    assert fields(app)["cs:success:0"] == "dead"
    assert raw(app, "TTL", app.keys("batch", BID)) > 0
    put(app, "default", text)
    token = hands.take()
    assert fields(app)["cs:success:0"] == "failing"
    assert raw(app, "TTL", app.keys("batch", BID)) == -1
    hands.ack(token)
    assert fields(app)["cs:success:0"] == "succeeded"
    assert raw(app, "TTL", app.keys("batch", BID)) > 0


@pytest.mark.parametrize("gone", [False, True], ids=["known", "expired"])
def test_many_cancelled_members_are_dropped_at_once(app: App, gone: bool) -> None:
    """They take no room: a claim looks past 500 of them, also when their batch has expired."""
    start(app, 1200)
    app.perform(life.cancel(app.keys, bid=BID, running=0, now=NOW))
    for first in (0, 500, 1000):
        call = life.cancel_members(app.keys, bid=BID, first=first, count=500, running=[], now=NOW)
        app.perform(call)
    if gone:
        assert raw(app, "TTL", app.keys("batch", BID)) > 0
        raw(app, "DEL", *(app.keys(kind, BID) for kind in ("batch", "slots", "failures", "kids")))
    put(app, "default", write("last"))
    hands = Hands(app)
    answers = [hands.claim(want=2) for _ in range(3)]
    assert [len(answer.payloads) for answer in answers] == [0, 0, 1]
    assert [answer.more for answer in answers] == [True, True, False]
    assert listed(app) == []


def test_no_claim_ends_many_batches(app: App) -> None:
    """Each that is met may end with its last member, with callbacks: a claim ends 50 at most."""
    for number in range(60):
        bid = f"{number:016x}"
        job = write(f"{bid}00000000", bid=bid)
        made = commit(app, bid=bid, ranges=[(0, 1)], queues=[("default", [job])])
        assert app.perform(made) == 1
        app.perform(life.cancel(app.keys, bid=bid, running=0, now=NOW))
    hands = Hands(app)
    answers = [hands.claim() for _ in range(2)]
    assert [(answer.payloads, answer.more) for answer in answers] == [([], True), ([], False)]
    assert raw(app, "ZCARD", "o:batches") == 0


def test_no_claim_ends_many_batches_by_their_callbacks(app: App) -> None:
    """Nor by callbacks that have expired: each was the last that its batch waited for."""
    for number in range(60):
        bid = f"{number:016x}"
        assert app.perform(commit(app, bid=bid, create=list(CALLBACK), ranges=[], queues=[])) == 1
    texts = [text.replace('"class"', f'"expiry":{PAST},"class"', 1) for text in listed(app)]
    raw(app, "DEL", "queue:default")
    put(app, "default", *texts)
    hands = Hands(app)
    answers = [hands.claim() for _ in range(2)]
    assert [(answer.payloads, answer.more) for answer in answers] == [([], True), ([], False)]
    assert raw(app, "ZCARD", "o:audit") == 0


def test_a_claim_takes_no_more_than_fills_a_script(app: App) -> None:
    """Payloads may be large, and a script has to be brief: the next claim takes the others."""
    jobs = [write(f"{number:02}", text="x" * 100_000) for number in range(5)]
    put(app, "default", *jobs)
    hands = Hands(app)
    answers = [hands.claim(want=10) for _ in range(2)]
    assert [len(answer.payloads) for answer in answers] == [3, 2]
    assert [answer.more for answer in answers] == [True, False]
