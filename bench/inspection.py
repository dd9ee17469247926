"""A million jobs in the store: what each read costs, searching, acting on a hundred thousand.

Server time is that of the commands of one call, by the server's own clock (SLOWLOG). Other programs
delay the server too, so the rule is for the median of the calls, of searches for the round with the
least delay, of operations for 95 of 100 commands. The dashboards of others look
at as many jobs of their own (`make peers`), and what they ask is counted in the same way.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

from bench import million
from bench.jobs import app
from bench.million import HELD, RETRYING, SCHEDULED
from bench.peers.dashboards import DASHBOARDS, Program
from bench.rig import Figure, Rig, percentile, spread
from outrider.operations.record import Verb
from outrider.script import Call

CALLS = 30
PAGE, LARGEST = 50, 1000
MANY = 100_000
TRIPS, SERVER, SEARCH = ("<=", 3.0), ("<=", 1.0), ("<=", 0.5)
SCRIPT, RATE, CANCELLED = ("<=", 5.0), (">=", 10_000.0), ("<=", 1.0)


class Cost(NamedTuple):
    """What one call cost: round trips, commands, and their milliseconds by the server's clock."""

    trips: int
    times: list[float]
    wall: float

    @property
    def longest(self) -> float:
        """The longest command."""
        return max(self.times, default=0.0)


def measure(rig: Rig) -> list[Figure]:
    """Fill the store once; first look, then act."""
    million.fill(rig)
    figures = [Figure("jobs in the store", million.stored(rig))]
    for what, read in _reads():
        figures += _read(rig, what, read)
    figures += _search(rig) + _operations(rig)
    for dashboard in DASHBOARDS:
        figures += _theirs(rig, dashboard)
    return figures


# -- what a call costs -----------------------------------------------------------------------------


def _cost(rig: Rig, act: Callable[[], object]) -> Cost:
    """Let something happen, and add up what the server was asked for it."""
    rig.wire("CONFIG", "SET", "slowlog-log-slower-than", "0", "slowlog-max-len", "1000000")
    rig.wire("SLOWLOG", "RESET")
    with _sending() as sent:
        begin = time.perf_counter()
        act()
        wall = time.perf_counter() - begin
    rig.wire("CONFIG", "SET", "slowlog-log-slower-than", "-1")
    entries = rig.wire("SLOWLOG", "GET", "-1")
    times = [entry[2] / 1000 for entry in entries if _is_sent(entry[3], sent)]
    return Cost(sent.trips, times, wall)


class _Sent:
    """What our client has sent: its round trips, and its plain commands by their first words."""

    def __init__(self) -> None:
        self.trips = 0
        self.plain: Counter[tuple[bytes, ...]] = Counter()


@contextmanager
def _sending() -> Iterator[_Sent]:
    """Note what our client sends."""
    sent, send = _Sent(), app.executor.run_all

    def noting(calls: Sequence[Call[Any]], **options: Any) -> list[Any]:
        sent.trips += 1
        sent.plain.update(_head(call.words) for call in calls if call.script is None)
        return send(calls, **options)

    app.executor.run_all = noting  # type: ignore[method-assign]
    try:
        yield sent
    finally:
        app.executor.run_all = send  # type: ignore[method-assign]


def _head(words: Sequence[Any]) -> tuple[bytes, ...]:
    return tuple(one if isinstance(one, bytes) else str(one).encode() for one in words[:2])


def _is_sent(words: list[bytes], sent: _Sent) -> bool:
    """Whether it was sent by a client: what scripts do is listed as well."""
    if not sent.trips:  # another program, which has no scripts
        return words[0].upper() not in (b"CONFIG", b"SLOWLOG")
    sent.plain[_head(words)] -= 1
    return words[0] == b"EVALSHA" or sent.plain[_head(words)] >= 0


def _read(rig: Rig, what: str, read: Callable[[], object]) -> list[Figure]:
    read()  # scripts are loaded, connections made
    costs = [_cost(rig, read) for _ in range(CALLS)]
    typical = percentile([cost.wall * 1000 for cost in costs], 50)
    # Each answer is a page: where there are many of them, the rule is for the longest.
    longest = [cost.longest for cost in costs]
    total = percentile([sum(cost.times) for cost in costs], 50)
    note = f"a page; {total:.2f} ms in all, {typical:.2f} ms for the caller"
    trips = max(cost.trips for cost in costs)
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


def _search(rig: Rig) -> list[Figure]:
    """A hundred thousand jobs, of which one in a hundred matches, or none."""
    figures = []
    for text in ("state:retrying error:Timeout", "queue:bulk nowhere", "queue:bulk arg.0=123456"):
        costs = [_cost(rig, partial(_look, text)) for _ in range(5)]
        walls = [cost.wall for cost in costs]
        figures.append(spread(f"search {MANY:,}: {text}", walls, "s", SEARCH))
        longest = [cost.longest for cost in costs]
        note = f"{len(costs[0].times)} commands, {sum(costs[0].times):.0f} ms in all"
        least = min(longest)
        figures.append(Figure("  longest command", least, "ms", least, max(longest), SERVER, note))
    return figures


def _look(text: str) -> None:
    page = app.search(text, limit=MANY, most=MANY)
    assert page.scanned == MANY, page.scanned


# -- acting ----------------------------------------------------------------------------------------


def _operations(rig: Rig) -> list[Figure]:
    """Retry all that fail, cancel a deletion in its midst, and delete from a set and a list."""
    figures = _act(rig, "retry", "state:retrying", RETRYING)
    late = app.operations.start("delete", "state:scheduled")
    runner = threading.Thread(target=app.operations[late.id].run)
    runner.start()
    while runner.is_alive() and not late.refresh().done:
        time.sleep(0.01)
    begin = time.perf_counter()
    late.cancel()
    runner.join()
    seconds = time.perf_counter() - begin
    note = f"{late.refresh().done:,} of {SCHEDULED:,} were done; it is {late.state}"
    figures.append(Figure("cancelling a deletion", seconds, "s", rule=CANCELLED, note=note))
    figures += _act(rig, "delete", "state:scheduled", MANY)
    return figures + _act(rig, "delete", "state:held", HELD)


def _act(rig: Rig, verb: Verb, text: str, least: int) -> list[Figure]:
    operation = app.operations.start(verb, text)
    cost = _cost(rig, operation.run)
    done = operation.refresh().done
    assert done >= least, f"{verb} {text}: {done:,} done, {operation.state}"
    note = f"{done:,} jobs, {len(cost.times)} commands"
    usual, long = percentile(cost.times, 50), percentile(cost.times, 95)
    return [
        Figure(f"{verb} {text}", done / cost.wall, "jobs/s", rule=RATE, note=note),
        Figure("  p95 of its commands", long, "ms", usual, cost.longest, SCRIPT, "p50–max"),
    ]


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
            costs = [_cost(rig, partial(ask, page)) for _ in range(CALLS // 3)]
            commands = percentile([len(cost.times) for cost in costs], 50)
            server = percentile([sum(cost.times) for cost in costs], 50)
            wall = percentile([cost.wall * 1000 for cost in costs], 50)
            note = f"{server:.2f} ms of the server, {wall:.1f} ms for the caller"
            figures.append(Figure(f"{program.name}, {page}", commands, "commands", note=note))
    return figures
