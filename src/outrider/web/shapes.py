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

    `latency` is the longest of all queues, in seconds.
    """

    processed: int
    failed: int
    expired: int
    enqueued: int
    scheduled: int
    retries: int
    dead: int
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
