"""The status of a batch: its numbers, its JSON, and waiting for it."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from outrider import App, BatchFailed, BatchNotFound, BatchStatus, FailedJob
from outrider.ids import member_jid
from outrider.payload import decode
from outrider.store.queue import Other
from outrider.worker.outcome import decide
from tests.app.conftest import Way
from tests.app.hands import (
    BID,
    NOW,
    Hands,
    commit,
    dump,
    inside,
    listed,
    member,
    put,
    raw,
    start,
    write,
)

TIME = datetime.fromtimestamp(NOW / 1000, UTC)
CONTRACT = {
    *("bid", "description", "created_at", "total", "pending", "failures", "dead", "cancelled"),
    *("percent", "eta", "is_complete", "is_success", "is_dead", "is_cancelled", "is_settled"),
    *("complete_at", "success_at", "death_at", "settled_at", "parent_bid", "child_bids"),
    *("callbacks", "tags", "expires_at", "failure_info", "dead_jobs"),
}
CALLBACK = dump(["", "app.cb", '"args":[]'])


def fail(
    hands: Hands, token: int, text: str, error: Exception | None = None, **fields: Any
) -> None:
    """Report a failure as the worker does."""
    payload = json.dumps({**json.loads(text), **fields}).encode()
    error = error or ValueError("boom")
    hands.ack(decide(decode(payload), payload, token, error, lambda n: 30.0, NOW))


def status(app: App) -> BatchStatus:
    return app.batches[BID]


def failed(number: int, message: str = "boom") -> FailedJob:
    return FailedJob(
        jid=member_jid(BID, number),
        job="app.job",
        error_class="ValueError",
        error_message=message,
        failed_at=NOW / 1000,
    )


def test_numbers_at_every_step(app: App) -> None:
    """total, pending, failures, dead, percent: own jobs, as they stand now (P72)."""
    start(app, 5)
    hands = Hands(app)
    seen = []

    def look() -> None:
        now = status(app)
        seen.append((now.pending, now.failures, now.dead, now.percent))

    look()
    first = hands.claim(want=5).first
    look()
    hands.ack(first)
    look()
    fail(hands, first + 1, member(1))
    look()
    fail(hands, first + 2, member(2), retry=0)
    look()
    hands.ack(Other("discard", first + 3))
    look()
    hands.ack(first + 4)
    look()
    put(app, "default", member(1), member(2))
    hands.work()
    look()
    assert seen == [
        (5, 0, 0, 0.0),
        (5, 0, 0, 0.0),
        (4, 0, 0, 20.0),
        (4, 1, 0, 20.0),
        (4, 2, 1, 20.0),
        (3, 2, 1, 40.0),
        (2, 2, 1, 60.0),
        (0, 0, 0, 100.0),
    ]
    assert (status(app).total, status(app).cancelled) == (5, 0)


def test_a_third_is_a_float(app: App) -> None:
    """`percent` is not rounded."""
    start(app, 3)
    hands = Hands(app)
    hands.ack(hands.take())
    assert status(app).percent == pytest.approx(100 / 3)


def test_times_and_flags(app: App) -> None:
    """Each event has its moment, an aware datetime, and a flag; before it None and False (P1)."""
    start(app, 1)
    names = ("complete", "success", "death", "settled")
    now = status(app)
    assert now.created_at == TIME
    assert [getattr(now, f"{name}_at") for name in names] == [None] * 4
    hands = Hands(app)
    fail(hands, hands.take(), member(0), retry=0)
    now = status(app)
    assert [now.complete_at, now.success_at, now.death_at, now.settled_at] == [
        TIME,
        None,
        TIME,
        TIME,
    ]
    flags = [now.is_complete, now.is_success, now.is_dead, now.is_settled]
    assert flags == [True, False, True, True]


def test_failures_are_told_one_by_one(app: App) -> None:
    """Those that are failing or dead now: who, which error, when (P30, P42)."""
    start(app, 4)
    hands = Hands(app)
    first = hands.claim(want=4).first
    fail(hands, first + 3, member(3), retry=0)
    fail(hands, first + 1, member(1), ValueError("é" * 20_000))
    hands.ack(first)
    fail(hands, first + 2, member(2))
    assert status(app).failure_info == [failed(1, "é" * 10_000), failed(2), failed(3)]
    put(app, "default", member(2), member(3))
    hands.work()
    assert [job.jid[-1] for job in status(app).failure_info] == ["1"]


def test_the_json_has_exactly_the_keys_of_the_endpoint(app: App) -> None:
    """`to_dict` is plain JSON data: nothing more, nothing less, times as float seconds."""
    start(app, 3, create=["description", "Gallery 7"])
    hands = Hands(app)
    first = hands.claim(want=2).first
    hands.ack(first)
    fail(hands, first + 1, member(1))
    found = status(app).to_dict()
    assert json.loads(json.dumps(found)) == found
    assert found == {
        "bid": BID,
        "description": "Gallery 7",
        "total": 3,
        "pending": 2,
        "failures": 1,
        "dead": 0,
        "cancelled": 0,
        "complete": False,
        "success": False,
        "settled": False,
        "percent": pytest.approx(100 / 3),
        "created_at": NOW / 1000,
        "parent_bid": None,
        "fail_info": [
            {
                "jid": member_jid(BID, 1),
                "job": "app.job",
                "error_class": "ValueError",
                "error_message": "boom",
                "failed_at": NOW / 1000,
            }
        ],
    }


def test_callbacks_are_listed_with_their_state(app: App) -> None:
    """Waiting for their event, queued, failing, and how they ended."""
    create: list[Any] = ["callbacks:success", 2, "cb:success:0", CALLBACK, "cb:success:1", CALLBACK]
    start(app, 1, create=[*create, "callbacks:death", 1, "cb:death:0", CALLBACK])
    hands = Hands(app)

    def states() -> list[str]:
        assert {callback.target for callback in status(app).callbacks} == {"app.cb"}
        return [f"{callback.event} {callback.state}" for callback in status(app).callbacks]

    assert states() == ["success waiting", "success waiting", "death waiting"]
    hands.ack(hands.take())
    assert states() == ["success queued", "success queued", "death waiting"]
    texts = listed(app)
    first = hands.claim(want=2).first
    fail(hands, first, texts[0])
    fail(hands, first + 1, texts[1], retry=0)
    assert states() == ["success failing", "success dead", "death waiting"]
    put(app, "default", *texts)
    hands.work()
    assert states() == ["success succeeded", "success succeeded", "death waiting"]


def test_how_long_it_will_take(app: App) -> None:
    """At the pace so far; unknown while nothing is done, and of no interest at the end."""
    start(app, 4)
    hands = Hands(app)
    assert status(app).eta is None
    first = hands.claim(want=4).first
    hands.ack(first, first + 1)
    begun = datetime.now(UTC) - timedelta(seconds=100)
    raw(app, "HSET", app.keys("batch", BID), "created_at", int(begun.timestamp() * 1000))
    eta = status(app).eta
    assert eta is not None
    assert 100 <= eta < 130
    hands.ack(first + 2, first + 3)
    assert status(app).eta is None


def test_the_pace_is_that_of_now(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that has waited for a day is not a day slow, for whoever watches it."""
    start(app, 400)
    begun = 1_900_000_000.0
    raw(app, "HSET", app.keys("batch", BID), "created_at", int(begun - 86_400) * 1000)
    hands = Hands(app)
    first = hands.claim(want=300).first
    hands.ack(*range(first, first + 100))
    now = begun
    monkeypatch.setattr("outrider.standing.clock.now", lambda: now)
    found = status(app)
    assert found.eta == pytest.approx(86_400 * 3)
    for seconds in (0.5, 1, 5):
        now = begun + seconds
        hands.ack(*range(first + 100 + int(seconds * 10), first + 100 + int(seconds * 20)))
        found.refresh()
    assert found.eta == pytest.approx((300 - 65) / (65 / 5))
    assert next(found.watch()).status.eta == found.eta
    now = begun + 3600  # it stood still since
    assert found.refresh().eta == pytest.approx((86_400 + 3600) / 165 * 235)


# -- reading again --------------------------------------------------------------------------------


def test_a_status_is_a_picture_until_it_is_refreshed(way: Way, app: App) -> None:
    """It changes when it is told to, in place."""
    start(app, 1)
    picture = way(app.batches, "get", BID)
    Hands(app).work()
    assert (picture.pending, picture.is_success) == (1, False)
    assert way(picture, "refresh") is picture
    assert (picture.pending, picture.is_success) == (0, True)


def test_a_status_of_what_is_gone(way: Way, app: App) -> None:
    """After its time every read says so (P33)."""
    start(app, 0)
    picture = status(app)
    raw(app, "DEL", app.keys("batch", BID))
    with pytest.raises(BatchNotFound) as caught:
        way(picture, "refresh")
    assert str(caught.value) == f"no batch {BID!r}: it never was, has expired, or was deleted"
    start(app, 1)
    waiting = status(app)
    raw(app, "DEL", *(app.keys(kind, BID) for kind in ("batch", "slots", "batches")))
    with pytest.raises(BatchNotFound):
        way(waiting, "join", timeout=5)


# -- waiting --------------------------------------------------------------------------------------


@pytest.mark.parametrize("until", ["complete", "success", "settled"])
def test_a_join_ends_when_it_comes(way: Way, app: App, until: str) -> None:
    """Somebody works meanwhile; the same status comes back, up to date."""
    start(app, 3)
    picture = status(app)
    thread = threading.Thread(target=Hands(app).work)
    thread.start()
    assert way(picture, "join", timeout=20, until=until) is picture
    thread.join()
    assert picture.is_success


@pytest.mark.parametrize("until", ["complete", "success", "settled"])
def test_a_join_looks_at_least_once(way: Way, app: App, until: str) -> None:
    """An old picture is no reason to say that it has not come: not even with no time left (P47)."""
    start(app, 1)
    picture = status(app)
    Hands(app).work()
    assert way(picture, "join", timeout=0, until=until).is_success


@pytest.mark.parametrize("timeout", [0, 0.05])
def test_a_join_that_takes_too_long(way: Way, app: App, timeout: float) -> None:
    """TimeoutError, with how far it is (P41)."""
    start(app, 2)
    with pytest.raises(TimeoutError) as caught:
        way(status(app), "join", timeout=timeout, until="success")
    assert str(caught.value) == (f"batch {BID} is not success after {timeout} s: 2 of 2 pending")


def test_complete_is_enough_by_default(way: Way, app: App) -> None:
    """A failing job has run: it is waited for no longer (P41)."""
    start(app, 1)
    hands = Hands(app)
    fail(hands, hands.take(), member(0))
    assert way(status(app), "join", timeout=5).is_complete
    with pytest.raises(TimeoutError):
        way(status(app), "join", timeout=0.02, until="settled")


def test_what_cannot_come_any_more(way: Way, app: App) -> None:
    """BatchFailed for the success of a batch with dead members; after a repair it may come.

    P43.
    """
    start(app, 2)
    hands = Hands(app)
    first = hands.claim(want=2).first
    hands.ack(first)
    fail(hands, first + 1, member(1), retry=0)
    dead = status(app)
    with pytest.raises(BatchFailed) as caught:
        way(status(app), "join", timeout=5, until="success")
    assert str(caught.value) == f"batch {BID} is settled without success: 1 job dead"
    for until in ("complete", "settled"):
        assert way(status(app), "join", until=until).is_dead
    put(app, "default", member(1))
    hands.work()
    assert way(dead, "join", timeout=5, until="success").is_success


def test_an_unknown_milestone_is_refused(way: Way, app: App) -> None:
    """A wrong word must not wait for ever."""
    start(app, 1)
    for until in ("done", "death", ""):
        with pytest.raises(ValueError, match="join waits until complete, success or settled"):
            way(status(app), "join", timeout=1, until=until)


def test_nobody_waits_for_himself(way: Way, app: App) -> None:
    """A job that joins its own batch, or the one that called it, would wait for ever."""
    start(app, 0, create=["callbacks:success", 1, "cb:success:0", CALLBACK])
    texts = [member(0), *listed(app)]
    for text in texts:
        jid = json.loads(text)["jid"]
        with inside(app, text), pytest.raises(RuntimeError) as caught:
            way(status(app), "join")
        assert str(caught.value) == f"job {jid} would wait for batch {BID}, which waits for it"
    with inside(app, write("plain")):
        assert way(status(app), "join").is_complete
    Hands(app).work()


def test_nobody_waits_for_what_waits_for_him(way: Way, app: App) -> None:
    """A member or callback of a batch far below holds up all above; not those beside or below."""
    line = [f"{number:016x}" for number in range(1, 5)]
    for bid, parent in zip([*line, BID], ["", *line[:2], line[1], line[2]], strict=True):
        assert app.perform(commit(app, bid=bid, parent=parent, ranges=[(0, 1)])) == 1
    callback = write(f"{BID}f0000000", cb=f"{BID}:complete:0")
    for text in (member(0), callback):
        with inside(app, text):
            for bid in (BID, line[2], line[1], line[0]):
                with pytest.raises(RuntimeError, match=f"would wait for batch {bid}"):
                    way(app.batches[bid], "join", timeout=0)
            with pytest.raises(TimeoutError):
                way(app.batches[line[3]], "join", timeout=0)
    above = write(f"{line[2]}f0000000", cb=f"{line[2]}:complete:0")
    with inside(app, above), pytest.raises(TimeoutError):
        way(app.batches[BID], "join", timeout=0)


# -- the whole face -------------------------------------------------------------------------------


@pytest.mark.wide
def test_a_status_is_read_in_one_round_trip(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much it holds; and what it says afterwards is asked of nobody."""
    start(app, 300, create=["callbacks:death", 1, "cb:death:0", CALLBACK])
    hands = Hands(app)
    first = hands.claim(want=100).first
    for number in range(100):
        fail(hands, first + number, member(number), retry=number % 2)
    for number in range(50):
        assert app.perform(commit(app, bid=f"{number:016x}", parent=BID, inside=True)) == 1
    flow = BatchStatus.flow(app, BID)
    call = next(flow)
    with pytest.raises(StopIteration) as end:
        flow.send(app.perform(call))
    found: BatchStatus = end.value.value

    def refuse(*_: Any) -> None:
        raise AssertionError("it asked")

    monkeypatch.setattr(app, "perform", refuse)
    names = [name for name in dir(BatchStatus) if isinstance(getattr(BatchStatus, name), property)]
    assert {*names, "bid"} >= CONTRACT
    for name in names:
        getattr(found, name)
    found.to_dict()
    assert (len(found.child_bids), len(found.failure_info), len(found.dead_jobs)) == (50, 100, 50)
