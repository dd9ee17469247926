"""remove, requeue and clear: one job is taken by its bytes, and its batch is told."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outrider import App
from outrider.script import Call
from outrider.store import place
from outrider.store.place import CANCELLED, NO_JOB, NOT_THERE, Place
from outrider.store.queue import Other
from tests.app.hands import (
    BID,
    NOW,
    Hands,
    commit,
    counts,
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

QUEUE = Place("queue", "default")
PLACES = [QUEUE, Place("schedule"), Place("retry"), Place("dead")]
SETS = PLACES[1:]
LATER = (NOW + 60_000) / 1000


def lay(app: App, where: Place, *payloads: str | bytes) -> None:
    """Put payloads there, all with the same score."""
    if where.kind == "queue":
        put(app, where.name, *payloads)
    else:
        raw(app, "ZADD", app.keys(where.kind), *(w for text in payloads for w in (LATER, text)))


def lying(app: App, where: Place) -> list[str]:
    """What lies there."""
    if where.kind == "queue":
        return listed(app, where.name)
    return [text for text, _ in scored(app, where.kind)]


def remove(
    app: App, where: Place, text: str | bytes, to: str = "trash", failure: str = "", at: int = 0
) -> bool:
    payload = text if isinstance(text, bytes) else text.encode()
    return app.perform(
        place.remove(
            app.keys,
            place=where.kind,
            name=where.name,
            payload=payload,
            at=at,
            to=to,
            failure=failure,
            now=NOW,
        )
    )


def requeue(app: App, where: Place, text: str, changed: str | None = None) -> int:
    call: Call[int] = place.requeue(
        app.keys,
        place=where.kind,
        payload=text.encode(),
        changed=(changed or text).encode(),
        now=NOW,
    )
    return app.perform(call)


def clear(app: App, where: Place, limit: int = 250) -> int:
    return app.perform(
        place.clear(app.keys, place=where.kind, name=where.name, limit=limit, now=NOW)
    )


def stamped(text: str) -> str:
    return f'{text[:-1]},"enqueued_at":{NOW / 1000:.3f}}}'


def state_of(app: App, name: str) -> str | None:
    return fields(app).get(f"cs:{name}")


def listening(*events: str) -> list[Any]:
    """Fields of a batch with a callback for each of these events."""
    create: list[Any] = ["tags", "[]"]
    for event in events:
        callback = json.dumps(["", f"app.{event}", '"args":[],"retry":true'])
        create += [f"callbacks:{event}", 1, f"cb:{event}:0", callback]
    return create


def fired(app: App) -> set[str]:
    return {
        event
        for event in ("complete", "success", "death", "settled")
        if f"{event}_at" in fields(app)
    }


# -- one job --------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", PLACES, ids=lambda where: where.kind)
@pytest.mark.parametrize("to", ["trash", "dead"])
def test_only_the_one_is_taken(app: App, where: Place, to: str) -> None:
    """Neighbours with an equal score stay; a second time it is not there."""
    lay(app, where, *(write(jid) for jid in "abcde"))
    if to == where.kind:
        return
    assert remove(app, where, write("c"), to)
    assert lying(app, where) == [write(jid) for jid in "abde"]
    assert not remove(app, where, write("c"), to)
    assert lying(app, where) == [write(jid) for jid in "abde"]
    assert to == "trash" or scored(app, "dead") == [(write("c"), NOW / 1000)]


@pytest.mark.parametrize("text", [b"", b"\xff\xfe no job", b'{"jid":"x"}', b"[]"])
@pytest.mark.parametrize("to", ["trash", "dead"])
def test_anything_can_be_taken(app: App, text: bytes, to: str) -> None:
    """What is no job, even no text, goes like all others."""
    for where in PLACES[:3]:
        lay(app, where, text, write("a"))
        assert remove(app, where, text, to)
        assert lying(app, where) == [write("a")]
    assert raw(app, "ZRANGE", "dead", 0, -1) == ([text] if to == "dead" else [])


def test_of_equal_copies_one_goes(app: App) -> None:
    """A list may hold the same bytes twice."""
    lay(app, QUEUE, write("a"), write("b"), write("a"))
    assert remove(app, QUEUE, write("a"))
    assert sorted(listed(app)) == [write("a"), write("b")]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    jobs=st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 2)), unique=True),
    acts=st.lists(
        st.tuples(
            st.sampled_from(["delete", "kill", "requeue"]),
            st.sampled_from("abcdefgh"),
            st.integers(0, 2),
        )
    ),
)
def test_neighbours_are_never_touched(
    app: App, jobs: list[tuple[str, int]], acts: list[tuple[str, str, int]]
) -> None:
    """Whatever is done to one job of a set, all others keep bytes and score."""
    raw(app, "FLUSHALL")
    there = {write(jid, n=n): NOW / 1000 + n // 2 for jid, n in jobs}
    for text, score in there.items():
        raw(app, "ZADD", "retry", score, text)
    for act, jid, n in acts:
        text = write(jid, n=n)
        if act == "requeue":
            done = requeue(app, Place("retry"), text) == 1
        else:
            done = remove(app, Place("retry"), text, "dead" if act == "kill" else "")
        assert done is (text in there)
        there.pop(text, None)
        assert dict(scored(app, "retry")) == there


# -- members of batches ---------------------------------------------------------------------------


def fail(app: App, number: int, kind: str = "retry") -> None:
    """Run the next job, which must be this member, and let it fail."""
    hands = Hands(app, child=f"c{number}")
    assert hands.ack(Other(kind, hands.take(), member(number), NOW, '{"error":"x"}')) == []


def test_a_deleted_member_bars_success(app: App) -> None:
    """State deleted; complete and settled fire in the step that makes them due, success never.

    P62.
    """
    start(app, 3, create=listening("complete", "success", "settled"))
    assert remove(app, QUEUE, member(1))
    assert (slots(app, 3), fired(app)) == ([1, 8, 1], set())
    assert not remove(app, QUEUE, member(1))
    fail(app, 0)
    assert remove(app, Place("retry"), member(0))
    assert (slots(app, 3), fired(app)) == ([8, 8, 1], set())
    assert raw(app, "EXISTS", f"o:failures:{BID}") == 0
    assert remove(app, QUEUE, member(2))
    assert (counts(app), fired(app)) == ({8: 3}, {"complete", "settled"})
    assert [json.loads(text)["class"] for text in listed(app)] == ["app.complete", "app.settled"]
    Hands(app).work()


def test_a_scheduled_member(app: App) -> None:
    """It counts in the same way."""
    later: list[str | float] = [LATER, member(0)]
    assert app.perform(commit(app, ranges=[(0, 1)], scheduled=later)) == 1
    assert remove(app, Place("schedule"), member(0))
    assert (counts(app), fired(app)) == ({8: 1}, {"complete", "settled"})


def test_a_killed_member_is_a_death(app: App) -> None:
    """From a queue and from retry: dead, noted, and the death fires."""
    start(app, 2, create=listening("death"))
    fail(app, 0)
    assert remove(app, Place("retry"), member(0), "dead", '{"by":"hand"}')
    assert (slots(app, 2), fired(app)) == ([6, 1], {"death"})
    assert remove(app, QUEUE, member(1), "dead", '{"by":"hand"}')
    assert (slots(app, 2), fired(app)) == ([6, 6], {"death", "complete", "settled"})
    noted = raw(app, "HGETALL", f"o:failures:{BID}")
    assert noted == [b"0", b'{"by":"hand"}', b"1", b'{"by":"hand"}']
    assert [json.loads(text)["class"] for text in listed(app)] == ["app.death"]
    Hands(app).work()


def test_the_dead_stay_dead_when_deleted(app: App) -> None:
    """It was told when it died."""
    start(app, 1)
    fail(app, 0, "dead")
    before = fields(app)
    assert remove(app, Place("dead"), member(0))
    assert (fields(app), scored(app, "dead")) == (before, [])


def test_what_is_over_stays_so(app: App) -> None:
    """A copy of a member that has succeeded changes nothing of its batch."""
    start(app, 1)
    Hands(app).work()
    lay(app, Place("retry"), member(0))
    lay(app, QUEUE, member(0))
    before = fields(app)
    assert remove(app, QUEUE, member(0))
    assert remove(app, Place("retry"), member(0), "dead", '{"by":"hand"}')
    assert (fields(app), raw(app, "EXISTS", f"o:failures:{BID}")) == (before, 0)


@pytest.mark.parametrize("to", ["trash", "dead"])
def test_a_forgotten_batch(app: App, to: str) -> None:
    """No key is made for it (P79)."""
    lay(app, QUEUE, member(0))
    assert remove(app, QUEUE, member(0), to, '{"by":"hand"}')
    assert {*raw(app, "KEYS", "o:*")} <= {b"o:trash"}


@pytest.mark.parametrize(("to", "word"), [("trash", "deleted"), ("dead", "dead")])
def test_a_callback_ends_badly(app: App, to: str, word: str) -> None:
    """No callback is open then, so the batch gets a time to live; no death fires."""
    start(app, 0, create=listening("complete"))
    (text,) = listed(app)
    assert remove(app, QUEUE, text, to)
    assert state_of(app, "complete:0") == word
    assert (fields(app)["callbacks_open"], fields(app)["callbacks_bad"]) == ("0", "1")
    assert raw(app, "TTL", f"o:batch:{BID}") > 0
    assert "death" not in fired(app)


# -- again ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", SETS, ids=lambda where: where.kind)
def test_a_retry_goes_to_its_queue(app: App, where: Place) -> None:
    """As it was changed, stamped; the neighbours stay; a second time it is not there."""
    lay(app, where, write("a", "low"), write("b", "low"), write("c", "low"))
    assert requeue(app, where, write("b", "low"), write("b", "low", n=1)) == 1
    assert listed(app, "low") == [stamped(write("b", "low", n=1))]
    assert lying(app, where) == [write("a", "low"), write("c", "low")]
    assert raw(app, "SMEMBERS", "queues") == [b"low"]
    assert requeue(app, where, write("b", "low")) == NOT_THERE
    assert len(listed(app, "low")) == 1


def test_what_is_no_job_stays(app: App) -> None:
    """There is no queue for it."""
    lay(app, Place("dead"), '{"jid":"x"}')
    assert requeue(app, Place("dead"), '{"jid":"x"}') == NO_JOB
    assert lying(app, Place("dead")) == ['{"jid":"x"}']


def test_a_dead_member_is_failing_again(app: App) -> None:
    """At once, not at its claim: the batch is not settled now, and has no time to live."""
    start(app, 1)
    fail(app, 0, "dead")
    assert raw(app, "TTL", f"o:batch:{BID}") > 0
    assert requeue(app, Place("dead"), member(0)) == 1
    assert (slots(app, 1), raw(app, "TTL", f"o:batch:{BID}")) == ([2], -1)
    assert raw(app, "HLEN", f"o:failures:{BID}") == 1
    Hands(app, child="z").work()
    assert (counts(app), fired(app)) == ({3: 1}, {"complete", "death", "settled", "success"})


def test_a_retrying_member_stays_failing(app: App) -> None:
    """Nothing changes for its batch."""
    start(app, 1)
    fail(app, 0)
    assert requeue(app, Place("retry"), member(0)) == 1
    assert slots(app, 1) == [2]


def test_a_dead_callback_is_open_again(app: App) -> None:
    """It no longer bars the success of those above."""
    start(app, 0, create=listening("complete"))
    hands = Hands(app)
    hands.ack(Other("dead", hands.take()))
    ((text, _),) = scored(app, "dead")
    assert state_of(app, "complete:0") == "dead"
    assert requeue(app, Place("dead"), text) == 1
    assert state_of(app, "complete:0") == "failing"
    assert (fields(app)["callbacks_open"], fields(app)["callbacks_bad"]) == ("1", "0")
    assert raw(app, "TTL", f"o:batch:{BID}") == -1
    hands.work()


def test_the_dead_of_a_cancelled_batch_stay(app: App) -> None:
    """Nothing is written."""
    start(app, 1)
    fail(app, 0, "dead")
    raw(app, "HSET", f"o:batch:{BID}", "cancelled_at", NOW)
    assert requeue(app, Place("dead"), member(0)) == CANCELLED
    assert (lying(app, Place("dead")), listed(app), slots(app, 1)) == ([member(0)], [], [6])


# -- all of them ----------------------------------------------------------------------------------


@pytest.mark.parametrize("where", PLACES, ids=lambda where: where.kind)
def test_clear_goes_in_slices(app: App, where: Place) -> None:
    """Those go first that would be taken first; an empty place is no error."""
    jobs = [write(f"{number:04}") for number in range(12)]
    lay(app, where, *jobs)
    assert clear(app, where, 5) == 5
    assert lying(app, where) == jobs[5:]
    assert [clear(app, where, 5) for _ in range(3)] == [5, 2, 0]
    assert lying(app, where) == []


@pytest.mark.parametrize("where", PLACES[:3], ids=lambda where: where.kind)
def test_clear_tells_batches(app: App, where: Place) -> None:
    """All members of a slice, copies once; what is no job harms nobody."""
    start(app, 3, create=listening("settled"))
    raw(app, "DEL", "queue:default")
    texts = [member(0), "no job", member(1), member(2), member(2, x=1), write("a")]
    lay(app, where, *texts)
    assert clear(app, where) == len(texts)
    assert (counts(app), fired(app)) == ({8: 3}, {"complete", "settled"})
    (callback,) = listed(app)
    assert clear(app, QUEUE) == 1
    assert state_of(app, "settled:0") == "deleted"
    assert callback


def test_clearing_the_dead_tells_nobody(app: App) -> None:
    """They died when they died."""
    start(app, 1)
    fail(app, 0, "dead")
    before = fields(app)
    assert clear(app, Place("dead")) == 1
    assert fields(app) == before


@pytest.mark.parametrize("where", PLACES, ids=lambda where: where.kind)
def test_large_payloads_are_cleared_a_few_at_a_time(app: App, where: Place) -> None:
    """A script has to be brief: those that fill 256 KiB, the first to be taken at first."""
    texts = [write(f"{at:03}", pad="x" * (100_000 if at < 5 else 10)) for at in range(20)]
    lay(app, where, *texts)
    assert clear(app, where) == 3
    assert lying(app, where) == texts[3:]
    assert [clear(app, where) for _ in range(3)] == [17, 0, 0]


def test_large_neighbours_are_not_all_read(app: App) -> None:
    """A job is looked for near where it was seen; 2,000 large ones would hold up everybody."""
    texts = [write(f"{number:024x}", more="x" * 60_000) for number in range(100)]
    put(app, "default", *texts)
    assert not remove(app, QUEUE, texts[80], at=50)
    assert remove(app, QUEUE, texts[80], at=78)
    assert remove(app, QUEUE, texts[5], at=15)
    assert app.queues["default"].delete(f"{60:024x}")
    assert app.queues["default"].size == 97
