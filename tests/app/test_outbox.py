"""Outbox jobs: what they enqueue comes with their success, or not at all."""

from __future__ import annotations

import pytest

from outrider import App
from tests.app.hands import listed
from tests.app.runs import Runs


@pytest.fixture
def runs(app: App) -> Runs:
    """A worker in this process."""
    return Runs(app)


def test_the_chain(app: App, runs: Runs) -> None:
    """The next job is pushed by the step that counts the success."""
    seen: list[int] = []

    @app.job(name="validate", queue="next")
    def validate(number: int) -> None: ...

    @app.job(name="import", outbox=True)
    def load(number: int) -> None:
        job = validate.enqueue(number)
        assert job is not None
        assert job.queue == "next"
        seen.append(app.queues["next"].size)

    load.enqueue(7)
    assert [ran.end for ran in runs.run_all()] == ["success"]
    assert seen == [0]
    assert len(listed(app, "next")) == 1
    assert app.stats.processed == 1
