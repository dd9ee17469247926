"""Counting the jobs that a filter means, in the bounded steps of a search, without listing them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from outrider.hub import Flow, Hub
from outrider.options import positive_number
from outrider.search.filter import Filter
from outrider.search.parse import parse
from outrider.search.scan import SearchPage, search
from outrider.search.seen import Seen
from outrider.search.terms import Needles

MOST_VALUES = 10_000
"""How many values, or groups, are kept apart: others may have written any names."""


@dataclass(frozen=True, slots=True)
class JobCount:
    """How many jobs a filter means, of those that were looked at.

    These were `scanned`, of the `total` that lie where it has to look, in `seconds`. `next` is
    where counting goes on, and what comes then is to be added; None when it has come to the end.
    """

    count: int
    scanned: int
    total: int
    next: str | None
    seconds: float

    @property
    def is_complete(self) -> bool:
        """Whether it has come to the end."""
        return self.next is None


@dataclass(frozen=True, slots=True)
class Facet:
    """How many jobs have each value, the most frequent first, and how many have `others`."""

    values: dict[str, int]
    others: int


@dataclass(frozen=True, slots=True)
class Facets(JobCount):
    """The same by state, queue, job name and error class; jobs without an error have no class."""

    states: Facet
    queues: Facet
    jobs: Facet
    errors: Facet


@dataclass(frozen=True)
class Noting(Filter):
    """Finds nothing, so that a search looks at all it may; `note` is given what `meant` means."""

    meant: Filter
    note: Callable[[Seen], None]

    def __post_init__(self) -> None:
        object.__setattr__(self, "effort", self.meant.effort)

    def holds(self, seen: Seen) -> bool:
        """False; it is noted, if it is meant."""
        if self.meant.holds(seen):
            self.note(self.meant.shown(seen))
        return False

    @cached_property
    def needles(self) -> tuple[Needles, ...]:
        """Those of the other filter."""
        return self.meant.needles


def noting(
    hub: Hub, meant: Filter, note: Callable[[Seen], None], after: str | None, most: int
) -> Flow[SearchPage]:
    """Give `note` each job that a filter means, among the next `most` after a cursor."""
    return search(hub, Noting(meant.terms, meant.now, meant, note), 1, after, most)


def read_filter(wanted: str | Filter) -> Filter:
    """The filter that is meant. Raises FilterError."""
    return parse(wanted) if isinstance(wanted, str) else wanted


def count(hub: Hub, wanted: str | Filter, after: str | None, most: int) -> Flow[JobCount]:
    """How many jobs a filter means; where sizes of places tell it, nothing is read."""
    meant = read_filter(wanted)
    positive_number("most", most)
    if meant.is_of_places and after is None:
        page = yield from search(hub, meant, 1, None, 1)
        return JobCount(page.total, page.total, page.total, None, page.seconds)
    found = 0

    def note(_: Seen) -> None:
        nonlocal found
        found += 1

    page = yield from noting(hub, meant, note, after, most)
    return JobCount(found, page.scanned, page.total, page.next, page.seconds)


def facets(
    hub: Hub, wanted: str | Filter, limit: int, after: str | None, most: int
) -> Flow[Facets]:
    """How many jobs a filter means, by what they are; the `limit` most frequent values of each."""
    positive_number("limit", limit)
    states, queues, jobs, errors = (_Counts() for _ in range(4))

    def note(seen: Seen) -> None:
        states.add(seen.state)
        queues.add(seen.queue)
        jobs.add(seen.text("class"))
        if failed := seen.text("error_class"):
            errors.add(failed)

    page = yield from noting(hub, read_filter(wanted), note, after, most)
    return Facets(
        states.count,
        page.scanned,
        page.total,
        page.next,
        page.seconds,
        *(counts.facet(limit) for counts in (states, queues, jobs, errors)),
    )


class _Counts:
    """How often values came."""

    def __init__(self) -> None:
        self.count = 0
        self._values: dict[str, int] = {}

    def add(self, value: str) -> None:
        self.count += 1
        if value in self._values or len(self._values) < MOST_VALUES:
            self._values[value] = self._values.get(value, 0) + 1

    def facet(self, limit: int) -> Facet:
        listed = sorted(self._values.items(), key=lambda one: (-one[1], one[0]))[:limit]
        return Facet(dict(listed), self.count - sum(often for _, often in listed))
