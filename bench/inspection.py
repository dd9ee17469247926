"""A million jobs in the store: what each read costs, searching, acting on a hundred thousand.

Server time is that of the commands of one call (`cost`). The rule is for the median of the calls,
of searches for each command's least delayed round, of operations for 95 of 100 commands. The
dashboards of others look at as many jobs of their own (`make peers`), and are counted alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from bench import million, operating, searching
from bench.cost import cost
from bench.jobs import app
from bench.peers.dashboards import DASHBOARDS, Program
from bench.rig import Figure, Rig, percentile, spread

CALLS = 30
PAGE, LARGEST = 50, 1000
TRIPS, SERVER = ("<=", 3.0), ("<=", 1.0)


def measure(rig: Rig) -> list[Figure]:
    """Fill the store once; first look, then act."""
    million.fill(rig)
    figures = [Figure("jobs in the store", million.stored(rig))]
    for what, read in _reads():
        figures += _read(rig, what, read)
    figures += searching.figures(rig) + operating.figures(rig)
    for dashboard in DASHBOARDS:
        figures += _theirs(rig, dashboard)
    return figures


def _read(rig: Rig, what: str, read: Callable[[], object]) -> list[Figure]:
    read()  # scripts are loaded, connections made
    costs = [cost(rig, read) for _ in range(CALLS)]
    typical = percentile([one.wall * 1000 for one in costs], 50)
    # Each answer is a page: where there are many of them, the rule is for the longest.
    longest = [one.longest for one in costs]
    total = percentile([sum(one.times) for one in costs], 50)
    note = f"a page; {total:.2f} ms in all, {typical:.2f} ms for the caller"
    trips = max(one.trips for one in costs)
    return [
        Figure(what, trips, "trips", rule=TRIPS),
        spread("  server", longest, "ms", SERVER, note),
    ]


# -- looking ---------------------------------------------------------------------------------------


def _reads() -> Iterator[tuple[str, Callable[[], object]]]:
    yield "all numbers, queues and workers", app.stats.read
    yield "history of a year", partial(app.stats.history, 365)
    for name, place, size in million.places():
        for where, after in (("head", None), ("middle", _at(place, size // 2))):
            yield f"{PAGE} of {name}, {where}", _page(place, after)
        yield f"{PAGE} of {name}, end", _page(place, _at(place, size - 2 * PAGE))
    yield f"{PAGE} batches", lambda: app.batches.page(PAGE)
    yield "workers", lambda: list(app.processes)
    yield "what runs", lambda: list(app.work)
    yield "metrics of 72 hours", lambda: app.metrics.jobs(hours=72)


def _page(place: Any, after: str | None) -> Callable[[], object]:
    return lambda: place.page(PAGE, after)


def _at(place: Any, depth: int) -> str | None:
    """The cursor at this depth."""
    after = None
    while depth > 0:
        page = place.page(min(depth, LARGEST), after)
        after, depth = page.next, depth - len(page.records)
    return after


# -- others ----------------------------------------------------------------------------------------


def _theirs(rig: Rig, program: Program) -> list[Figure]:
    """What one look at each of its pages asks of the server."""
    if not program.installed:
        return [Figure(f"{program.name} is not installed", 0, note="`make peers`")]
    rig.clear()
    figures = []
    with program.running(rig.url) as ask:
        for page in program.pages:
            ask(page)
            costs = [cost(rig, partial(ask, page)) for _ in range(CALLS // 3)]
            commands = percentile([len(one.times) for one in costs], 50)
            server = percentile([sum(one.times) for one in costs], 50)
            wall = percentile([one.wall * 1000 for one in costs], 50)
            note = f"{server:.2f} ms of the server, {wall:.1f} ms for the caller"
            figures.append(Figure(f"{program.name}, {page}", commands, "commands", note=note))
    return figures
