"""Flower, with a million jobs in one of 20 queues.

It knows tasks only by the events that it has heard, 10,000 of them, in its memory: what lies on the
server it can but count. So its list is filled by events here, and nothing is asked for it.
"""

from __future__ import annotations

import asyncio
import time
from uuid import uuid4

from celery import Celery
from flower.events import EventsState
from flower.utils.broker import Broker
from flower.utils.tasks import iter_tasks
from redis import Redis

from bench.peers.effect import SOCKET, URL
from bench.peers.looking import serve

JOBS, QUEUES, CHUNK = 1_000_000, 20, 10_000
TASKS, PAGE = 10_000, 25
NAMES = ["bulk", *(f"other-{number}" for number in range(QUEUES - 1))]


class _Events:
    """What it has heard of tasks."""

    def __init__(self) -> None:
        self.state = EventsState(max_tasks_in_memory=TASKS)
        now = time.time()
        for number in range(TASKS):
            self.state.event(
                {
                    "type": "task-received",
                    "uuid": str(uuid4()),
                    "name": "resize",
                    "args": f"({number},)",
                    "kwargs": "{}",
                    "hostname": "worker@bench",
                    "timestamp": now,
                    "local_received": now,
                    "clock": number,
                }
            )


def main() -> None:
    """Be what its pages read."""
    connection = Redis.from_url(URL)
    for name in NAMES:
        count = JOBS if name == "bulk" else 10
        for first in range(0, count, CHUNK):
            connection.rpush(name, *(f"task {i}" for i in range(first, min(count, first + CHUNK))))
    broker_url = f"redis+socket://{SOCKET}"
    app = Celery("bench", broker=broker_url)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    broker = Broker(broker_url, broker_options=app.conf.broker_transport_options)
    events = _Events()
    serve(
        {
            "broker": lambda: loop.run_until_complete(broker.queues(NAMES)),
            "tasks": lambda: list(iter_tasks(events, limit=PAGE, sort_by="-received")),
        }
    )


if __name__ == "__main__":
    main()
