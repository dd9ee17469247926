"""taskiq on a list: it keeps nothing of a job that a worker has taken."""

from __future__ import annotations

import asyncio
from typing import Any

from taskiq_redis import ListQueueBroker

from bench.peers.effect import URL, arun

broker = ListQueueBroker(URL)
job = broker.task("run")(arun)


def fill(jobs: int) -> None:
    """Enqueue so many."""
    asyncio.run(fill_by(broker, job, jobs))


async def fill_by(broker: Any, job: Any, jobs: int) -> None:
    """Enqueue so many jobs of a broker."""
    await broker.startup()
    for number in range(jobs):
        await job.kiq(number)
    await broker.shutdown()
