"""Producers that die."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from outrider import App
from tests.process.conftest import StartWorker
from tests.process.harness import ask, environment, listed, reach

# More than 5,000 jobs: part of the block is on the server already.
PROGRAM = """
import os, signal, work
with work.app.batch().jobs():
    for i in range({jobs}):
        work.mark.enqueue(i)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("jobs", [100, 8000])
def test_a_producer_that_dies_in_a_block_has_pushed_nothing(
    app: App, work: ModuleType, worker: StartWorker, tmp_path: Path, jobs: int
) -> None:
    """No job of the block runs, no batch is there, and what it had sent goes away by itself."""
    died = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(jobs=jobs)],
        cwd=tmp_path,
        env=environment(),
        timeout=60,
        check=False,
    )
    assert died.returncode == -signal.SIGKILL
    assert (app.stats.enqueued, len(app.batches)) == (0, 0)
    sent = ask(app, "KEYS", "o:staged:*")
    assert bool(sent) == (jobs > 5000)
    assert all(0 < ask(app, "TTL", key) <= 600 for key in sent)
    one = worker()
    work.mark.enqueue(jobs)
    reach(app, "ran", 1)
    assert one.stop() == 0
    assert listed(app, "ran") == [str(jobs)]
