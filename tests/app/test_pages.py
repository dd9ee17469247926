"""Pages of queues, held lists and sets: by cursor, at any depth, while others come and go."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outrider import App, ConfigError, CursorError, JobRecord, Page
from outrider.inspection.collection import Collection
from outrider.io import Executor
from outrider.script import Call
from outrider.store.place import Place
from tests.app.conftest import Way
from tests.app.hands import NOW, Hands, put, raw, scored, write
from tests.app.trips import commands, counted

PLACES = {
    "queue": (Place("queue", "default"), "queued"),
    "held": (Place("held", "app.job"), "held"),
    "scheduled": (Place("schedule"), "scheduled"),
    "retries": (Place("retry"), "retrying"),
    "dead": (Place("dead"), "dead"),
}
SECRET = "hunter2"


def of(app: App, name: str) -> Collection:
    """The place as users reach it."""
    if name in {"queue", "held"}:
        return app.queues["default"] if name == "queue" else app.held["app.job"]
    found: Collection = getattr(app, name)
    return found


def fill(app: App, name: str, *payloads: str | bytes, score: float | None = None) -> None:
    """Lay payloads there, in the order in which they will be looked at."""
    place = PLACES[name][0]
    if name == "queue":
        put(app, "default", *payloads)
    elif name == "held":
        raw(app, "SADD", app.keys("heldnames"), "app.job")
        raw(app, "LPUSH", app.keys(*place), *payloads)
    else:
        words = (
            word
            for at, payload in enumerate(payloads)
            for word in (float(at) if score is None else score, payload)
        )
        raw(app, "ZADD", app.keys(*place), *words)


def jids(records: list[JobRecord]) -> list[str]:
    return [record.jid for record in records]


def through(way: Way, place: Collection, limit: int) -> list[Page]:
    """All pages."""
    pages = [way(place, "page", limit)]
    while pages[-1].next is not None:
        pages.append(way(place, "page", limit, pages[-1].next))
        assert len(pages) < 5_000
    return pages


# -- what a page is -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PLACES)
@pytest.mark.parametrize("score", [None, 7.25], ids=["times", "one time"])
def test_pages_of_a_place(way: Way, app: App, name: str, score: float | None) -> None:
    """Each job once, in its order, with its place and state; each page is one request."""
    place, state = PLACES[name]
    names = [f"{number:024x}" for number in range(107)]
    fill(app, name, *map(write, names), score=score)
    with counted() as sent:
        pages = through(way, of(app, name), 25)
    assert len(sent) == len(pages) == 5
    assert [len(page.records) for page in pages] == [25, 25, 25, 25, 7]
    records = [record for page in pages for record in page.records]
    assert jids(records) == names
    assert {(record.place, record.state) for record in records} == {(place, state)}
    assert {way(of(app, name), "find", jid).state for jid in names[:3]} == {state}


@pytest.mark.parametrize("name", PLACES)
def test_the_end(way: Way, app: App, name: str) -> None:
    """A page that is just full is the last; an empty place has one page."""
    assert way(of(app, name), "page") == Page([], None)
    fill(app, name, *map(write, "abcd"))
    first = way(of(app, name), "page", limit=2)
    assert (jids(first.records), first.next is None) == (["a", "b"], False)
    last = way(of(app, name), "page", limit=2, after=first.next)
    assert (jids(last.records), last.next) == (["c", "d"], None)
    assert way(of(app, name), "page", limit=4).next is None
    raw(app, "DEL", app.keys(*PLACES[name][0]))
    assert way(of(app, name), "page", after=first.next) == Page([], None)


@pytest.mark.parametrize("name", PLACES)
def test_what_is_no_job_has_a_page(way: Way, app: App, name: str) -> None:
    """Nothing that lies there is a reason to fail, or to go in circles."""
    odd = [
        b"",
        b"no job",
        b"\xff\xfe",
        b"[]",
        b'{"jid":7}',
        b'{"jid":"\\u0061b"}',
        b'{"jid":"\\ud800"}',
    ]
    odd += [b'{"jid":"%s"}' % (b"x" * 5000), b'{"retry":1,"jid":"ruby"}', b'{ "jid" : "loose" }']
    fill(app, name, *odd)
    for limit in (1, 3, 100):
        found = [
            record.raw for page in through(way, of(app, name), limit) for record in page.records
        ]
        assert found == odd


@pytest.mark.parametrize("name", ["scheduled", "dead"])
@pytest.mark.parametrize("limit", [1, 2, 7])
def test_others_of_one_time(way: Way, app: App, name: str, limit: int) -> None:
    """Another program's jobs, whose ids stand behind their arguments, all due at one time."""
    texts = [
        json.dumps({"retry": True, "args": [f"{at:03}"], "class": "R", "jid": f"{99 - at:024}"})
        for at in range(40)
    ]
    ours = [write(f"{at:024x}") for at in range(10)]
    fill(app, name, *texts, *ours, score=5.0)
    found = [record.text for page in through(way, of(app, name), limit) for record in page.records]
    assert found == sorted([*texts, *ours])


@pytest.mark.parametrize("name", ["scheduled", "dead"])
@pytest.mark.parametrize("limit", [1, 2, 3])
def test_jobs_that_speak_of_others(way: Way, app: App, name: str, limit: int) -> None:
    """An id in another's arguments, or before it, is not that job; a copy has its own place."""
    spoken = [f'{{"args":["r{8 - at}"],"jid":"r{at}"}}' for at in range(9)]
    copies = [f'{{"args":[{at}],"jid":"twice"}}' for at in range(4)]
    fill(app, name, *spoken, *copies, score=5.0)
    found = [record.text for page in through(way, of(app, name), limit) for record in page.records]
    assert found == sorted([*spoken, *copies])


def test_large_jobs_make_short_pages(way: Way, app: App) -> None:
    """A page is what one script may read; the next goes on."""
    texts = [write(f"{at:024x}", pad="x" * 100_000) for at in range(12)]
    for name in PLACES:
        fill(app, name, *texts)
        pages = through(way, of(app, name), 50)
        assert [len(page.records) for page in pages] == [2] * 6
        assert [record.text for page in pages for record in page.records] == texts


# -- what it costs --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["queue", "held", "scheduled", "dead"])
@pytest.mark.parametrize("score", [None, 7.25], ids=["times", "one time"])
def test_a_deep_page_costs_what_the_first_does(app: App, name: str, score: float | None) -> None:
    """Among 50,000 jobs: the same requests, and as many commands but for some steps of a search."""
    for at in range(0, 50_000, 5_000):
        fill_from(app, name, at, score)
    place = of(app, name)
    place.page()
    costs = []
    for depth in (0, 25_000, 49_900):
        after = deep(app, name, depth, score) if depth else None
        before = commands(app)
        with counted() as sent:
            page = place.page(50, after)
        costs.append((len(sent), (commands(app) - before).total()))
        assert jids(page.records) == [f"{at:024x}" for at in range(depth, depth + 50)]
    assert {requests for requests, _ in costs} == {1}
    # A binary search among 50,000 jobs of one time, or a second look for the last one.
    assert max(spent for _, spent in costs) <= costs[0][1] + 20


def fill_from(app: App, name: str, first: int, score: float | None) -> None:
    payloads = [write(f"{at:024x}") for at in range(first, first + 5_000)]
    if name in {"queue", "held"} or score is not None:
        fill(app, name, *payloads, score=score)
    else:
        words = (word for at, one in enumerate(payloads, first) for word in (at, one))
        raw(app, "ZADD", app.keys(*PLACES[name][0]), *words)


def deep(app: App, name: str, depth: int, score: float | None) -> str:
    """The cursor of somebody who has come so far, in pages of 1,000."""
    after, seen = None, 0
    while seen < depth:
        page = of(app, name).page(min(1_000, depth - seen), after)
        after, seen = page.next, seen + len(page.records)
    assert after is not None
    return after


# -- while others come and go ---------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(st.sampled_from(["take", "push", "delete", "page"]), st.integers(0, 40)),
    max_size=30,
)


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(count=st.integers(1, 90), limit=st.integers(1, 12), steps=STEPS, data=st.data())
def test_a_queue_that_moves(
    app: App, count: int, limit: int, steps: list[tuple[str, int]], data: st.DataObject
) -> None:
    """Jobs are taken, pushed and deleted between pages: who stays is seen, and nobody twice as
    long as one of the last eight that were told at powers of two is there."""
    raw(app, "FLUSHALL")
    line = [f"{at:024x}" for at in range(count)]
    stayed, fresh = set(line), count
    put(app, "default", *map(write, line))
    queue, seen = app.queues["default"], list[str]()
    page = queue.page(limit)
    seen += jids(page.records)
    for kind, number in steps:
        if kind == "take":
            gone, line = line[:number], line[number:]
            raw(app, "RPOP", "queue:default", number or 1) if number else None
            stayed -= set(gone)
        elif kind == "push":
            more = [f"{at:024x}" for at in range(fresh, fresh + number)]
            fresh, line = fresh + number, line + more
            put(app, "default", *map(write, more))
        elif kind == "delete" and line:
            jid = data.draw(st.sampled_from(line))
            assert queue.delete(jid)
            line.remove(jid)
            stayed.discard(jid)
        elif page.next is not None:
            page = queue.page(limit, page.next)
            seen += jids(page.records)
    while page.next is not None:
        page = queue.page(limit, page.next)
        seen += jids(page.records)
    assert stayed <= set(seen)


@pytest.mark.parametrize("name", PLACES)
def test_a_neighbour_that_goes_hides_nobody(way: Way, app: App, name: str) -> None:
    """The last one that was shown, the one before it, or all of them."""
    for gone in ([19], [18, 19], [5, 19], [*range(20)], [*range(20, 30)], [*range(30)]):
        raw(app, "FLUSHALL")
        names = [f"{number:024x}" for number in range(60)]
        fill(app, name, *map(write, names))
        place = of(app, name)
        page = way(place, "page", 20)
        for at in gone:
            assert way(place, "delete", names[at])
        rest = jids(way(place, "page", 60, page.next).records)
        assert rest == [jid for jid in names[20:] if names.index(jid) not in gone]


@pytest.mark.parametrize(("taken", "pushed"), [(0, 5_000), (4_000, 0), (290, 4_000), (4_000, 290)])
def test_a_long_way(app: App, taken: int, pushed: int) -> None:
    """Deep in a queue, many go before it or many come behind, and of the other kind some."""
    names = [f"{number:024x}" for number in range(12_000)]
    put(app, "default", *map(write, names[:8_000]))
    after = deep(app, "queue", 5_000, None)
    put(app, "default", *map(write, names[8_000 : 8_000 + pushed]))
    if taken:
        raw(app, "RPOP", "queue:default", taken)
    assert jids(app.queues["default"].page(50, after).records) == names[5_000:5_050]


def test_small_pages_know_those_before(way: Way, app: App) -> None:
    """All of the last page is deleted, and others come: it goes on after the page before."""
    put(app, "default", *(write(f"{at:024x}") for at in range(40)))
    queue, after = app.queues["default"], None
    for _ in range(3):
        after = way(queue, "page", 2, after).next
    for at in (4, 5):
        assert way(queue, "delete", f"{at:024x}")
    put(app, "default", *(write(f"{at:024x}") for at in range(40, 50)))
    assert jids(way(queue, "page", 2, after).records) == [f"{at:024x}" for at in (6, 7)]


def test_all_that_was_shown_is_taken(app: App) -> None:
    """As many come as are taken: the next page is the front of the queue."""
    put(app, "default", *(write(f"{at:024x}") for at in range(300)))
    page = app.queues["default"].page(50)
    raw(app, "RPOP", "queue:default", 80)
    put(app, "default", *(write(f"{at:024x}") for at in range(300, 400)))
    page = app.queues["default"].page(50, page.next)
    assert jids(page.records) == [f"{at:024x}" for at in range(80, 130)]


def test_a_set_in_which_jobs_come_and_go(way: Way, app: App) -> None:
    """Who stays is seen once; of those who come, who comes behind."""
    fill(app, "retries", *(write(f"{at:024x}") for at in range(0, 100, 2)), score=3.0)
    page = way(app.retries, "page", 20)
    seen = jids(page.records)
    raw(app, "ZREM", "retry", *(write(jid) for jid in seen[10:]))
    fill(app, "retries", *(write(f"{at:024x}") for at in range(1, 100, 2)), score=3.0)
    rest = [jid for one in through_from(way, app.retries, page.next) for jid in jids(one.records)]
    assert rest == [f"{at:024x}" for at in range(39, 100)]


def through_from(way: Way, place: Collection, after: str | None) -> list[Page]:
    pages: list[Page] = []
    while after is not None:
        pages.append(way(place, "page", 7, after))
        after = pages[-1].next
    return pages


# -- cursors --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PLACES)
def test_a_cursor_says_nothing_of_arguments(way: Way, app: App, name: str) -> None:
    """It goes into URLs and logs: ids, times and positions, in letters that need no escape."""
    texts = [write(f"{at:024x}", args=[SECRET]) for at in range(9)]
    texts += [json.dumps({"args": [SECRET], "class": "R", "jid": f"{at:024x}"}) for at in range(9)]
    texts += [f"{SECRET} {at}" for at in range(9)]
    fill(app, name, *texts, score=5.0)
    for page in through(way, of(app, name), 2):
        if page.next is not None:
            assert page.next.replace("-", "").replace("_", "").isalnum()
            told = base64.urlsafe_b64decode(page.next + "==").decode()
            assert SECRET not in told
            assert len(page.next) < 600


WRONG = ["", "x", "é", "AAAA", "!" * 50, "W10", "eyJhIjoxfQ", "\n", "A" * 100_000]


@pytest.mark.parametrize("name", PLACES)
@pytest.mark.parametrize("after", WRONG, ids=range(len(WRONG)))
def test_what_is_no_cursor(way: Way, app: App, name: str, after: str) -> None:
    """It is refused by an error that says what to do, before anything is sent."""
    with counted() as sent, pytest.raises(CursorError, match="is no cursor") as caught:
        way(of(app, name), "page", 10, after)
    assert sent == []
    assert isinstance(caught.value, ConfigError)
    assert len(str(caught.value)) < 400


FORGED: list[list[Any]] = [
    [1 << 60, 5, 8, []],
    [-1, 5, 8, []],
    ["5", 5, 8, []],
    [5, 5, 1 << 50, []],
    [4, 5, 8, [["x", 1 << 60]]],
    [4, 5, 8, [["x", 3]]],
    ["nan", "", 0, False],
    ["(5", "", 0, False],
    ["1e999", "", -5, False],
    ["5", "x", 1 << 62, False],
    ["5", "x", 0, "yes"],
    [5, 5, 0, [["x" * 3000, 0]]],
]


@pytest.mark.parametrize("parts", FORGED, ids=range(len(FORGED)))
def test_forged_cursors(app: App, parts: list[Any]) -> None:
    """They come from URLs: a page, or a CursorError; never an error of the server."""
    after = base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")
    for name in PLACES:
        fill(app, name, *(write(f"{at:024x}") for at in range(5)))
        try:
            assert isinstance(of(app, name).page(2, after), Page)
        except CursorError as error:
            assert "is no cursor" in str(error)  # noqa: PT017 - either is well


def test_a_forged_cursor_reads_no_more_at_once(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many are read before their size is known is bounded, whatever the cursor asks for."""
    put(app, "default", *(write(f"{at:024x}") for at in range(200)))
    run, asked = Executor.run, list[int]()

    def note(self: Executor, call: Call[Any], **kwargs: Any) -> Any:
        if "ahead" in call.arguments:  # the fixture makes requests at the end, too
            asked.append(call.arguments["ahead"])
        return run(self, call, **kwargs)

    monkeypatch.setattr(Executor, "run", note)
    parts = [50, 200, 1_000, [[f"{49:024x}", 0]]]
    after = base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")
    page = app.queues["default"].page(50, after)
    assert jids(page.records) == [f"{at:024x}" for at in range(50, 100)]
    app.queues["default"].page(50, page.next)
    assert asked == [64, 64]


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_limits(way: Way, app: App, limit: int) -> None:
    """A page has 1 to 1,000 jobs."""
    with pytest.raises(ConfigError, match=f"limit must be 1 to 1,000, not {limit}"):
        way(app.dead, "page", limit)
    fill(app, "dead", *(write(f"{at:024x}") for at in range(1001)))
    assert len(way(app.dead, "page", 1000).records) == 1000


def test_running_jobs_have_a_state(app: App) -> None:
    """A job that runs lies nowhere."""
    put(app, "default", write("a"))
    Hands(app).claim()
    board = json.dumps({"queue": "default", "payload": write("a"), "run_at": NOW // 1000})
    raw(app, "SADD", "processes", "h:1:a")
    raw(app, "HSET", "h:1:a", "beat", 1)
    raw(app, "HSET", "h:1:a:work", "0-1", board)
    (run,) = app.work
    assert (run.state, run.place, run.jid) == ("running", None, "a")
    assert scored(app, "dead") == []
