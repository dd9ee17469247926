"""Queues, workers, and numbers of now."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from outrider.inspection.processes import Described
from outrider.inspection.stats import Numbers
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview(Numbers):
    """Numbers of one moment. `processed` counts executions, failed ones included.

    `held` are jobs that are paused by their name. `latency` is the longest of all queues, in
    seconds.
    """

    queues: list[Queue]


class HeldName(msgspec.Struct, kw_only=True):
    """A job that is paused by its name, or was: `held` jobs of that name are put aside."""

    name: str
    held: int
    paused: bool


class Names(msgspec.Struct, kw_only=True):
    """Jobs that are paused by their name, or for which jobs are held."""

    names: list[HeldName]


@dataclass(frozen=True, slots=True)
class Process(Described[float]):
    """A worker as it described itself at its last beat. `rss` is in bytes, `rtt` in seconds."""


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
