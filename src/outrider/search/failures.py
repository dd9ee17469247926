"""Failures in groups: jobs that fail or are dead, by what they have in common."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import datetime

from outrider.hub import Flow, Hub
from outrider.inspection.record import JobRecord, moment, read, seconds
from outrider.options import positive_number
from outrider.search.counting import MOST_VALUES, JobCount, noting, read_filter
from outrider.search.filter import Filter
from outrider.search.likeness import fingerprint, shape
from outrider.search.seen import Seen
from outrider.search.terms import OneOf
from outrider.store.place import Place, SetName

JIDS = 5
_NAMES = ("class", "error_class", "error_message")
_SETS: dict[str, SetName] = {"retrying": "retry", "dead": "dead"}
# Names that mean nothing else in a filter, are no longer than one may be, and hide nothing.
_PLAIN = re.compile(r"[\w.-]{1,200}")


@dataclass(frozen=True, slots=True)
class ErrorGroup:
    """Failures that are alike: of one job, with one class of error, and messages of one `shape`.

    That is a message with `*` for numbers, ids and what stands in quotes. Of the `count` jobs some
    are `retrying`, some `dead`. `last` is the job that failed last, `last_at` when that was, `jids`
    are the ids of the five that failed last. `filter` is a text that means all these jobs and no
    others, for a search or an operation; in other filters that is `group:`, with `fingerprint`.
    """

    fingerprint: str
    job: str
    error_class: str
    shape: str
    count: int
    retrying: int
    dead: int
    last_at: datetime | None
    last: JobRecord = field(repr=False)
    jids: list[str]
    filter: str


@dataclass(frozen=True, slots=True)
class ErrorPage(JobCount):
    """Groups, those of most jobs first; how many jobs are in `others`."""

    groups: list[ErrorGroup]
    others: int


def errors(
    hub: Hub, wanted: str | Filter, limit: int, after: str | None, most: int
) -> Flow[ErrorPage]:
    """The `limit` largest groups of failures that a filter means, among the next `most` jobs."""
    meant = _failed(read_filter(wanted))
    positive_number("limit", limit)
    groups: dict[str, _Group] = {}
    count = 0

    def note(seen: Seen) -> None:
        nonlocal count
        count += 1
        known = fingerprint(*map(seen.text, _NAMES))
        if known in groups:
            groups[known].add(seen)
        elif len(groups) < MOST_VALUES:
            groups[known] = _Group(seen)

    page = yield from noting(hub, meant, note, after, most)
    ordered = sorted(groups.items(), key=lambda one: (-one[1].count, -one[1].newest[0][0], one[0]))
    listed = [group.told(known, meant) for known, group in ordered[:limit]]
    others = count - sum(one.count for one in listed)
    return ErrorPage(
        count, page.scanned, page.total, page.next, page.seconds, groups=listed, others=others
    )


def _failed(meant: Filter) -> Filter:
    """The same of jobs that fail or are dead."""
    return replace(meant, terms=(OneOf(False, "state", tuple(_SETS)), *meant.terms))


class _Group:
    """What is known of a group while jobs are looked at."""

    def __init__(self, first: Seen) -> None:
        self.count = self.dead = 0
        self.newest: list[tuple[float, str]] = []
        self.last = first
        self.add(first)

    def add(self, seen: Seen) -> None:
        self.count += 1
        self.dead += seen.state == "dead"
        at = _failed_at(seen)
        if not self.newest or at >= self.newest[0][0]:
            self.last = seen
        if len(self.newest) < JIDS or at > self.newest[-1][0]:
            self.newest = sorted([*self.newest, (at, seen.text("jid"))], reverse=True)[:JIDS]

    def told(self, known: str, meant: Filter) -> ErrorGroup:
        job, error_class, message = map(self.last.text, _NAMES)
        return ErrorGroup(
            known,
            job,
            error_class,
            shape(message),
            self.count,
            self.count - self.dead,
            self.dead,
            moment(self.newest[0][0]) if self.newest[0][0] else None,
            read(self.last.payload, self.last.at, Place(_SETS[self.last.state])),
            [jid for _, jid in self.newest if jid],
            str(_of(meant, job, error_class, known)),
        )


def _of(meant: Filter, job: str, error_class: str, known: str) -> Filter:
    """Of these jobs, those of one group. The id says all; names tell people, and what to skip."""
    named = [("job", job), ("error", error_class)]
    terms = [OneOf(False, name, (text,)) for name, text in named if _PLAIN.fullmatch(text)]
    terms = [*terms, OneOf(False, "group", (known,))]
    return Filter((*meant.terms, *(one for one in terms if one not in meant.terms)), meant.now)


def _failed_at(seen: Seen) -> float:
    """When it failed last, or died; 0.0 when nobody says."""
    said = [seconds(seen.fields.get(name)) for name in ("failed_at", "retried_at")]
    said.append(seen.at if seen.state == "dead" else None)
    return max((at for at in said if at is not None), default=0.0)
