"""How many jobs match a filter, by what they are; and failures in groups."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from outrider.search.counting import Facet as Counted
from outrider.search.counting import JobCount as Found
from outrider.search.failures import ErrorGroup as Group
from outrider.search.failures import ErrorPage as Groups
from outrider.search.likeness import shape
from outrider.web import views
from outrider.web.api.jobs import FEWER, MOST
from outrider.web.endpoint import endpoint
from outrider.web.problems import not_there
from outrider.web.shapes.base import After, Asked, Limit, seconds
from outrider.web.shapes.counts import (
    ErrorDetail,
    ErrorGroup,
    ErrorPage,
    Facet,
    Facets,
    FacetValue,
    JobCount,
)
from outrider.web.showing import short
from outrider.web.veil import REVEAL, sought
from outrider.web.visit import Visit

# Shorter than a filter may be: that of a group has more.
Wanted = Annotated[str, Meta(max_length=3000, description="A filter; without one, all jobs.")]


class Count(Asked, kw_only=True):
    """Which jobs to count."""

    filter: Wanted = ""
    after: After = ""


class Divide(Count, kw_only=True):
    """Which jobs to count, and how many values to tell."""

    limit: Limit = 20


class OneGroup(Count, kw_only=True):
    """A group of failures by its fingerprint."""

    fingerprint: Annotated[str, Meta(pattern="^[0-9a-f]{16}$")]


@endpoint("GET", "/jobs:count")
async def count_jobs(visit: Visit, ask: Count) -> JobCount:
    """How many jobs match a filter, wherever they lie.

    Looks at up to 100,000 (20,000 without the permission `jobs.reveal`), and goes on with `after`.
    A filter of nothing but states, or of queues with `state:queued`, is answered at once.
    """
    wanted = sought(visit, ask.filter)
    found = await visit.app.acount(wanted, ask.after or None, _most(visit))
    return JobCount(**_counted(found))


@endpoint("GET", "/jobs:facets")
async def divide_jobs(visit: Visit, ask: Divide) -> Facets:
    """How many jobs match a filter, by state, queue, job name and error class.

    Looks at as many as `/jobs:count`. Where that is not all, it is those that lie first.
    """
    wanted = sought(visit, ask.filter)
    found = await visit.app.afacets(wanted, ask.limit, ask.after or None, _most(visit))
    return Facets(
        **_counted(found),
        states=_facet(visit, found.states),
        queues=_facet(visit, found.queues),
        jobs=_facet(visit, found.jobs),
        errors=_facet(visit, found.errors),
    )


@endpoint("GET", "/errors")
async def errors(visit: Visit, ask: Divide) -> ErrorPage:
    """Failing and dead jobs in groups of those that failed alike, the largest group first.

    Looks at as many as `/jobs:count`. Where that is not all, the next ones may be of the same
    groups.
    """
    found = await _groups(visit, ask.filter, ask.limit, ask.after)
    groups = [_group(visit, one) for one in found.groups]
    return ErrorPage(**_counted(found), groups=groups, others=found.others)


@endpoint("GET", "/errors/{fingerprint}", problems=(404,))
async def error_group(visit: Visit, ask: OneGroup) -> ErrorDetail:
    """One group of failures."""
    found = await _groups(visit, f"{ask.filter} group:{ask.fingerprint}", 1, ask.after)
    if not found.groups:
        where = "" if found.is_complete else f" among the {found.scanned:,} that were looked at"
        raise not_there(f"no failing or dead job{where} is of group {ask.fingerprint}")
    return ErrorDetail(**_counted(found), group=_group(visit, found.groups[0]))


async def _groups(visit: Visit, text: str, limit: int, after: str) -> Groups:
    return await visit.app.aerrors(sought(visit, text), limit, after or None, _most(visit))


def _most(visit: Visit) -> int:
    return MOST if visit.who.may(REVEAL) else FEWER


def _counted(found: Found) -> dict[str, Any]:
    names = ("count", "scanned", "total", "next", "seconds", "is_complete")
    return {name: getattr(found, name) for name in names}


# What is hidden from who may not reveal was hidden before it was counted; to hide it twice would
# change it again.


def _facet(visit: Visit, found: Counted) -> Facet:
    hide = visit.redaction.text if visit.who.may(REVEAL) else str
    values = [
        FacetValue(value=hide(short(value)), count=count) for value, count in found.values.items()
    ]
    return Facet(values=values, others=found.others)


def _group(visit: Visit, found: Group) -> ErrorGroup:
    last = views.job(visit, found.last, reveal=not visit.who.may(REVEAL))
    return ErrorGroup(
        fingerprint=found.fingerprint,
        job=short(found.job),
        error_class=last.error_class or "",
        shape=shape(last.error_message or ""),
        count=found.count,
        retrying=found.retrying,
        dead=found.dead,
        last_at=seconds(found.last_at),
        last=last,
        jids=[short(jid) for jid in found.jids],
        filter=found.filter,
    )
