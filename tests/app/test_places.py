"""Queues and sets as people use them: looking at jobs, and acting on one or all."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from outrider import App, Batch, BatchCancelled, JobRecord
from outrider.clock import now, now_ms
from outrider.errors import UnreadablePayload
from outrider.inspection.sets import JobSet
from outrider.store.queue import Other
from tests.app.conftest import Way, closing, loop
from tests.app.hands import Hands, listed, put, raw, scored, write

SETS = {"scheduled": "schedule", "retries": "retry", "dead": "dead"}
ROUNDS = 1_000


def lay(app: App, name: str, *payloads: str | bytes, score: float = 5.5) -> None:
    """Put payloads into a set."""
    raw(app, "ZADD", app.keys(SETS[name]), *(word for text in payloads for word in (score, text)))


def gather(way: Way, place: Any) -> list[JobRecord]:
    """What iterating gives."""

    async def collect() -> list[JobRecord]:
        async with closing(way.app):
            return [record async for record in place]

    return loop(way.app, collect()) if way.is_async else list(place)


def filled(app: App, count: int, queue: str = "default") -> Batch:
    """A committed batch of so many jobs."""
    batch = app.batch()
    with batch.jobs():
        for i in range(count):
            app.enqueue("some.job", [i], queue=queue)
    return batch


# -- records --------------------------------------------------------------------------------------


def test_a_record_says_what_the_payload_says(way: Way, app: App) -> None:
    """Times are aware datetimes; whole numbers are milliseconds, as Sidekiq 8 writes them."""
    fields: dict[str, Any] = {
        "kwargs": {"k": None},
        "created_at": 1_700_000_000.5,
        "failed_at": 1_700_000_000_250,
        "error_class": "ValueError",
        "error_message": "é",
        "retry_count": 3,
        "tags": ["x"],
    }
    text = write("00112233445566778899aabb", "low", bid="00112233445566aa", **fields)
    lay(app, "retries", text)
    record = way(app.retries, "find", "00112233445566778899aabb")
    assert (record.jid, record.job, record.queue) == ("00112233445566778899aabb", "app.job", "low")
    assert (record.args, record.kwargs, record.bid) == ([], {"k": None}, "00112233445566aa")
    assert record.created_at == datetime(2023, 11, 14, 22, 13, 20, 500_000, UTC)
    assert record.failed_at == datetime(2023, 11, 14, 22, 13, 20, 250_000, UTC)
    assert (record.error_class, record.error_message) == ("ValueError", "é")
    assert (record.retry_count, record.tags, record.enqueued_at) == (3, ["x"], None)
    assert record.at == datetime(1970, 1, 1, 0, 0, 5, 500_000, UTC)
    assert (record.text, record.raw) == (text, text.encode())
    with pytest.raises(dataclasses.FrozenInstanceError):
        record.jid = "other"


UNREADABLE = [
    b"",
    b"no job",
    b"\xff\xfe",
    b"[]",
    b"[" * 100_000,
    b'{"jid":7,"class":[],"args":{},"created_at":true,"tags":"x"}',
    b'{"jid":null,"failed_at":1e300,"enqueued_at":-1e300,"retry_count":1.5,"tags":[1]}',
]


@pytest.mark.parametrize("text", UNREADABLE, ids=range(len(UNREADABLE)))
def test_what_is_no_job_has_its_text(way: Way, app: App, text: bytes) -> None:
    """No payload is a reason to fail: it is there as it is."""
    raw(app, "LPUSH", "queue:default", text)
    lay(app, "dead", text)
    for place in (app.queues["default"], app.dead):
        (record,) = gather(way, place)
        assert (record.raw, record.jid, record.args, record.tags) == (text, "", [], [])
        assert isinstance(record.text, str)
        assert way(place, "find", "") is None
    assert way(app.dead, "retry_all") == 0
    assert (len(app.dead), way(app.dead, "clear"), len(app.dead)) == (1, 1, 0)


# -- looking --------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 250, 251, 500, 1001])
def test_iterating_goes_in_the_order_of_their_turn(way: Way, app: App, count: int) -> None:
    """Each once, over all pages, also where all scores are equal."""
    jids = [f"{number:05}" for number in range(count)]
    put(app, "default", *map(write, jids))
    assert [record.jid for record in gather(way, app.queues["default"])] == jids
    if count:
        lay(app, "scheduled", *map(write, jids))
    assert [record.jid for record in gather(way, app.scheduled)] == jids
    assert (len(app.scheduled), way(app.queues["default"], "size") if way.is_async else count) == (
        count,
        count,
    )


@pytest.mark.parametrize("taken", [1, 60, 249, 500])
def test_what_goes_meanwhile_hides_nobody(app: App, taken: int) -> None:
    """Workers take jobs, people delete some, and new ones come: what stays is seen once."""
    jids = [f"{number:05}" for number in range(3500)]
    put(app, "default", *map(write, jids))
    lay(app, "retries", *map(write, jids))
    for place, drop in (
        (app.queues["default"], ("RPOP", "queue:default", taken)),
        (app.retries, ("ZPOPMIN", "retry", taken)),
    ):
        seen = []
        for number, record in enumerate(place):
            seen.append(record.jid)
            if number in (100, 400, 700):
                raw(app, *drop)
                put(app, "default", write(f"new{number}"))
        stayed = jids[3 * taken :]
        assert [jid for jid in seen if jid in stayed] == stayed
        assert len(set(seen)) == len(seen)


@pytest.mark.parametrize("name", ["queue", "dead"])
def test_deleting_what_one_iterates_over(app: App, name: str) -> None:
    """All of them, or every other one."""
    place = app.dead if name == "dead" else app.queues["default"]
    jids = [f"{number:05}" for number in range(700)]
    put(app, "default", *map(write, jids))
    lay(app, "dead", *map(write, jids))
    seen = []
    for record in place:
        seen.append(record.jid)
        assert int(record.jid) % 2 or place.delete(record.jid)
    assert seen == jids
    for record in place:
        assert place.delete(record.jid)
    assert place.size == 0


@pytest.mark.parametrize("first", [260, 450, 500, 690])
def test_deleting_the_last_ones(app: App, first: int) -> None:
    """Up to a whole page at the end goes: nobody is seen again."""
    queue = app.queues["default"]
    jids = [f"{number:05}" for number in range(750)]
    put(app, "default", *map(write, jids))
    seen = []
    for record in queue:
        seen.append(record.jid)
        if int(record.jid) >= first:
            assert queue.delete(record.jid)
    assert seen == jids
    assert queue.size == first


def test_equal_copies_are_all_seen(app: App) -> None:
    """A job that others have put there many times hides nobody between."""
    jids = [f"{number:05}" for number in range(100)] * 8
    put(app, "default", *map(write, jids))
    seen = []
    for record in app.queues["default"]:
        seen.append(record.jid)
        assert len(seen) <= len(jids)
    assert seen == jids


def test_iterating_ends_when_all_is_gone(app: App) -> None:
    """More went away than a page: what is left is seen."""
    put(app, "default", *(write(f"{number:05}") for number in range(1500)))
    seen = []
    for number, record in enumerate(app.queues["default"]):
        seen.append(record.jid)
        if number == 600:
            raw(app, "RPOP", "queue:default", 1400)
    assert seen[-100:] == [f"{number:05}" for number in range(1400, 1500)]


def test_find_and_scan(way: Way, app: App) -> None:
    """By id wherever it lies; by any text of a payload. A prefix of an id is not the id."""
    texts = [
        write(f"{number:05}", note="gallery 7" if number > 596 else "") for number in range(600)
    ]
    put(app, "default", *texts)
    for name in SETS:
        lay(app, name, *texts)
    for place in (app.queues["default"], app.scheduled, app.retries, app.dead):
        assert way(place, "find", "00599").jid == "00599"
        assert [way(place, "find", jid) for jid in ("0059", "gallery", "", "*")] == [None] * 4
    found = way(app.retries, "scan", "gallery 7")
    assert [record.jid for record in found] == ["00597", "00598", "00599"]
    assert way(app.retries, "scan", "*") == []


def test_a_jid_that_others_escape(way: Way, app: App) -> None:
    """JSON allows to write any letter as a number."""
    lay(app, "dead", '{"class":"A","args":[],"jid":"\\u0061b"}')
    assert way(app.dead, "find", "ab").jid == "ab"


def test_latency(way: Way, app: App) -> None:
    """How long the next job has waited; the statistics give the longest of all queues."""
    default = app.queues["default"]

    def latency(owner: Any) -> float:
        value = loop(app, owner.alatency()) if way.is_async else owner.latency
        assert isinstance(value, float)
        return value

    assert (latency(default), latency(app.stats)) == (0.0, 0.0)
    put(app, "default", write("a", enqueued_at=now() - 100), write("b", enqueued_at=now() - 900))
    put(app, "low", write("c", enqueued_at=now_ms() - 200_000))
    put(app, "odd", write("d"), write("e", enqueued_at=now() + 50))
    assert latency(default) == pytest.approx(100, abs=5)
    assert latency(app.queues["odd"]) == 0.0
    assert latency(app.stats) == pytest.approx(200, abs=5)
    assert way(app.stats, "read").latency == pytest.approx(200, abs=5)


# -- pausing --------------------------------------------------------------------------------------


def test_a_paused_queue(way: Way, app: App) -> None:
    """Nobody takes from it, it can be cleared, and it goes on."""
    queue = app.queues["default"]

    def paused() -> bool:
        return bool(loop(app, queue.apaused()) if way.is_async else queue.paused)

    put(app, "default", write("a"))
    hands = Hands(app)
    assert not paused()
    for _ in range(2):
        way(queue, "pause")
        assert paused()
    assert hands.claim().payloads == []
    assert (way(queue, "clear"), queue.size, paused()) == (1, 0, True)
    put(app, "default", write("b"))
    way(queue, "resume")
    assert not paused()
    assert len(hands.claim().payloads) == 1


# -- acting ---------------------------------------------------------------------------------------


def test_deleting_and_killing_one(way: Way, app: App) -> None:
    """The batch is told; who asks again hears that it is not there (P73)."""
    batch = filled(app, 3)
    queue = app.queues["default"]
    first, second, third = (record.jid for record in queue)
    assert (way(queue, "delete", second), way(queue, "delete", second)) == (True, False)
    assert (way(queue, "kill", first), way(queue, "kill", first)) == (True, False)
    status = app.batches[batch.bid]
    assert (status.pending, status.dead, status.is_dead, status.is_settled) == (2, 1, True, False)
    (failed,) = status.failure_info
    assert (failed.jid, failed.job, failed.error_message) == (first, "some.job", "killed by hand")
    assert way(app.dead, "kill", first)
    assert [record.jid for record in app.dead] == [first]
    assert way(app.dead, "delete", first)
    Hands(app).work()
    status.refresh()
    assert (status.pending, status.dead, status.is_success) == (1, 1, False)
    assert (status.is_complete, status.is_settled) == (True, True)
    assert third not in [record.jid for record in queue]


@pytest.mark.parametrize("name", ["retries", "dead"])
def test_a_retry_by_hand(way: Way, app: App, name: str) -> None:
    """It counts as no attempt and clears the deadline; all else stays byte for byte."""
    text = '{"jid":"ab","expiry":12.000,"class":"A","queue":"low","args":[1.10,"\\u00e9"],"x":[ ],'
    lay(app, name, text + '"retry_count":3}', write("b"))
    place: JobSet = getattr(app, name)
    assert way(place, "retry", "ab")
    (found,) = listed(app, "low")
    start, _, stamp = found.partition(',"enqueued_at":')
    assert start == text.replace('"expiry":12.000,', "") + '"retry_count":2'
    assert float(stamp[:-1]) == pytest.approx(now(), abs=5)
    assert not way(place, "retry", "ab")
    assert way(place, "enqueue", "b")
    assert (listed(app)[0].partition(',"enq')[0] + "}", len(place)) == (write("b"), 0)


def test_a_retry_by_hand_again_and_again(app: App) -> None:
    """Killed and retried without a run in between, it is not given attempts that it never lost."""
    put(app, "default", write("ab", retry_count=0))
    for _ in range(3):
        app.queues["default"].kill("ab")
        assert app.dead.retry("ab")
    (found,) = listed(app)
    assert json.loads(found)["retry_count"] == -1


def test_a_scheduled_job_now(way: Way, app: App) -> None:
    """It is due at once, and keeps its deadline."""
    lay(app, "scheduled", write("a", expiry=9_999_999_999))
    assert way(app.scheduled, "enqueue", "a")
    assert '"expiry":9999999999,' in listed(app)[0]


def test_a_repaired_batch(way: Way, app: App) -> None:
    """A dead member brought back succeeds, and so does its batch (P39, O4)."""
    batch = filled(app, 2)
    hands = Hands(app)
    hands.ack(Other("dead", hands.take(), "", now_ms()), hands.take())
    (record,) = app.dead
    assert way(app.dead, "retry", record.jid)
    status = app.batches[batch.bid]
    assert (status.dead, status.failures, status.is_settled) == (0, 1, True)
    hands.work()
    assert status.refresh().is_success


def test_the_dead_of_a_cancelled_batch(way: Way, app: App) -> None:
    """They can't be retried; those of others can, all at once."""
    batches = [filled(app, 2), filled(app, 1)]
    for record in list(app.queues["default"]):
        app.queues["default"].kill(record.jid)
    raw(app, "HSET", f"o:batch:{batches[0].bid}", "cancelled_at", now_ms())
    barred = [record.jid for record in app.dead if record.bid == batches[0].bid]
    with pytest.raises(BatchCancelled, match=f"{barred[0]} can't be retried: its batch"):
        way(app.dead, "retry", barred[0])
    lay(app, "dead", '{"jid":"x"}')
    with pytest.raises(UnreadablePayload, match="is no job"):
        way(app.dead, "retry", "x")
    assert way(app.dead, "retry_all") == 1
    assert sorted(record.jid for record in app.dead) == sorted([*barred, "x"])


def test_retry_all(way: Way, app: App) -> None:
    """Each goes to its own queue, once."""
    for name in SETS:
        lay(app, name, *(write(f"{name}{n:04}", "ab"[n % 2]) for n in range(600)))
        assert way(getattr(app, name), "retry_all") == 600
    assert (app.queues["a"].size, app.queues["b"].size) == (900, 900)
    assert [len(app.scheduled), len(app.retries), len(app.dead)] == [0, 0, 0]


# -- clearing -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["queue", "scheduled", "retries"])
def test_clearing_a_thousand_jobs(way: Way, app: App, name: str) -> None:
    """All their batches are told; the callbacks that this causes are not cleared with them."""

    @app.job(name="told")
    def told(status: Any) -> None:
        """A callback."""

    batches = []
    for count in (1, 499, 300, 200):
        batch = app.batch().on("settled", told).on("success", told)
        with batch.jobs():
            for i in range(count):
                app.enqueue("some.job", [i])
        batches.append(batch)
    if name == "queue":
        app.queues["default"].pause()
    else:
        for text in listed(app):
            lay(app, name, text)
        raw(app, "DEL", "queue:default")
    place = app.queues["default"] if name == "queue" else getattr(app, name)
    assert way(place, "clear") == ROUNDS
    for batch in batches:
        status = app.batches[batch.bid]
        assert (status.pending, status.is_complete, status.is_settled) == (0, True, True)
        assert not status.is_success
    left = [json.loads(text)["class"] for text in listed(app)]
    assert left == ["told"] * len(batches)
    app.queues["default"].resume()
    Hands(app).work()


def test_clearing_the_dead(way: Way, app: App) -> None:
    """The jobs are gone, and stay dead in their batches."""
    batch = filled(app, 3)
    for record in list(app.queues["default"]):
        app.queues["default"].kill(record.jid)
    assert (way(app.dead, "clear"), way(app.dead, "clear"), scored(app, "dead")) == (3, 0, [])
    assert app.batches[batch.bid].dead == 3
