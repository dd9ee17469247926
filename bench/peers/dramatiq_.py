"""Dramatiq: its maintenance at every tenth command, not at every thousandth."""

from __future__ import annotations

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from bench.peers.effect import PATIENCE, URL, run

dramatiq.set_broker(
    RedisBroker(url=URL, heartbeat_timeout=PATIENCE * 1000, maintenance_chance=100_000)
)
job = dramatiq.actor(run)


def fill(jobs: int) -> None:
    """Enqueue so many."""
    for number in range(jobs):
        job.send(number)
