"""What the API answers and takes, as msgspec types. Times are seconds since the epoch."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

Limit = Annotated[int, Meta(ge=1, le=200, description="How many at most.")]
After = Annotated[
    str, Meta(max_length=500, description="`next` of the page before; without it, the first page.")
]


class Asked(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What is asked for: a parameter that there is not is refused."""


class Paged(Asked, kw_only=True):
    """A page of a list."""

    limit: Limit = 50
    after: After = ""


class Named(Asked, kw_only=True):
    """Something by its name."""

    name: Annotated[str, Meta(min_length=1, max_length=500)]


class PagedByName(Paged, kw_only=True):
    """A page of what lies under a name."""

    name: Annotated[str, Meta(min_length=1, max_length=500)]


class Done(msgspec.Struct, kw_only=True):
    """What was asked for is done. `count` is how many jobs it concerned."""

    count: int = 0


class Me(msgspec.Struct, kw_only=True):
    """Who asks, and what he may do."""

    name: str
    permissions: list[str]


class Health(msgspec.Struct, kw_only=True):
    """The API answers, and so does the server behind it; `seconds` it took."""

    seconds: float


class Queue(msgspec.Struct, kw_only=True):
    """A queue. `latency` is for how many seconds its next job has waited."""

    name: str
    size: int
    latency: float
    paused: bool


class Overview(msgspec.Struct, kw_only=True):
    """Numbers of one moment. `processed` counts executions, failed ones included.

    `held` are jobs that are paused by their name. `latency` is the longest of all queues, in
    seconds.
    """

    processed: int
    failed: int
    expired: int
    enqueued: int
    scheduled: int
    retries: int
    dead: int
    held: int
    processes: int
    busy: int
    latency: float
    queues: list[Queue]


class Job(msgspec.Struct, kw_only=True):
    """A job where it lies, or as it runs.

    `at` is its time in a set: due, or dead since. `size` is that of its JSON, in bytes. `is_cut`
    says that data were left out for want of room, `is_readable` whether it is a job at all. Names
    and texts are the job's own: show them as text, never as HTML.
    """

    jid: str
    job: str
    queue: str
    state: str
    args: list[Any]
    kwargs: dict[str, Any]
    bid: str | None
    tags: list[str]
    created_at: float | None
    enqueued_at: float | None
    failed_at: float | None
    error_class: str | None
    error_message: str | None
    retry_count: int | None
    at: float | None
    size: int
    is_cut: bool
    is_readable: bool


class JobPage(msgspec.Struct, kw_only=True):
    """Some jobs. `next` leads to more, null at the end."""

    jobs: list[Job]
    next: str | None


def seconds(moment: datetime | None) -> float | None:
    """A time as it is sent."""
    return None if moment is None else moment.timestamp()


class HeldName(msgspec.Struct, kw_only=True):
    """A job that is paused by its name, or was: `held` jobs of that name are put aside."""

    name: str
    held: int
    paused: bool


class Names(msgspec.Struct, kw_only=True):
    """Jobs that are paused by their name, or for which jobs are held."""

    names: list[HeldName]


class Queues(msgspec.Struct, kw_only=True):
    """All queues."""

    queues: list[Queue]


class Process(msgspec.Struct, kw_only=True):
    """A worker as it described itself at its last beat. `rss` is in bytes, `rtt` in seconds."""

    identity: str
    hostname: str
    pid: int | None
    started_at: float | None
    tag: str
    concurrency: int
    queues: dict[str, int]
    busy: int
    claimed: int
    is_quiet: bool
    rss: int
    rtt: float
    beat: float | None
    labels: list[str]
    version: str


class Processes(msgspec.Struct, kw_only=True):
    """All workers that live."""

    processes: list[Process]


class Run(msgspec.Struct, kw_only=True):
    """A running job: the worker and slot where it runs, and for how many seconds."""

    process: str
    slot: str
    attempt: int
    started_at: float | None
    elapsed: float
    job: Job


class Runs(msgspec.Struct, kw_only=True):
    """Jobs that run now, the first `limit` of them; `total` is how many there are."""

    runs: list[Run]
    total: int


class BatchEvent(msgspec.Struct, kw_only=True):
    """A callback of a batch, and what became of it."""

    event: str
    target: str
    state: str


class FailedJob(msgspec.Struct, kw_only=True):
    """A member that is failing or dead now."""

    jid: str
    job: str
    error_class: str
    error_message: str
    failed_at: float


class Batch(msgspec.Struct, kw_only=True):
    """How a batch stands. Numbers are of its own jobs, `children` counts the batches inside it.

    `expires_at` is when it will be forgotten, null while anything may move.
    """

    bid: str
    description: str | None
    total: int
    pending: int
    failures: int
    dead: int
    discarded: int
    deleted: int
    cancelled: int
    percent: float
    is_complete: bool
    is_success: bool
    is_settled: bool
    is_dead: bool
    is_cancelled: bool
    is_barred: bool
    holds: int
    created_at: float
    complete_at: float | None
    success_at: float | None
    death_at: float | None
    settled_at: float | None
    expires_at: float | None
    parent_bid: str | None
    tags: list[str]
    children: int


class BatchDetail(Batch, kw_only=True):
    """A batch with its callbacks, and the first hundred of its members that fail or are dead.

    `eta` is how many seconds are left.
    """

    eta: float | None
    callbacks: list[BatchEvent]
    fail_info: list[FailedJob]


class BatchPage(msgspec.Struct, kw_only=True):
    """Some batches. `next` leads to more, null at the end."""

    batches: list[Batch]
    next: str | None


class Explanation(msgspec.Struct, kw_only=True):
    """In words, what a batch waits for."""

    text: str


class Found(msgspec.Struct, kw_only=True):
    """Jobs that a search has found among `scanned`, of the `total` that lie where it looks.

    `next` goes on with the search, null when all was seen; `seconds` it took.
    """

    jobs: list[Job]
    scanned: int
    total: int
    next: str | None
    seconds: float


class Day(msgspec.Struct, kw_only=True):
    """Executions that ended on one day, in UTC."""

    date: str
    processed: int
    failed: int
    expired: int


class History(msgspec.Struct, kw_only=True):
    """Days, the oldest first."""

    days: list[Day]


class Operation(msgspec.Struct, kw_only=True):
    """Something that is done to all jobs that match a filter.

    `scanned` counts jobs looked at, `matched` those that the filter means, `done` those that it was
    done to, `refused` those that can't be brought where they should. `error` says why it failed.
    """

    id: str
    verb: str
    filter: str
    state: str
    scanned: int
    matched: int
    done: int
    refused: int
    expect: int | None
    as_of: float
    started_at: float
    ended_at: float | None
    by: str
    error: str
    undoes: str | None


class OperationPage(msgspec.Struct, kw_only=True):
    """Some operations, the newest first. `next` leads to more, null at the end."""

    operations: list[Operation]
    next: str | None


class TrashedJob(msgspec.Struct, kw_only=True):
    """A deleted job: where it lay, and until when it lies in the trash at least."""

    job: Job
    place: str
    deleted_at: float
    expires_at: float
    operation: str | None
    is_restorable: bool


class TrashPage(msgspec.Struct, kw_only=True):
    """Some deleted jobs, the newest first. `next` leads to more, null at the end."""

    jobs: list[TrashedJob]
    next: str | None


class Measured(msgspec.Struct, kw_only=True):
    """What runs came to: those that ended, failed ones among them, and times in seconds."""

    count: int
    failed: int
    seconds: float
    waited: float
    run_p50: float | None
    run_p95: float | None
    wait_p50: float | None
    wait_p95: float | None


class JobTotal(msgspec.Struct, kw_only=True):
    """What the runs of one job came to."""

    name: str
    total: Measured


class JobTotals(msgspec.Struct, kw_only=True):
    """All jobs of which a run has ended."""

    jobs: list[JobTotal]


class Point(Measured, kw_only=True):
    """The runs that ended in one minute or hour, which began `at`."""

    at: float


class JobSeries(msgspec.Struct, kw_only=True):
    """One job over time; `step` is the length of each point, in seconds.

    `run_times` and `wait_times` count the runs of all points by bin: up to each of `bounds`,
    seconds, and in the last one all that is more.
    """

    name: str
    step: int
    total: Measured
    points: list[Point]
    bounds: list[float]
    run_times: list[int]
    wait_times: list[int]


class QueuePoint(msgspec.Struct, kw_only=True):
    """A queue in one minute or hour: means, and the most that was seen. Latencies in seconds."""

    at: float
    size: float
    largest: int
    latency: float
    longest: float


class QueueSeries(msgspec.Struct, kw_only=True):
    """One queue over time; `step` is the length of each point, in seconds."""

    name: str
    step: int
    points: list[QueuePoint]


class QueueMetrics(msgspec.Struct, kw_only=True):
    """All queues over time."""

    queues: list[QueueSeries]


class Mark(msgspec.Struct, kw_only=True):
    """A moment that somebody has marked, such as a deploy."""

    at: float
    label: str


class Marks(msgspec.Struct, kw_only=True):
    """The newest marks, the oldest first."""

    marks: list[Mark]
