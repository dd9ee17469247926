"""Outrider."""

from __future__ import annotations

from bench.peers.effect import run
from outrider import App

app = App()
job = app.job(run)


def fill(jobs: int) -> None:
    """Enqueue so many."""
    job.enqueue_many([(number,) for number in range(jobs)])
