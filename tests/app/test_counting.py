"""`app.count` and `app.facets`: how many jobs a filter means, in bounded steps."""

from __future__ import annotations

import pytest

from outrider import App, CursorError, Facets, FilterError, JobCount
from outrider.hub import Flow
from outrider.search.counting import count
from tests.app.conftest import Way
from tests.app.hands import put, raw, write
from tests.app.test_search import UNREADABLE, everywhere, found, hold, lay, run

FILTERS = ["", "state:dead", "-state:dead", "state:queued queue:low", "queue:low", "job:app.job"]


@pytest.mark.parametrize("text", [*FILTERS, "nothing", "state:queued -queue:l*", "state:running"])
def test_as_many_as_a_search_finds(way: Way, app: App, text: str) -> None:
    """Whether sizes tell it or each job has to be looked at."""
    everywhere(app, 10)
    counted: JobCount = way(app, "count", text)
    assert counted.count == len(found(app, text))
    assert (counted.next, counted.is_complete) == (None, True)
    assert way(app, "facets", text).count == counted.count


def requests(app: App, text: str) -> int:
    """How many requests it takes to count."""
    made = 0

    def counted() -> Flow[JobCount]:
        nonlocal made
        flow, answer = count(app, text, None, 100_000), None
        while True:
            try:
                call = flow.send(answer)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            made, answer = made + 1, (yield call)

    app.perform(counted())
    return made


def test_whole_places_are_not_read(app: App) -> None:
    """Their size is known, however many jobs lie there."""
    lay(app, "dead", *(write(f"{i}") for i in range(3000)))
    put(app, "low", *(write(f"q{i}", "low") for i in range(3000)))
    assert requests(app, "state:dead") == requests(app, "state:queued queue:low") == 2
    assert requests(app, "state:dead job:job") > 3
    assert app.count("state:dead", most=1).count == 3000


def test_it_goes_on(way: Way, app: App) -> None:
    """It says how far it came; parts add up to the whole (O181)."""
    everywhere(app, 10)
    counts, after, looked = [], None, 0
    while True:
        part: JobCount = way(app, "count", "job:job", after, most=17)
        counts.append(part.count)
        looked += part.scanned
        assert part.total == 70
        assert part.is_complete == (part.next is None)
        after = part.next
        if after is None:
            break
    assert (sum(counts), looked) == (70, 70)
    assert len(counts) == 5


def test_facets(way: Way, app: App) -> None:
    """By state, queue, name and class, the most frequent first; others are counted (O181)."""
    failed = {"error_class": "TimeoutError", "error_message": "late"}
    lay(app, "dead", *(write(f"d{i}", "high", **failed) for i in range(3)), write("e", "high"))
    put(
        app, "low", *(write(f"q{i}", "elsewhere") for i in range(2)), '{"jid":"r","class":"resize"}'
    )
    hold(app, write("h", "rare"))
    run(app, write("run", "high", error_class="ValueError"))
    all_: Facets = way(app, "facets", "")
    assert all_.count == all_.scanned == all_.total == 9
    assert all_.states.values == {"dead": 4, "queued": 3, "held": 1, "running": 1}
    assert list(all_.states.values) == ["dead", "queued", "held", "running"]
    assert all_.queues.values == {"high": 5, "low": 3, "rare": 1}
    assert all_.jobs.values == {"app.job": 8, "resize": 1}
    assert all_.errors.values == {"TimeoutError": 3, "ValueError": 1}
    assert {one.others for one in (all_.states, all_.queues, all_.jobs, all_.errors)} == {0}
    first: Facets = way(app, "facets", "-job:resize", 1)
    assert (first.queues.values, first.queues.others) == ({"high": 5}, 3)
    assert (first.errors.values, first.errors.others) == ({"TimeoutError": 3}, 1)


def test_values_are_bounded(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others may have written any number of names: those that are not kept are counted."""
    monkeypatch.setattr("outrider.search.counting.MOST_VALUES", 5)
    put(app, "low", *(f'{{"jid":"{i}","class":"job{i}"}}' for i in range(20)))
    jobs = app.facets("", limit=50).jobs
    assert (len(jobs.values), jobs.others) == (5, 15)


def test_what_is_no_job_is_counted_too(app: App) -> None:
    """It is no reason to fail."""
    lay(app, "dead", *UNREADABLE)
    run(app, "", "no job")
    assert app.count('-"no such text"').count == len(UNREADABLE) + 2
    found = app.facets("")
    assert (found.count, found.jobs.values) == (len(UNREADABLE) + 2, {"": len(UNREADABLE) + 2})
    assert found.errors.values == {}


def test_what_is_refused(way: Way, app: App) -> None:
    """As a search refuses it."""
    for name in ("count", "facets", "errors"):
        with pytest.raises(FilterError):
            way(app, name, "state:died")
        with pytest.raises(CursorError):
            way(app, name, "", after="x")
        with pytest.raises(ValueError, match="most"):
            way(app, name, "", most=0)


def test_jobs_on_their_way_count(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """They belong to the queue that they go to, whether they are read or not."""
    monkeypatch.setattr("outrider.staging.MAX_LOAD", 100)
    monkeypatch.setattr("outrider.staging.CHUNK", 100)
    app.enqueue("some.job")
    with app.batch().jobs():
        for number in range(300):
            app.enqueue("large.job", [number])
    assert app.count("state:queued").count == 301
    assert app.count("job:large.job").count == 300
    assert raw(app, "LLEN", "queue:default") < 301
