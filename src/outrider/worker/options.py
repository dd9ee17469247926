"""What `outrider worker` was asked for."""

from __future__ import annotations

from dataclasses import dataclass

from outrider.worker.order import QueueOrder


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """The options of a worker. `timeout` in seconds; `order` None: all queues.

    A child that has run `max_jobs` jobs, or takes more than `max_memory` MB, is replaced. With
    `allow_eviction` it also works on a server that throws keys away when memory is full. `health`
    is the host and port where it tells of its health.
    """

    target: str
    order: QueueOrder | None = None
    concurrency: int = 10
    processes: int = 1
    timeout: float = 25.0
    drain: bool = False
    max_jobs: int | None = None
    max_memory: int | None = None
    log_level: str = "info"
    allow_eviction: bool = False
    health: tuple[str, int] | None = None
