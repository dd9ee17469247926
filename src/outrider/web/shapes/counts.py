"""How many jobs there are, by what they are, and failures in groups."""

from __future__ import annotations

import msgspec

from outrider.web.shapes.jobs import Job


class JobCount(msgspec.Struct, kw_only=True):
    """How many jobs match, of the `scanned` that were looked at.

    `total` lie where it looks. `is_complete` says that it has come to the end; else `next` goes
    on, and what comes then is to be added. `seconds` it took.
    """

    count: int
    scanned: int
    total: int
    next: str | None
    seconds: float
    is_complete: bool


class FacetValue(msgspec.Struct, kw_only=True):
    """So many jobs have this value. A long one is cut off."""

    value: str
    count: int


class Facet(msgspec.Struct, kw_only=True):
    """The most frequent values, and how many jobs have others."""

    values: list[FacetValue]
    others: int


class Facets(JobCount, kw_only=True):
    """How many jobs match, by what they are. Jobs without an error are in no facet of `errors`."""

    states: Facet
    queues: Facet
    jobs: Facet
    errors: Facet


class ErrorGroup(msgspec.Struct, kw_only=True):
    """Failures that are alike: of one job, with one error class, and messages of one `shape`.

    That is a message with `*` for numbers, ids and what stands in quotes. Of `count` jobs some are
    `retrying`, some `dead`. `last` is the job that failed last, `last_at` when that was, `jids` the
    ids of the five that failed last. `filter` means these jobs and no others, in searches and
    operations.
    """

    fingerprint: str
    job: str
    error_class: str
    shape: str
    count: int
    retrying: int
    dead: int
    last_at: float | None
    last: Job
    jids: list[str]
    filter: str


class ErrorPage(JobCount, kw_only=True):
    """Failures in groups, those of most jobs first; `others` are jobs in further groups."""

    groups: list[ErrorGroup]
    others: int


class ErrorDetail(JobCount, kw_only=True):
    """One group, as far as it was looked for."""

    group: ErrorGroup
