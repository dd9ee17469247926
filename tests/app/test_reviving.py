"""`retry_failed`: what is dead or retrying of one batch goes on, and nobody else's."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from outrider import App, BatchCancelled, BatchFailed, BatchNotFound
from outrider.ids import member_jid
from outrider.payload import decode
from outrider.reviving import retry_failed
from outrider.script import BYTES, Call
from outrider.store import place
from outrider.worker.outcome import decide
from tests.app.conftest import Way
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
    raw,
    scored,
    start,
    write,
)
from tests.app.trips import noted

CALLBACK = dump(["", "app.cb", '"args":[],"retry":0'])
OTHER = "00aabbccddeeff22"


def fail(hands: Hands, token: int, text: str, **changes: Any) -> None:
    """Report a failure as the worker does."""
    payload = json.dumps({**json.loads(text), **changes}, separators=(",", ":")).encode()
    hands.ack(decide(decode(payload), payload, token, ValueError("x"), lambda n: 30.0, NOW))


def spoil(app: App, dead: int, retrying: int = 0, bid: str = BID) -> None:
    """A batch with so many dead members, then so many that wait for a retry."""
    home = f"q{bid}"
    texts = [write(member_jid(bid, n), home, bid=bid) for n in range(dead + retrying)]
    made = commit(
        app, bid=bid, ranges=[(0, len(texts))], queues=[(home, texts)], first_queue="default"
    )
    assert app.perform(made) == 1
    hands = Hands(app, child=bid)
    first = hands.claim(home, want=500).first
    for number, text in enumerate(texts):
        how = {"retry": 0, "retry_count": 3} if number < dead else {"retry_count": 1, "expiry": 1.5}
        fail(hands, first + number, text, **how)


def test_the_dead_and_the_retrying_go_on(way: Way, app: App) -> None:
    """On their queues, not counted as an attempt, without deadline; the dead are failing (P39)."""
    spoil(app, 2, 2)
    assert counts(app) == {2: 2, 6: 2}
    assert way(app.batches[BID], "retry_failed") == 4
    assert counts(app) == {2: 4}
    jobs = [json.loads(text) for text in listed(app, f"q{BID}")]
    assert sorted(job["jid"] for job in jobs) == [member_jid(BID, n) for n in range(4)]
    # A failure made it one more: a retry by hand takes that one off again.
    assert sorted(job["retry_count"] for job in jobs) == [1, 1, 3, 3]
    assert all("expiry" not in job and job["error_message"] == "x" for job in jobs)
    assert (scored(app, "dead"), scored(app, "retry")) == ([], [])
    assert way(app.batches[BID], "retry_failed") == 0
    Hands(app).work(f"q{BID}")
    assert app.batches[BID].is_success


def test_a_settled_batch_lives_again(way: Way, app: App) -> None:
    """It has no time to live while its jobs run, and a join waits for the repair (P41)."""
    spoil(app, 1)
    status = app.batches[BID]
    assert status.expires_at is not None
    with pytest.raises(BatchFailed):
        way(status, "join", timeout=1, until="success")
    assert way(status, "retry_failed") == 1
    assert status.refresh().expires_at is None
    with pytest.raises(TimeoutError):
        way(status, "join", timeout=0, until="success")
    Hands(app).work(f"q{BID}")
    assert way(status, "join", timeout=0, until="success").is_success


def test_others_are_left_alone(way: Way, app: App) -> None:
    """Other batches, batches below, plain jobs, and who only names the batch."""
    spoil(app, 1, 1)
    child = commit(app, bid=OTHER, parent=BID, inside=True, ranges=[(0, 1)])
    assert app.perform(child) == 1
    lie = write("b", note=BID)
    theirs = [write(member_jid(OTHER, 0), bid=OTHER), write("a"), lie, f"no job {BID}"]
    for name in ("retry", "dead"):
        raw(app, "ZADD", app.keys(name), *(word for text in theirs for word in (NOW, text)))
    assert way(app.batches[BID], "retry_failed") == 2
    for name in ("retry", "dead"):
        assert sorted(text for text, _ in scored(app, name)) == sorted(theirs)


def test_members_written_anew_by_others_are_found(way: Way, app: App) -> None:
    """Ruby's own interface writes fields in another order, with blanks perhaps."""
    spoil(app, 1, 1)
    for name in ("retry", "dead"):
        ((text, score),) = scored(app, name)
        raw(app, "ZREM", app.keys(name), text)
        anew = json.dumps(dict(reversed(json.loads(text).items())))
        assert not anew.startswith('{"jid"')
        raw(app, "ZADD", app.keys(name), score, anew)
    assert way(app.batches[BID], "retry_failed") == 2
    assert counts(app) == {2: 2}
    assert len(Hands(app).work(f"q{BID}")) == 2


def test_dead_callbacks_are_brought_back(way: Way, app: App) -> None:
    """They bar those above: they go on too, once."""
    start(app, 0, create=["callbacks:success", 1, "cb:success:0", CALLBACK])
    hands = Hands(app)
    (text,) = listed(app)
    fail(hands, hands.take(), text)
    status = app.batches[BID]
    assert [one.state for one in status.callbacks] == ["dead"]
    assert way(status, "retry_failed") == 1
    assert [one.state for one in status.refresh().callbacks] == ["failing"]
    assert (fields(app)["callbacks_open"], fields(app)["callbacks_bad"]) == ("1", "0")
    assert way(status, "retry_failed") == 0
    hands.work()
    assert [one.state for one in status.refresh().callbacks] == ["succeeded"]


def test_copies_of_what_is_over_stay(way: Way, app: App) -> None:
    """A copy of a member that has succeeded is nobody's to bring back."""
    start(app, 1)
    Hands(app).work()
    for name in ("retry", "dead"):
        raw(app, "ZADD", app.keys(name), NOW, member(0))
    assert way(app.batches[BID], "retry_failed") == 0
    assert (listed(app), counts(app)) == ([], {3: 1})


def test_what_lies_nowhere_is_not_counted(way: Way, app: App) -> None:
    """Trimmed from the dead set, or never in it."""
    start(app, 2)
    hands = Hands(app)
    first = hands.claim(want=2).first
    fail(hands, first, member(0), retry=False)
    fail(hands, first + 1, member(1), retry=0)
    raw(app, "DEL", app.keys("dead"))
    assert counts(app) == {6: 2}
    assert way(app.batches[BID], "retry_failed") == 0
    assert counts(app) == {6: 2}


@pytest.mark.parametrize("which", [BID, OTHER], ids=["itself", "above"])
def test_of_a_cancelled_batch_nothing_is_retried(way: Way, app: App, which: str) -> None:
    """Also when only one above it is cancelled."""
    assert app.perform(commit(app, bid=OTHER, ranges=[(0, 2)])) == 1
    child = commit(app, parent=OTHER, ranges=[(0, 1)], queues=[("default", [member(0)])])
    assert app.perform(child) == 1
    hands = Hands(app)
    fail(hands, hands.take(), member(0), retry=0)
    raw(app, "HSET", app.keys("batch", which), "cancelled_at", NOW)
    with pytest.raises(BatchCancelled) as caught:
        way(app.batches[BID], "retry_failed")
    assert str(caught.value) == (
        f"the jobs of batch {BID} can't be retried: it, or one above it, is cancelled"
    )
    assert (len(scored(app, "dead")), listed(app), counts(app)) == (1, [], {6: 1})


def test_a_forgotten_batch(way: Way, app: App) -> None:
    """There is nothing to bring back to."""
    spoil(app, 1)
    status = app.batches[BID]
    raw(app, "DEL", *(app.keys(kind, BID) for kind in ("batch", "slots", "failures")))
    with pytest.raises(BatchNotFound):
        way(status, "retry_failed")
    assert len(scored(app, "dead")) == 1


def test_a_request_sent_twice_counts_once(app: App) -> None:
    """As after a lost reply."""
    spoil(app, 1)
    ((text, _),) = scored(app, "dead")
    call = place.bringback(app.keys, bid=BID, place="dead", jobs=[(text, text)], now=NOW)
    assert [app.perform(call), app.perform(call)] == [1, 0]
    assert len(listed(app, f"q{BID}")) == 1


def test_two_callers_at_once(app: App) -> None:
    """Each job goes on once, and is counted by one of them."""
    spoil(app, 200, 200)
    status = app.batches[BID]
    with ThreadPoolExecutor(4) as pool:
        found = [*pool.map(lambda _: status.retry_failed(), range(4))]
    assert sum(found) == 400
    jids = [json.loads(text)["jid"] for text in listed(app, f"q{BID}")]
    assert sorted(jids) == [member_jid(BID, number) for number in range(400)]


def test_what_fails_again_meanwhile_is_not_brought_back_again(app: App) -> None:
    """A worker that is fast would else be fed by the scan that it feeds."""
    hands, ran = Hands(app), 0

    def meanwhile() -> None:
        nonlocal ran
        claimed = hands.claim(f"q{BID}", want=100)
        for token, payload in enumerate(claimed.payloads, claimed.first):
            ran += 1
            fail(hands, token, payload.decode(), retry=0)

    spoil(app, 0, 40)
    scan = noted(retry_failed(app, BID), lambda *_: meanwhile())
    assert (app.perform(scan), ran) == (40, 40)
    assert counts(app) == {6: 40}


def test_a_needle_in_a_haystack(app: App) -> None:
    """Among 200,000 retries of others, in steps of which none reads more than a script may."""
    spoil(app, 1, 1)
    words = [w for n in range(200_000) for w in (NOW + n, write(f"{n:024x}", text="x" * 200))]
    for at in range(0, len(words), 20_000):
        raw(app, "ZADD", app.keys("retry"), *words[at : at + 20_000])
    read: list[int] = []

    def note(call: Call[Any], answer: Any) -> None:
        if isinstance(answer, place.Sought):
            read.append(answer.size)

    assert app.perform(noted(retry_failed(app, BID), note)) == 2
    assert max(read) < BYTES
    assert len(read) < 600
    assert len(scored(app, "retry")) == 200_000
