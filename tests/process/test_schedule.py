"""Due jobs while the workers that move them die."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest

from outrider import App
from tests.process.conftest import StartWorker
from tests.process.harness import Worker, ask, claimed, load_work, measured, until

JOBS = 3000
KILLS = 3
SLOTS = 4
# Seconds from the first job that falls due to the last.
SPREAD = 4.0


@pytest.fixture
def work(tmp_path: Path, app: App) -> Iterator[ModuleType]:
    """The jobs, in the folder where workers run."""
    module = load_work(tmp_path, app.url, name="filed")
    yield module
    module.app.close()


def _kill(app: App, one: Worker) -> None:
    identity = one.identity
    one.process.kill()
    one.wait()
    # Thirty seconds of the virtual clock, in a moment: only that this lease is in the past.
    ask(app, "ZADD", "o:leases", "XX", 0, identity)


def test_due_jobs_survive_their_schedulers(
    app: App, work: ModuleType, worker: StartWorker, tmp_path: Path
) -> None:
    """kill -9 of supervisors while thousands fall due: each job is moved, and moved once."""
    ran = tmp_path / "ran"
    workers = [worker("-c", str(SLOTS)) for _ in range(KILLS + 1)]
    for i in range(0, JOBS, 100):
        with work.app.batch().jobs():
            for j in range(i, i + 100):
                work.line.enqueue_in(1.0 + SPREAD * j / JOBS, j, str(ran))
    for kill in range(1, KILLS + 1):
        left = JOBS - kill * JOBS // (KILLS + 1)
        until(partial(_fallen_due, app, left), f"all but {left} have fallen due")
        _kill(app, workers.pop())
    until(lambda: ran.exists() and len(set(ran.read_text().split())) == JOBS, "all run", 40)
    until(lambda: claimed(app) == 0, "all is reported", 40)
    runs = Counter(map(int, ran.read_text().split()))
    assert set(runs) == set(range(JOBS))
    doubled = runs.total() - JOBS
    measured(f"doubled by {KILLS} kills: {doubled}")
    # Per kill: what ran in each slot, and what had ended within the last flush of some 10 ms.
    assert doubled <= KILLS * 3 * SLOTS
    assert (len(app.scheduled), app.stats.processed) == (0, JOBS)
    assert [one.stop() for one in workers] == [0]


def _fallen_due(app: App, left: int) -> bool:
    return int(ask(app, "ZCARD", "schedule")) <= left
