"""RQ: one job at a time in the worker's own process; run as a program, this is the worker."""

from __future__ import annotations

from redis import Redis
from rq import Queue, Retry, SimpleWorker

from bench.peers.effect import PATIENCE, URL, run


def fill(jobs: int) -> None:
    """Enqueue so many."""
    queue = Queue(connection=Redis.from_url(URL))
    for number in range(jobs):
        queue.enqueue(run, number, retry=Retry(max=3), job_timeout=PATIENCE, result_ttl=0)


if __name__ == "__main__":
    SimpleWorker(
        ["default"],
        connection=Redis.from_url(URL),
        maintenance_interval=PATIENCE // 2,
        # An idle worker waits for this time less 15 s before it looks for abandoned jobs.
        worker_ttl=15 + PATIENCE // 2,
        log_job_description=False,
    ).work(logging_level="ERROR")
