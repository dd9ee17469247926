"""Jobs, and what is done to many of them."""

from __future__ import annotations

from typing import Any

import msgspec


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


class Found(msgspec.Struct, kw_only=True):
    """Jobs that a search has found among `scanned`, of the `total` that lie where it looks.

    `next` goes on with the search, null when all was seen; `seconds` it took.
    """

    jobs: list[Job]
    scanned: int
    total: int
    next: str | None
    seconds: float


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
