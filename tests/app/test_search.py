"""`app.search`: jobs found wherever they are, in bounded steps that go on where they ended."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from typing import Any

import pytest

from outrider import App, ConfigError, CursorError, FilterError, SearchPage
from outrider.clock import now
from outrider.script import Call
from outrider.search.parse import parse
from outrider.search.scan import search
from tests.app.conftest import Way
from tests.app.hands import Hands, put, raw, write
from tests.app.trips import noted

RUBY = "rails-1:4711:c0ffee"
SETS = ("retry", "dead", "schedule")


def lay(app: App, name: str, *payloads: str | bytes, score: float = 5.5) -> None:
    """Put payloads into a set, a second after each other."""
    for at, text in enumerate(payloads):
        raw(app, "ZADD", app.keys(name), score + at, text)


def hold(app: App, *payloads: str | bytes) -> None:
    """Put payloads into the held list of a job that is paused."""
    raw(app, "SADD", app.keys("pausednames"), "app.job")
    raw(app, "SADD", app.keys("heldnames"), "app.job")
    raw(app, "LPUSH", app.keys("held", "app.job"), *payloads)


def run(app: App, *payloads: str) -> None:
    """Show jobs as running, on a worker of Ruby's."""
    raw(app, "SADD", "processes", RUBY)
    raw(app, "HSET", RUBY, "info", json.dumps({"hostname": "rails-1"}), "busy", len(payloads))
    for slot, text in enumerate(payloads):
        entry = json.dumps({"payload": text, "run_at": 1_700_000_000})
        raw(app, "HSET", f"{RUBY}:work", f"t{slot:03}", entry)


def pages(app: App, text: str, way: Way | None = None, **options: Any) -> Iterator[SearchPage]:
    """All pages of a search."""
    after = None
    while True:
        call = way or Way(app, is_async=False)
        page: SearchPage = call(app, "search", text, after=after, **options)
        yield page
        after = page.next
        if after is None:
            return


def found(app: App, text: str, **options: Any) -> list[str]:
    """Ids of all jobs that a search finds, in its order."""
    return [record.jid for page in pages(app, text, **options) for record in page.records]


def everywhere(app: App, each: int = 1) -> list[str]:
    """As many jobs in every kind of place; their ids, in the order of a search."""
    names = {kind: [f"{kind}{i:03}" for i in range(each)] for kind in ("running", *SETS)}
    names |= {kind: [f"{kind}{i:03}" for i in range(each)] for kind in ("high", "low", "held")}
    run(app, *map(write, names["running"]))
    for kind in SETS:
        lay(app, kind, *map(write, names[kind]))
    for kind in ("high", "low"):
        put(app, kind, *(write(jid, kind) for jid in names[kind]))
    hold(app, *map(write, names["held"]))
    return [jid for jids in names.values() for jid in jids]


# -- what is found --------------------------------------------------------------------------------


def test_jobs_are_found_wherever_they_are(way: Way, app: App) -> None:
    """With their states, and all that a record has."""
    jids = everywhere(app)
    page: SearchPage = way(app, "search", "job:app.job")
    assert [record.jid for record in page.records] == jids
    states = ["running", "retrying", "dead", "scheduled", "queued", "queued", "held"]
    assert [record.state for record in page.records] == states
    assert [(page.scanned, page.total, page.next)] == [(7, 7, None)]
    assert 0 < page.seconds < 60
    for state in set(states):
        here = [jid for jid, its in zip(jids, states, strict=True) if its == state]
        assert found(app, f"state:{state}") == here
        assert found(app, f"-state:{state}") == [jid for jid in jids if jid not in here]
    assert way(app, "search", "").records == page.records
    assert way(app, "search", parse("job:job")).records == page.records
    nothing = way(app, "search", "nothing")
    assert (nothing.records, nothing.scanned, nothing.total, nothing.next) == ([], 7, 7, None)


def test_only_where_it_can_be_is_searched(app: App) -> None:
    """What lies elsewhere is not even counted."""
    everywhere(app, 20)
    assert app.search("state:dead nothing").scanned == 20
    page = app.search("state:queued queue:low nothing")
    assert (page.scanned, page.total) == (20, 20)
    assert app.search("state:held job:other").scanned == 0
    assert app.search("state:running,held nothing").total == 40
    assert app.search("state:dead -state:dead").total == 0


def test_one_id_is_found_and_nothing_more_is_looked_at(app: App) -> None:
    """A job lies in one place."""
    everywhere(app, 20)
    page = app.search("jid:retry007")
    assert ([record.jid for record in page.records], page.next) == (["retry007"], None)
    assert page.scanned <= 40
    assert page.total == 140
    assert found(app, "jid:held000,retry007,nobody") == ["retry007", "held000"]


def test_where_it_lies_counts(app: App) -> None:
    """A job that lies on a queue is on that one, whatever it says of itself."""
    put(app, "low", write("a", "high"))
    assert found(app, "queue:low") == ["a"]
    assert found(app, "queue:high") == []


def test_all_kinds_of_terms(app: App) -> None:
    """As the language has them, on jobs that lie there."""
    job = {"args": [5], "kwargs": {"user": {"id": 7}}, "tags": ["x"], "created_at": now() - 7200}
    failed = {"error_class": "TimeoutError", "error_message": "late", "retry_count": 3}
    lay(app, "retry", write("a", "bulk", **job, **failed), write("b"), score=now())
    lay(app, "dead", write("c", "bulk", **job), score=0)
    put(app, "bulk", write("d", "bulk", created_at=now()))
    for text, jids in {
        "job:job state:dead,retrying queue:bulk": "ac",
        "error:timeout": "a",
        "tag:x": "ac",
        "arg.0=5 arg.user.id=7": "ac",
        "attempt:>3": "a",
        "age:>1h": "ac",
        "-age:>1h": "bd",
        "before:2000-01-01": "c",
        "after:2000-01-01": "abd",
        "after:1h": "abd",
        "late -timeouterror": "",
        '"late"': "a",
    }.items():
        assert "".join(found(app, text)) == jids, text


@pytest.mark.parametrize(
    "text", ["", "arg.0=3", "-arg.0=3", "queue:high", "state:dead,held", "before:1h", "attempt:>0"]
)
def test_records_are_judged_alike(app: App, text: str) -> None:
    """What a search finds is what one would pick by hand from all that can be listed."""
    everywhere(app)
    lay(app, "retry", *(write(f"r{i}", args=[i], retry_count=i - 1) for i in range(5)))
    put(app, "high", *(write(f"q{i}", "low", args=[i], enqueued_at=now()) for i in range(5)))
    places = (app.retries, app.dead, app.scheduled, *app.queues.values(), *app.held.values())
    meant = parse(text)
    everything = [*app.work, *(record for place in places for record in place)]
    assert sorted(found(app, text)) == sorted(one.jid for one in everything if meant.matches(one))


def test_members_and_callbacks_of_a_batch(app: App, hands: Hands) -> None:
    """By its id, also those of a large block on their way."""
    batch = app.batch()
    app.job(name="done")(print)
    batch.on("success", "done")
    with batch.jobs():
        for number in range(3):
            app.enqueue("some.job", [number])
    app.enqueue("some.job", [9])
    assert len(found(app, f"batch:{batch.bid}")) == 3
    assert hands.ack(*(hands.take() for _ in range(3))) == []
    assert [record.job for record in app.search(f"batch:{batch.bid}").records] == ["done"]


def test_blocks_on_their_way(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """They belong to the queue that they go to."""
    monkeypatch.setattr("outrider.staging.MAX_LOAD", 100)
    monkeypatch.setattr("outrider.staging.CHUNK", 100)
    app.enqueue("some.job")
    with app.batch().jobs():
        for number in range(300):
            app.enqueue("large.job", [number])
    records = [
        record for page in pages(app, "job:large.job arg.0=5,299") for record in page.records
    ]
    assert [(record.args, record.state) for record in records] == [
        ([5], "queued"),
        ([299], "queued"),
    ]


UNREADABLE = [
    b"",
    b"no job",
    b"\xff\xfe",
    b"[1]",
    b"null",
    b"{}",
    b'{"jid":5,"class":[]}',
    b"[" * 9999,
]


def test_what_is_no_job_is_looked_at_too(app: App) -> None:
    """By words, and by nothing else; it is no reason to fail."""
    lay(app, "dead", *UNREADABLE)
    put(app, "low", *UNREADABLE)
    hold(app, *UNREADABLE)
    run(app, "", "no job", "[1]")
    everything = len(UNREADABLE) * 3 + 3
    assert len(found(app, "", limit=4)) == everything
    assert len(found(app, '"o jo"')) == 4
    for text in ("job:*", "error:x", "tag:*", "arg.0=1", "attempt:>0 state:dead", "age:>1s"):
        assert found(app, text) == [], text
    assert len(found(app, "-job:x -tag:y -age:>1s")) == everything


# -- pages ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 3, 10, 11, 69, 70, 71])
def test_pages_give_each_job_once(way: Way, app: App, limit: int) -> None:
    """In one order, whatever the pages; the last one says that it is the last."""
    jids = everywhere(app, 10)
    read = list(pages(app, "job:app.job", way if limit > 9 else None, limit=limit))
    assert [record.jid for page in read for record in page.records] == jids
    assert [len(page.records) for page in read[:-1]] == [limit] * (len(read) - 1)
    assert len(read) == -(-70 // limit)
    assert sum(page.scanned for page in read) <= 70 + 10 * min(len(read), 10)


@pytest.mark.parametrize("most", [1, 7, 10, 33, 70])
def test_a_search_looks_at_no_more_than_it_may(app: App, most: int) -> None:
    """It says how many it looked at, and of how many, and goes on from there."""
    everywhere(app, 10)
    read = list(pages(app, "state:dead,queued,held,scheduled,retrying jid:held009", most=most))
    assert [page.scanned for page in read[:-1]] == [most] * (len(read) - 1)
    assert [page.total for page in read] == [60] * len(read)
    assert sum(page.scanned for page in read) == 60
    assert [record.jid for record in read[-1].records] == ["held009"]


def test_it_reads_no_more_bytes_than_it_may(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """However large jobs are: what was read is bounded, and the next page goes on."""
    monkeypatch.setattr("outrider.search.scan.BYTES", 10_000)
    jids = [f"{i:03}" for i in range(150)]
    lay(app, "dead", *(write(jid, a="x" * 3000) for jid in jids))
    read = list(pages(app, "nothing"))
    assert sum(page.scanned for page in read) == 150
    assert 3 <= len(read) <= 50
    assert found(app, "xxx", limit=1000) == jids


def test_pages_while_jobs_come_and_go(app: App) -> None:
    """What was there all the time is found exactly once."""
    jids = everywhere(app, 30)
    stayed, told = set(jids), list[str]()
    for round_, page in enumerate(pages(app, "", limit=7)):
        told += [record.jid for record in page.records]
        for place in (app.queues["low"], app.dead):
            if victim := next(iter(place), None):
                place.delete(victim.jid)
                stayed.discard(victim.jid)
        put(app, "low", write(f"new{round_}"))
    assert len(told) == len(set(told))
    assert stayed <= set(told)


def test_a_cursor_says_nothing_of_arguments(app: App) -> None:
    """It goes into URLs; and one that is none is refused."""
    secret = "hunter2hunter2"
    lay(app, "dead", *(write(f"{i}", args=[secret], k=secret) for i in range(5)))
    put(app, "low", *(write(f"q{i}", args=[secret]) for i in range(5)))
    cursors = [page.next for page in pages(app, secret, limit=1) if page.next]
    assert len(cursors) == 9
    for text in cursors:
        outer = _decoded(text)
        inner = _decoded(json.loads(outer)[2])
        assert not any(secret.encode() in one for one in (text.encode(), outer, inner))
    for wrong in ("", "x", "é", "A" * 5000, "W10", "WzEsMiwzXQ", "WzAsImEiLCJiIiwiYyJd"):
        with pytest.raises(CursorError):
            app.search("", after=wrong)


def _decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_a_place_that_is_gone_is_passed_over(app: App) -> None:
    """A cursor that stood there goes on with the next."""
    jids = everywhere(app, 5)
    first = app.search("state:queued", limit=2)
    raw(app, "DEL", app.keys("queue", "high"))
    raw(app, "SREM", app.keys("queues"), "high")
    rest = app.search("state:queued", after=first.next)
    assert [record.jid for record in rest.records] == [jid for jid in jids if "low" in jid]


# -- what it costs --------------------------------------------------------------------------------


def requests(app: App, text: str) -> tuple[SearchPage, int]:
    """A search, and how many requests it made."""
    made: list[Call[Any]] = []
    flow = search(app, text, 50, None, 100_000)
    return app.perform(noted(flow, lambda call, _: made.append(call))), len(made)


def test_few_round_trips(app: App) -> None:
    """One for 250 jobs, once it is under way."""
    lay(app, "dead", *(write(f"{i}") for i in range(3000)))
    page, made = requests(app, "state:dead nothing")
    assert page.scanned == 3000
    assert made <= 16


def test_empty_queues_cost_next_to_nothing(app: App) -> None:
    """However many there are: one request for 250 of them."""
    raw(app, "SADD", app.keys("queues"), *(f"q{i:03}" for i in range(600)))
    put(app, "q300", write("a"))
    page, made = requests(app, "job:job")
    assert ([record.jid for record in page.records], page.total) == (["a"], 1)
    assert made <= 10


def test_keys_of_another_type_are_passed_over(app: App) -> None:
    """What another program keeps there is no job."""
    raw(app, "SET", "retry", "x")
    raw(app, "SET", app.keys("queue", "low"), "x")
    raw(app, "SADD", app.keys("queues"), "low")
    lay(app, "dead", write("a"))
    assert found(app, "") == ["a"]


@pytest.mark.parametrize("options", [{"limit": 0}, {"limit": True}, {"most": 0}, {"most": 1.5}])
def test_wrong_bounds(way: Way, app: App, options: dict[str, Any]) -> None:
    """Refused before anything is asked."""
    with pytest.raises(ConfigError):
        way(app, "search", "x", **options)


def test_a_wrong_filter(way: Way, app: App) -> None:
    """The error of the language."""
    with pytest.raises(FilterError, match="there is no qualifier stat:"):
        way(app, "search", "stat:dead")
