"""rq-dashboard, with a million jobs in one of 20 queues.

Only the jobs that are looked at have a hash: the others would cost minutes and gigabytes, and
nobody reads them.
"""

from __future__ import annotations

from uuid import uuid4

import rq_dashboard
from flask import Flask
from redis import Redis
from rq import Queue, Worker
from rq.job import Job

from bench.peers.effect import URL, run
from bench.peers.looking import serve

JOBS, QUEUES, WORKERS = 1_000_000, 20, 50
PAGE, CHUNK = 25, 10_000
MIDDLE = JOBS // PAGE // 2


def fill(connection: Redis) -> None:
    """Ids in a list, with jobs where pages are looked at; small queues; workers."""
    bulk = Queue("bulk", connection=connection)
    connection.sadd(Queue.redis_queues_keys, bulk.key)
    shown = {0, MIDDLE * PAGE}
    for first in range(0, JOBS, CHUNK):
        ids = [str(uuid4()) for _ in range(CHUNK)]
        if first in shown:
            for number, id in enumerate(ids[: 2 * PAGE]):
                Job.create(run, (number,), id=id, origin="bulk", connection=connection).save()
        connection.rpush(bulk.key, *ids)
    for number in range(QUEUES - 1):
        small = Queue(f"other-{number}", connection=connection)
        for job in range(10):
            small.enqueue(run, job)
    for _ in range(WORKERS):
        Worker([bulk], connection=connection).register_birth()


def main() -> None:
    """Be the dashboard."""
    connection = Redis.from_url(URL)
    fill(connection)
    app = Flask(__name__)
    app.config.from_object(rq_dashboard.default_settings)
    app.config["RQ_DASHBOARD_REDIS_URL"] = URL
    rq_dashboard.web.setup_rq_connection(app)
    app.register_blueprint(rq_dashboard.blueprint)
    browser = app.test_client()

    def look(path: str) -> None:
        answer = browser.get(path)
        if answer.status_code != 200:
            raise RuntimeError(f"{path}: {answer.status}")

    jobs = f"/0/data/jobs/bulk/queued/{PAGE}/asc"
    serve(
        {
            "queues": lambda: look("/0/data/queues.json"),
            "workers": lambda: look("/0/data/workers.json"),
            "jobs": lambda: look(f"{jobs}/1.json"),
            "jobs in the middle": lambda: look(f"{jobs}/{MIDDLE + 1}.json"),
        }
    )


if __name__ == "__main__":
    main()
