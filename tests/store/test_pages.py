"""queued, timed, waiting, remove: pages of places, and jobs found by where they were."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outrider import App
from outrider.script import BYTES
from outrider.store import place, process
from outrider.store.place import Line, Mark, Place, Times
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
        to="trash",
        failure="",
        now=NOW,
    )
    return app.perform(call)


def look(
    app: App, start: int, marks: list[Mark], count: int, length: int = 0, ahead: int = 8
) -> Line:
    where = {"place": "queue", "name": "default"}
    return app.perform(
        place.queued(
            app.keys,
            **where,
            start=start,
            length=length,
            marks=marks,
            ahead=ahead,
            limit=count,
            bytes=BYTES,
        )
    )


def named(*numbers: int) -> list[str]:
    """Payloads of jobs with these numbers as ids."""
    return [write(f"{number:024}") for number in numbers]


def marks(*numbers: int) -> list[Mark]:
    return [(f"{number:024}", 0) for number in numbers]


@pytest.mark.parametrize("own", [0, 1, 5])
def test_pages_of_a_line(app: App, own: int) -> None:
    """Any stretch of it, over all parts; how many of these lie there."""
    line = named(*range(12))
    put(app, "default", *line[:own])
    bring(app, f"{BLOCKS[0]}:default", *line[own:9])
    bring(app, f"{BLOCKS[0]}:other", "x")
    bring(app, f"{BLOCKS[1]}:default", *line[9:])
    for start in range(13):
        for count in range(1, 14):
            there = [text.encode() for text in line[start : start + count]]
            lying = min(len(there), max(0, own - start))
            found = look(app, start, marks(start - 1), count, 12)
            assert found[:4] == (start, True, lying, 12)
            assert found.bundle.cut() == there


@pytest.mark.parametrize("shift", [-3000, -301, -300, -20, -1, 1, 300, 301, 2000])
def test_a_page_goes_on_after_a_job_that_was_shifted(app: App, shift: int) -> None:
    """Near where it was; or anywhere else, if it is near the same distance from the end."""
    line = named(*range(6000))
    put(app, "default", *line[:4000])
    bring(app, f"{BLOCKS[0]}:default", *line[4000:])
    expected = [text.encode() for text in line[3950:4050]]
    found = look(app, 3950 - shift, marks(3949), 100, 6000)
    if abs(shift) <= 300:
        assert (found[:4], found.bundle.cut()) == ((3950, True, 50, 6000), expected)
    else:
        assert found[:2] == (3950 - shift - 100, False)
    for off in (0, 299, -299):
        found = look(app, 3950 - shift, marks(3949), 100, 6000 - shift + off)
        assert (found[:4], found.bundle.cut()) == ((3950, True, 50, 6000), expected)


def test_a_page_after_another_mark(app: App) -> None:
    """Where the last job is gone, after the one before it; and after as many as have no id."""
    put(app, "default", *named(*range(900)))
    found = look(app, 500, [("gone", 0), *marks(498, 497)], 3, 901)
    assert (found.first, found.follows) == (499, False)
    found = look(app, 500, [("gone", 0), ("gone too", 5), *marks(450)], 3, 905)
    assert (found.first, found.follows) == (451, False)
    found = look(app, 500, [(f"{480:024}", 19)], 3, 900)
    assert (found.first, found.follows) == (500, True)


def test_a_page_where_nobody_is_known(app: App) -> None:
    """It begins a page before, at the front if that was near, and at its end if it is shorter."""
    put(app, "default", *named(*range(1000)))
    gone = [("gone", 0)]
    assert look(app, 600, gone, 5, 1000)[:2] == (595, False)
    assert look(app, 600, gone, 5, 1100)[:2] == (495, False)
    assert look(app, 600, gone, 5, 800)[:2] == (595, False)
    assert look(app, 600, gone, 5, 2000)[:2] == (0, False)
    assert look(app, 300, gone, 5, 1000)[:2] == (0, False)
    assert look(app, 2000, gone, 5, 1000).bundle.cut() == []


def test_a_page_without_ids_goes_by_numbers(app: App) -> None:
    """It is where it was, unless jobs have gone."""
    put(app, "default", *(f"no job {number}" for number in range(1000)))
    for length, first, follows in ((1000, 700, True), (1100, 600, False), (900, 700, False)):
        found = look(app, 700, [], 1, length)
        assert (found.first, found.follows) == (first, follows)
        assert found.bundle.cut() == [b"no job %d" % first]


def test_large_jobs_are_not_looked_through_from_afar(app: App) -> None:
    """A script is to be brief: 20 jobs around are read where they are large, not 300."""
    texts = [write(f"{number:024}", pad="x" * 5000) for number in range(100)]
    put(app, "default", *texts)
    assert look(app, 70, marks(50), 1, 100)[:2] == (51, True)
    assert look(app, 70, marks(48), 1, 100)[:2] == (0, False)


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


def by_time(app: App, kind: str, score: str, payload: bytes, count: int) -> Times:
    return app.perform(
        place.timed(
            app.keys,
            place=kind,
            score=score,
            payload=payload,
            jid="",
            ties=0,
            ahead=8,
            limit=count,
            bytes=BYTES,
        )
    )


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
    seen: list[tuple[float, bytes, bool]] = []
    after, last, more = "-inf", b"", True
    while more:
        page = by_time(app, "schedule", after, last, count)
        more = page.has_more
        assert not more or page.scores
        found = [*zip(page.scores, page.bundle.cut(), page.coming, strict=True)]
        seen += found
        if found:
            after, last = repr(found[-1][0]), found[-1][1]
        for _, payload, _ in found if gone else ():
            for key in ("schedule", *(app.keys("staged", block) for block in BLOCKS)):
                raw(app, "ZREM", key, payload)
    ordered = sorted((score, payload, part > 0) for payload, (score, part) in entries.items())
    assert seen == ordered
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
    found = look(app, 0, [], 9000)
    assert [text.decode() for text in found.bundle.cut()] == line[: len(found.bundle.cut())]
    assert found.total == len(line)
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
    sizes, more = [], True
    score, last = "-inf", b""
    while more:
        page = by_time(app, kind, score, last, 250)
        payloads = page.bundle.cut()
        sizes.append(len(payloads))
        found += [payload.decode() for payload in payloads]
        score, last, more = repr(page.scores[-1]), payloads[-1], page.has_more
    assert (sizes, found) == ([3, 250, 7], texts)


@pytest.mark.parametrize("gone", [False, True])
@pytest.mark.parametrize("ties", [1, 2, 20, 39, 40])
def test_another_programs_job_is_known_by_its_id(app: App, ties: int, *, gone: bool) -> None:
    """Its place among those of its score says where to look; where it is gone, who is there now."""
    texts = [f'{{"args":[{at:02}],"jid":"r{at:02}"}}' for at in range(40)]
    raw(app, "ZADD", "retry", *(word for text in texts for word in (5, text)), 4, "a", 6, "z")
    if gone:
        raw(app, "ZREM", "retry", texts[ties - 1])
    for off in (0, -3, 3) if not gone else (0,):
        call = place.timed(
            app.keys,
            place="retry",
            score="5",
            payload=b"",
            jid=f"r{ties - 1:02}",
            ties=max(1, ties + off),
            ahead=8,
            limit=100,
            bytes=BYTES,
        )
        found = [text.decode() for text in app.perform(call).bundle.cut()]
        assert found == [*texts[ties:], "z"]


def test_what_has_no_id_is_known_by_its_place(app: App) -> None:
    """It can't be seen to have gone."""
    raw(app, "ZADD", "retry", 5, "a", 5, "b", 5, "c")
    for ties, rest in ((1, [b"b", b"c"]), (3, []), (9, [])):
        call = place.timed(
            app.keys,
            place="retry",
            score="5",
            payload=b"",
            jid="",
            ties=ties,
            ahead=8,
            limit=9,
            bytes=BYTES,
        )
        assert app.perform(call).bundle.cut() == rest
