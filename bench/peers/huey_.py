"""Huey: it keeps nothing of a job that runs, and says so."""

from __future__ import annotations

from huey import RedisHuey

from bench.peers.effect import URL, run

app = RedisHuey("bench", url=URL, results=False)
job = app.task()(run)


def fill(jobs: int) -> None:
    """Enqueue so many."""
    for number in range(jobs):
        job(number)
