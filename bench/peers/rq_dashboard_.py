"""rq-dashboard, with a million jobs in one of 20 queues.

Only the first jobs have a hash: the others would cost minutes and gigabytes, and nobody reads them.
It reads N jobs for the page that begins at job N, so none is looked at that lies very deep.
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
DEEP = 1000
WHOLE = 2 * DEEP + 2 * PAGE


def fill(connection: Redis) -> None:
    """Ids in a list, with jobs where pages are looked at; small queues; workers."""
    bulk = Queue("bulk", connection=connection)
    connection.sadd(Queue.redis_queues_keys, bulk.key)
    for first in range(0, JOBS, CHUNK):
        ids = [str(uuid4()) for _ in range(CHUNK)]
        connection.rpush(bulk.key, *ids)
        if not first:
            for number, id in enumerate(ids[:WHOLE]):
                Job.create(run, (number,), id=id, origin="bulk", connection=connection).save()
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
            f"jobs, {DEEP:,} deep": lambda: look(f"{jobs}/{DEEP // PAGE + 1}.json"),
        }
    )


if __name__ == "__main__":
    main()
