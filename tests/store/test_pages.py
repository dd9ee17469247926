"""queued, timed, waiting, remove: pages of places, and jobs found by where they were."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outrider import App
from outrider.store import place, process
from outrider.store.place import Entry, Line, Place
from tests.app.hands import IDENTITY, NOW, Hands, put, raw, write

BLOCKS = ("00aa" * 4, "00bb" * 4)


def bring(app: App, name: str, *words: str | float | bytes) -> None:
    """Put something on its way: payloads, the first to come first, or scores and payloads."""
    raw(app, "LPUSH" if ":" in name else "ZADD", app.keys("staged", name), *words)
    raw(app, "ZADD", app.keys("moving"), NOW, name)


def remove(app: App, payload: str, at: int) -> bool:
    call = place.remove(
        app.keys,
        place="queue",
        name="default",
        payload=payload.encode(),
        at=at,
        to="",
        failure="",
        now=NOW,
    )
    return app.perform(call)


def look(app: App, start: int, last: str, count: int) -> Line:
    where = {"place": "queue", "name": "default"}
    return app.perform(
        place.queued(app.keys, **where, start=start, last=last.encode(), count=count)
    )


@pytest.mark.parametrize("own", [0, 1, 5])
def test_pages_of_a_line(app: App, own: int) -> None:
    """Any stretch of it, over all parts; how many of these lie there."""
    line = [f"{number}" for number in range(12)]
    put(app, "default", *line[:own])
    bring(app, f"{BLOCKS[0]}:default", *line[own:9])
    bring(app, f"{BLOCKS[0]}:other", "x")
    bring(app, f"{BLOCKS[1]}:default", *line[9:])
    for start in range(13):
        for count in range(1, 14):
            there = [text.encode() for text in line[start : start + count]]
            lying = min(len(there), max(0, own - start))
            assert look(app, start, line[start - 1], count) == Line(start, True, lying, there)


@pytest.mark.parametrize("shift", [-2000, -501, -1, 1, 300, 2000])
def test_a_page_goes_on_after_a_job_that_was_shifted(app: App, shift: int) -> None:
    """As far as workers take in some steps, or a block brings."""
    line = [f"{number}" for number in range(6000)]
    put(app, "default", *line[:4000])
    bring(app, f"{BLOCKS[0]}:default", *line[4000:])
    found = look(app, 3950 - shift, "3949", 100)
    assert found == Line(3950, True, 50, [text.encode() for text in line[3950:4050]])
    far = 3950 + (2001 if shift < 0 else -2001)
    assert look(app, far, "3949", 100)[:2] == (far - 200, False)


def test_a_page_where_nobody_is_known(app: App) -> None:
    """It begins two pages before; all over again when the line ends before."""
    put(app, "default", *(f"{number}" for number in range(30)))
    found = look(app, 25, "gone", 5)
    assert (found.first, found.follows, len(found.payloads)) == (15, False, 15)
    assert look(app, 39, "gone", 5).first == 29
    assert look(app, 40, "gone", 5).first == 0
    assert look(app, 3, "gone", 5).first == 0


def test_sizes(app: App) -> None:
    """With what is on its way, and without."""
    put(app, "default", "a")
    bring(app, f"{BLOCKS[0]}:default", "b", "c")
    bring(app, BLOCKS[0], 1, "d")
    raw(app, "ZADD", "retry", 1, "e", 2, "f")
    places = [Place("queue", "default"), Place("schedule"), Place("retry"), Place("dead")]
    assert [app.perform(place.size(app.keys, where)) for where in places] == [3, 1, 2, 0]
    assert [app.perform(place.lying(app.keys, where)) for where in places] == [1, 0, 2, 0]


def long(head: bytes) -> list[bytes]:
    """Payloads that differ only far behind, in every kind of byte."""
    tails = (b"", b"\x00", b"0", b"A", b"a", b"a\x00", b"ab", b"\x7f", b"\x80", b"\xff")
    return [head + tail for tail in tails]


ENTRIES = st.dictionaries(
    st.sampled_from([*long(b""), *long(b"x" * 255), *long(b"x" * 600)]),
    st.tuples(st.sampled_from([-1e300, 0.0, 0.1, 1.7e9 + 0.125, float("inf")]), st.integers(0, 2)),
    max_size=30,
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(entries=ENTRIES, count=st.integers(1, 9), gone=st.booleans())
def test_pages_by_time(
    app: App, entries: dict[bytes, tuple[float, int]], count: int, *, gone: bool
) -> None:
    """Each job once in the order of score and bytes, also where those that were read have gone."""
    raw(app, "FLUSHALL")
    for payload, (score, part) in entries.items():
        if part:
            bring(app, BLOCKS[part - 1], score, payload)
        else:
            raw(app, "ZADD", "schedule", score, payload)
    seen: list[Entry] = []
    after, last = "-inf", b""
    while page := app.perform(
        place.timed(app.keys, place="schedule", score=after, payload=last, count=count)
    ):
        seen += page
        after, last = repr(page[-1].score), page[-1].payload
        for entry in page if gone else ():
            for key in ("schedule", *(app.keys("staged", block) for block in BLOCKS)):
                raw(app, "ZREM", key, entry.payload)
    ordered = sorted((score, payload, part > 0) for payload, (score, part) in entries.items())
    assert [(one.score, one.payload, one.is_coming) for one in seen] == ordered
    raw(app, "DEL", app.keys("moving"), *(app.keys("staged", block) for block in BLOCKS))


@pytest.mark.parametrize("own", [0, 300, 5000])
def test_a_job_is_taken_near_where_it_was(app: App, own: int) -> None:
    """Within 2,000 jobs, over the border of the parts; farther away it is not looked for (P203)."""
    line = [write(f"{number:05}") for number in range(5000)]
    put(app, "default", *line[:own])
    if own < 2000:
        bring(app, f"{BLOCKS[0]}:default", *line[own:2000])
    if own < 5000:
        bring(app, f"{BLOCKS[1]}:default", *line[2000:])
    for at, asked in ((0, 2001), (2300, 299), (2000, 4001), (4999, 2998), (300, 9000)):
        assert not remove(app, line[at], asked)
    for at, asked in ((4999, 2999), (2000, 4000), (2300, 300), (300, 0), (1, 501), (0, 0)):
        assert remove(app, line[at], asked)
        assert not remove(app, line[at], at)
        del line[at]
    found = look(app, 0, "", 9000)
    assert [text.decode() for text in found.payloads] == line
    raw(app, "DEL", app.keys("moving"), *(app.keys("staged", f"{b}:default") for b in BLOCKS))


def test_all_that_a_child_holds(app: App) -> None:
    """In pages, each once at least, however many there are."""
    put(app, "default", *(write(f"{number:05}") for number in range(1500)))
    hands = Hands(app)
    for _ in range(3):
        hands.claim(want=500)
    cursor, pages, found = 0, 0, set[bytes]()
    while cursor or not pages:
        cursor, page = app.perform(process.claims(app.keys, f"{IDENTITY}:0", cursor))
        pages, found = pages + 1, found | set(page)
        assert len(page) <= 600
    assert pages > 2
    assert found == {write(f"{number:05}").encode() for number in range(1500)}
    assert app.perform(process.workers(app.keys)) == [IDENTITY]
    assert app.perform(process.children(app.keys, IDENTITY)) == ["0"]


@pytest.mark.parametrize("kind", ["schedule", "retry", "dead"])
def test_a_page_of_large_payloads_is_short(app: App, kind: str) -> None:
    """A script has to be brief: it gives as many as fill 256 KiB, and all in the end."""
    texts = [write(f"{at:03}", pad="x" * (100_000 if at < 5 else 10)) for at in range(260)]
    raw(app, "ZADD", kind, *(word for at, text in enumerate(texts) for word in (NOW + at, text)))
    found: list[str] = []
    sizes = []
    score, last = "-inf", b""
    while page := app.perform(
        place.timed(app.keys, place=kind, score=score, payload=last, count=250)
    ):
        sizes.append(len(page))
        found += [entry.payload.decode() for entry in page]
        score, last = repr(page[-1].score), page[-1].payload
    assert (sizes, found) == ([3, 250, 7], texts)
