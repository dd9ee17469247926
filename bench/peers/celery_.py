"""Celery: late acknowledgement, and unacknowledged jobs looked for every second."""

from __future__ import annotations

from celery import Celery

from bench.peers.effect import PATIENCE, SOCKET, run

app = Celery("bench", broker=f"redis+socket://{SOCKET}")
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    worker_hijack_root_logger=False,
    broker_transport_options={
        "visibility_timeout": PATIENCE,
        "unacked_restore_interval": 1,
        "unacked_restore_throttle": 1,
    },
)
job = app.task(run, name="run")


def fill(jobs: int) -> None:
    """Enqueue so many."""
    for number in range(jobs):
        job.delay(number)
