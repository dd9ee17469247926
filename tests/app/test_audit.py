"""The audit: what is held nowhere is found, whoever has taken it; what lives is never touched."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from outrider import App
from outrider.errors import StoreError
from outrider.job import Job
from outrider.script import Call
from outrider.store import audit as store
from outrider.store import life, process
from outrider.store.queue import Other
from outrider.worker.audit import Audit
from tests.app.hands import (
    BID,
    NOW,
    Hands,
    counts,
    fields,
    inside,
    listed,
    member,
    put,
    raw,
    scored,
    start,
)
from tests.app.test_cancel import EVENTS, filled, has_fired

HERE = "tests.app.conftest"
DEAD, CANCELLED, DELETED = 6, 7, 8


@pytest.fixture
def audit(app: App) -> Audit:
    """A worker's audit, without pauses."""
    return auditor(app)


def auditor(app: App, identity: str = "me") -> Audit:
    return Audit(app.executor, app.keys, identity, lambda: NOW, period=0.0, again=0.0)


def rounds(app: App, audit: Audit, count: int = 3) -> list[list[str]]:
    """Go through so many rounds; the scripts that each sent."""
    return [[name for name, _ in requests(app, audit)] for _ in range(count)]


def requests(app: App, audit: Audit) -> Iterator[tuple[str, Call[Any]]]:
    """The requests of a round, each before it is sent."""
    flow, answer = audit.round(), None
    while True:
        try:
            call = flow.send(answer)
        except StopIteration:
            return
        yield (call.script.name if call.script else str(call.words[0])), call
        answer = app.perform(call)


# -- what is lost ----------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 3, 1200])
def test_a_deleted_queue(app: App, job: Job[..., None], audit: Audit, count: int) -> None:
    """All its members count as deleted: complete and settled fire, success is barred (P73)."""
    batch = filled(app, job, count, *EVENTS)
    raw(app, "DEL", "queue:default")
    rounds(app, audit, 2)
    assert (counts(app, batch.bid), has_fired(app, batch)) == ({1: count}, set())
    rounds(app, audit, 1)
    assert (counts(app, batch.bid), has_fired(app, batch)) == (
        {DELETED: count},
        {"complete", "settled"},
    )
    assert [json.loads(one)["cb"].split(":")[1] for one in listed(app)] == ["complete", "settled"]
    assert "audit" not in fields(app, batch.bid)


def test_seen_twice(app: App, job: Job[..., None], audit: Audit) -> None:
    """What is missing for the first time when another one is missing again has its time too."""
    batch = filled(app, job, 3)
    raw(app, "RPOP", "queue:default")
    rounds(app, audit, 2)
    raw(app, "RPOP", "queue:default")
    rounds(app, audit, 1)
    assert counts(app, batch.bid) == {1: 2, DELETED: 1}
    rounds(app, audit)
    assert counts(app, batch.bid) == {1: 1, DELETED: 2}


def test_by_ticks(app: App, job: Job[..., None], audit: Audit) -> None:
    """A tick is a slice of a round; three rounds are enough."""
    batch = filled(app, job, 2)
    raw(app, "LREM", "queue:default", 1, listed(app)[0])
    for _ in range(30):
        assert audit.tick() < 1
    assert counts(app, batch.bid) == {1: 1, DELETED: 1}


@pytest.mark.parametrize("place", ["schedule", "retry", "claims"])
def test_lost_elsewhere(
    app: App, job: Job[..., None], audit: Audit, hands: Hands, place: str
) -> None:
    """A scheduled one, a failing one, one that ran (P74)."""
    batch = app.batch()
    with batch.jobs():
        if place == "schedule":
            job.enqueue_in(3600, 1)
        else:
            job.enqueue(1)
    key = place
    if place == "retry":
        hands.ack(Other("retry", hands.take(), "", NOW, "{}"))
    elif place == "claims":
        hands.take()
        key = "o:claims:host:1:ab:0"
    rounds(app, audit, 4)
    assert DELETED not in counts(app, batch.bid)
    raw(app, "DEL", key)
    rounds(app, audit)
    assert counts(app, batch.bid) == {DELETED: 1}
    assert app.batches[batch.bid].is_settled
    assert app.batches[batch.bid].failure_info == []


def test_found_in_the_dead_set(app: App, job: Job[..., None], audit: Audit, hands: Hands) -> None:
    """Killed in another program's console: dead, with its event, and what is known of it (P73)."""
    batch = filled(app, job, 1, "death")
    changed = '{"error_class":"ValueError","error_message":"no","retry_count":0,'
    hands.ack(Other("retry", hands.take(), changed + member(0)[1:], NOW, ""))
    ((payload, _),) = scored(app, "retry")
    text = payload.replace(BID, batch.bid)
    raw(app, "DEL", "retry")
    raw(app, "ZADD", "dead", NOW / 1000, text)
    rounds(app, audit)
    assert counts(app, batch.bid) == {DEAD: 1}
    assert has_fired(app, batch) == {"complete", "death", "settled"}
    (failed,) = app.batches[batch.bid].dead_jobs
    assert (failed.error_class, failed.error_message) == ("ValueError", "no")


def test_found_in_the_dead_set_when_cancelled(app: App, audit: Audit) -> None:
    """Killed elsewhere while its batch was being cancelled: cancelled, and no death is told."""
    start(app, 1)
    (payload,) = listed(app)
    raw(app, "DEL", "queue:default")
    raw(app, "ZADD", "dead", NOW / 1000, payload)
    app.perform(life.cancel(app.keys, bid=BID, running=0, now=NOW))
    rounds(app, audit)
    assert counts(app) == {CANCELLED: 1}
    assert has_fired(app, app.batches.open(BID)) == {"complete", "settled"}
    assert app.batches[BID].failure_info == []


def test_bytes_of_others(app: App, job: Job[..., None], audit: Audit) -> None:
    """A payload that names a batch by bytes that are no text is nobody's member, and in no way."""
    batch = filled(app, job, 1)
    raw(app, "DEL", "queue:default")
    odd = b'{"class":"x","jid":"\xff00000001","bid":"\xff","queue":"default"}'
    put(app, "default", odd, b'{"class":"x","jid":"1","cb":"\xff"}')
    rounds(app, audit)
    assert counts(app, batch.bid) == {DELETED: 1}


@pytest.mark.parametrize(("buried", "state"), [(False, "deleted"), (True, "dead")])
def test_lost_callbacks(
    app: App, job: Job[..., None], audit: Audit, hands: Hands, buried: bool, state: str
) -> None:
    """They have ended badly, and the batch comes to rest: also when it has settled long ago."""
    batch = filled(app, job, 1, "success")
    hands.ack(hands.take())
    (payload,) = listed(app)
    raw(app, "DEL", "queue:default")
    if buried:
        raw(app, "ZADD", "dead", NOW / 1000, payload)
    rounds(app, audit)
    assert fields(app, batch.bid)["cs:success:0"] == state
    status = app.batches[batch.bid]
    assert status.expires_at is not None
    assert raw(app, "ZCARD", "o:audit") == 0


def test_a_child_without_a_record(app: App, job: Job[..., None], audit: Audit) -> None:
    """It counts as deleted: completed and settled, never succeeded; one that succeeded stays so.

    P61.
    """
    parent = app.batch()
    with parent.jobs():
        children = [filled(app, job, 1), filled(app, job, 0), filled(app, job, 1)]
    for child in (children[0], children[1]):
        raw(app, "DEL", *(f"o:{kind}:{child.bid}" for kind in ("batch", "slots", "kids")))
    rounds(app, audit)
    marks = app.batches[parent.bid].picture.children
    assert marks == {children[0].bid: 5, children[1].bid: 7, children[2].bid: 0}
    found = fields(app, parent.bid)
    names = ("kids", "kids_completed", "kids_succeeded", "kids_settled")
    assert [found[name] for name in names] == ["3", "2", "1", "2"]
    assert has_fired(app, parent) == set()
    raw(app, "DEL", f"o:batch:{children[2].bid}")
    rounds(app, audit)
    assert has_fired(app, parent) == {"complete", "settled"}
    # What was left of it is gone as well.
    assert raw(app, "EXISTS", f"o:slots:{children[2].bid}") == 0
    assert raw(app, "ZCARD", "o:audit") == raw(app, "ZCARD", "o:batches") == 0


def test_many_children(app: App, audit: Audit) -> None:
    """More than a page of them."""
    parent = app.batch()
    with parent.jobs():
        children = [app.batch() for _ in range(600)]
        for child in children:
            with child.jobs():
                app.enqueue("some.job")
    raw(app, "DEL", *(f"o:batch:{child.bid}" for child in children))
    rounds(app, audit)
    assert has_fired(app, parent) == {"complete", "settled"}


# -- what it costs ---------------------------------------------------------------------------------


def test_nothing_to_look_for(app: App, job: Job[..., None], audit: Audit, hands: Hands) -> None:
    """A system without open batches is asked one thing; one with busy ones not much more."""
    assert rounds(app, audit) == [["review"]] * 3
    batch = filled(app, job, 8)
    for _ in range(4):
        assert rounds(app, audit, 1) == [["review"]]
        hands.ack(hands.take())
    (names,) = rounds(app, audit, 1)
    assert names == ["review"]
    (names,) = rounds(app, audit, 1)
    assert names.count("survey") > 4
    assert counts(app, batch.bid) == {1: 4, 3: 4}


def test_one_at_a_time(app: App, job: Job[..., None]) -> None:
    """Two workers: one audits, and the other one when the turn of the first has lapsed."""
    batch = filled(app, job, 1)
    raw(app, "DEL", "queue:default")
    first, second = auditor(app, "a"), auditor(app, "b")
    for _ in range(3):
        first.tick()
        second.tick()
    assert raw(app, "GET", "o:auditor") == b"a"
    assert 0 < raw(app, "PTTL", "o:auditor") <= 300_000
    raw(app, "DEL", "o:auditor")
    for _ in range(30):
        second.tick()
        first.tick()
    assert raw(app, "GET", "o:auditor") == b"b"
    assert counts(app, batch.bid) == {DELETED: 1}


def test_the_release_before_audits_no_more(app: App) -> None:
    """It does not look into held lists: what lies there would be lost to it."""
    owners = app.keys("owners", "old")
    raw(app, "HSET", owners, "0", "0 0 0")
    raw(app, "SET", "o:auditor", "old")
    raw(app, "HSET", owners, ":v", 1)
    auditor(app).tick()
    assert raw(app, "GET", "o:auditor") == b"old"
    raw(app, "HDEL", owners, ":v")
    auditor(app).tick()
    assert raw(app, "GET", "o:auditor") == b"me"
    raw(app, "DEL", owners)


@pytest.mark.wide
@pytest.mark.parametrize("mine", [True, False])
def test_who_leaves_gives_the_turn_back(app: App, mine: bool) -> None:
    """Whoever stops or is lost in mid-round must not keep others from it for minutes."""
    auditor(app, "a" if mine else "b").tick()
    app.perform(process.farewell(app.keys, identity="a", limit=250))
    assert raw(app, "EXISTS", "o:auditor") == int(not mine)


def test_a_failing_request(app: App, job: Job[..., None], audit: Audit) -> None:
    """A round that breaks off is begun anew."""
    batch = filled(app, job, 1)
    raw(app, "DEL", "queue:default")
    audit.tick()
    raw(app, "SET", "o:moving", "no set")
    for _ in range(3):
        with pytest.raises(StoreError):
            audit.tick()
        assert counts(app, batch.bid) == {1: 1}
    raw(app, "DEL", "o:moving")
    for _ in range(30):
        audit.tick()
    assert counts(app, batch.bid) == {DELETED: 1}


# -- what makes it void ----------------------------------------------------------------------------


def voided(app: App, audit: Audit, act: Callable[[], Any]) -> set[str]:
    """Act between the look and the verdict of the armed round; the verdicts."""
    verdicts = set()
    for name, call in requests(app, audit):
        if name == "condemn":
            act()
            verdicts.add(str(app.perform(call)))
    return verdicts


def test_whoever_lives_is_not_condemned(app: App, audit: Audit, hands: Hands) -> None:
    """Lost and back again during the look: a claim, and a retry by hand, make it void."""
    start(app, 2)
    one, two = listed(app)
    raw(app, "DEL", "queue:default")
    rounds(app, audit, 2)

    def come_back() -> None:
        put(app, "default", one)
        hands.ack(Other("retry", hands.take(), "", NOW + 10**6, ""))

    assert voided(app, audit, come_back) == {"False"}
    assert counts(app) == {1: 1, 2: 1}
    rounds(app, audit, 1)
    (payload,) = [payload for payload, _ in scored(app, "retry")]
    raw(app, "DEL", "retry")
    raw(app, "ZADD", "dead", NOW / 1000, payload)
    rounds(app, audit, 1)

    def retry() -> None:
        assert app.dead.retry(json.loads(payload)["jid"])

    assert voided(app, audit, retry) == {"False"}
    assert counts(app) == {1: 1, 2: 1}
    assert two not in listed(app)


def test_a_retry_of_all_that_failed(app: App, audit: Audit, hands: Hands) -> None:
    """It brings the dead back to a queue that may have been read already: the audit is void."""
    start(app, 2)
    one = listed(app)[0]
    raw(app, "DEL", "queue:default")
    raw(app, "ZADD", "dead", NOW / 1000, one)
    rounds(app, audit, 2)

    def retry() -> None:
        assert app.batches[BID].retry_failed() == 1

    assert voided(app, audit, retry) == {"False"}
    assert counts(app) == {1: 2}


def test_added_meanwhile(app: App, job: Job[..., None], audit: Audit) -> None:
    """A block committed during the look makes it void."""
    batch = filled(app, job, 1)
    raw(app, "DEL", "queue:default")
    rounds(app, audit, 2)

    def add() -> None:
        with app.batches.open(batch.bid).jobs():
            job.enqueue(2)

    assert voided(app, audit, add) == {"False"}
    assert counts(app, batch.bid) == {1: 2}


def test_what_is_over_is_not_spoken_of(app: App, job: Job[..., None], audit: Audit) -> None:
    """Cancelled between look and verdict: nothing is noted, nothing is told."""
    batch = filled(app, job, 1)
    (payload,) = listed(app)
    raw(app, "DEL", "queue:default")
    raw(app, "ZADD", "dead", NOW / 1000, payload)
    rounds(app, audit, 2)
    assert voided(app, audit, batch.cancel) == {"True"}
    assert (counts(app, batch.bid), has_fired(app, batch)) == ({7: 1}, {"complete", "settled"})
    assert app.batches[batch.bid].failure_info == []


def test_a_queue_that_moves_too_fast(app: App, job: Job[..., None], audit: Audit) -> None:
    """Where no page joins the one before it, nothing is said to be missing."""
    batch = filled(app, job, 1)
    raw(app, "DEL", "queue:default")
    put(app, "busy", *(f"job {i}" for i in range(store.PAGE)))
    rounds(app, audit, 1)
    names: list[str] = []
    for name, call in requests(app, audit):
        if name == "survey" and b"busy" in bytes(str(call.words), "utf-8"):
            raw(app, "DEL", "queue:busy")
            put(app, "busy", *(f"{len(names)} {i}" for i in range(store.PAGE)))
        names.append(name)
    assert "condemn" not in [name for name, _ in requests(app, audit)]
    assert counts(app, batch.bid) == {1: 1}


def test_jobs_on_their_way(app: App, audit: Audit) -> None:
    """Those of a large block that have not reached their queue are held."""
    start(app, 1)
    (payload,) = listed(app)
    raw(app, "DEL", "queue:default")
    raw(app, "LPUSH", "o:staged:00112233445566aa:default", payload)
    raw(app, "ZADD", "o:moving", 1, "00112233445566aa:default")
    rounds(app, audit, 5)
    assert counts(app) == {1: 1}
    raw(app, "DEL", "o:staged:00112233445566aa:default", "o:moving")
    rounds(app, audit)
    assert counts(app) == {DELETED: 1}


# -- members of batches that are forgotten ---------------------------------------------------------


def test_a_running_member_of_a_forgotten_batch(app: App, hands: Hands) -> None:
    """It is told at the claim, once however often it is released, and runs as a plain job (P79)."""
    start(app, 1)
    raw(app, "DEL", f"o:batch:{BID}", f"o:slots:{BID}")
    for _ in range(3):
        claimed = hands.claim()
        (payload,) = claimed.payloads
        assert payload.count(b'"forgotten":true') == 1
        hands.ack(Other("release", claimed.first))
    claimed = hands.claim()
    with inside(app, claimed.payloads[0]) as job:
        assert job.bid is None
    assert hands.ack(Other("retry", claimed.first, "", NOW, "{}")) == []
    raw(app, "DEL", "o:batches", "o:audit")
