"""taskiq on a stream, with acknowledgement."""

from __future__ import annotations

import asyncio

from taskiq_redis import RedisStreamBroker

from bench.peers.effect import PATIENCE, URL, arun
from bench.peers.taskiq_list import fill_by

broker = RedisStreamBroker(
    URL, idle_timeout=PATIENCE * 1000, unacknowledged_lock_timeout=PATIENCE / 2
)
job = broker.task("run")(arun)


def fill(jobs: int) -> None:
    """Enqueue so many."""
    asyncio.run(fill_by(broker, job, jobs))
