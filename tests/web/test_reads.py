"""What a look costs: few round trips, however much there is."""

from __future__ import annotations

from typing import Any

import pytest

from outrider import App
from outrider.io import AsyncExecutor
from outrider.job import Job
from tests.web.site import Site

MOST = 3


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many requests went in each round trip."""
    made: list[int] = []
    run_all = AsyncExecutor.run_all

    async def counted(self: AsyncExecutor, calls: Any) -> Any:
        made.append(len(calls))
        return await run_all(self, calls)

    monkeypatch.setattr(AsyncExecutor, "run_all", counted)
    return made


def fill(app: App, job: Job[..., None]) -> dict[str, str]:
    """Something of everything, and more than one page of it; the names in paths."""
    for number in range(20):
        job.using(queue=f"queue{number}").enqueue_many([(n,) for n in range(60)])
        app.held[f"name{number}"].pause()
    parent = app.batch()
    with parent.jobs():
        for _ in range(20):
            child = app.batch()
            with child.jobs():
                job.enqueue(1)
    for number in range(60):
        job.enqueue_in(60 + number, number)
    return {"name": "queue7", "bid": parent.bid, "set": "scheduled"}


LOOKS = [
    *("/overview", "/queues", "/queues/{name}", "/queues/{name}/jobs", "/sets/{set}/jobs"),
    *("/held", "/held/{name}/jobs", "/batches", "/batches?state=dead", "/batches/{bid}"),
    *("/batches/{bid}/children", "/processes", "/running", "/operations", "/trash"),
    *("/metrics/jobs?hours=72", "/metrics/jobs/x?hours=72", "/metrics/queues?hours=72", "/marks"),
    *("/stats/history?days=30", "/health", "/redis", "/jobs:count?filter=state:dead"),
]


def test_looks_take_few_round_trips(
    site: Site, app: App, job: Job[..., None], trips: list[int]
) -> None:
    """Three at most, of all that is looked at again and again (O166)."""
    names = fill(app, job)
    for path in LOOKS:
        trips.clear()
        site.get(path.format(**names))
        most = 1 if path in ("/queues/{name}", "/held") else MOST
        assert len(trips) <= most, f"{path}: {trips}"
