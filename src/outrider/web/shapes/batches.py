"""Batches."""

from __future__ import annotations

import msgspec


class BatchEvent(msgspec.Struct, kw_only=True):
    """A callback of a batch, and what became of it."""

    event: str
    target: str
    state: str


class FailedJob(msgspec.Struct, kw_only=True):
    """A member that is failing or dead now.

    Its message may quote arguments, which are not known here: who has no `jobs.reveal` finds it,
    without what is hidden of them, where the job is shown by itself.
    """

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
