"""Queues, workers, and numbers of now."""

from __future__ import annotations

import msgspec

from outrider.web.shapes.jobs import Job


class Queue(msgspec.Struct, kw_only=True):
    """A queue. `latency` is for how many seconds its next job has waited."""

    name: str
    size: int
    latency: float
    paused: bool


class Queues(msgspec.Struct, kw_only=True):
    """All queues."""

    queues: list[Queue]


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


class HeldName(msgspec.Struct, kw_only=True):
    """A job that is paused by its name, or was: `held` jobs of that name are put aside."""

    name: str
    held: int
    paused: bool


class Names(msgspec.Struct, kw_only=True):
    """Jobs that are paused by their name, or for which jobs are held."""

    names: list[HeldName]


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
