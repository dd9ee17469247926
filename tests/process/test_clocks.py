"""Clocks that jump: of a worker's machine, and of the server's."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from outrider import App
from tests.process.conftest import StartWorker
from tests.process.harness import Worker, ask, claimed, listed, reach, until

# Python imports this at its start: what the file says is added to the time whenever it is read.
SKEWED = """
import os, time

def skewed(real, second):
    def read():
        with open(os.environ["SKEW"]) as file:
            return real() + int(file.read() or 0) * second
    return read

time.time = skewed(time.time, 1)
time.time_ns = skewed(time.time_ns, 1_000_000_000)
"""
DAY = 86_400
JOBS = 600


@pytest.fixture
def skew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that says how many seconds the clocks of workers started from now on are wrong."""
    file = tmp_path / "skew"
    file.write_text("0")
    (tmp_path / "sitecustomize.py").write_text(SKEWED)
    monkeypatch.setenv("SKEW", str(file))
    before = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(tmp_path), before])))
    return file


def test_a_workers_clock_that_jumps(
    app: App, work: ModuleType, worker: StartWorker, skew: Path
) -> None:
    """A day ahead, then a day behind: nobody takes its jobs, and it takes nobody's."""
    wrong = worker("-c", "2")
    skew.with_name("sitecustomize.py").unlink()
    right = worker("-c", "2")
    work.brief.enqueue_many([(i,) for i in range(JOBS)])
    for part, days in enumerate((1, -1, 0)):
        reach(app, "ran", (part + 1) * JOBS // 4)
        skew.write_text(str(days * DAY))
    reach(app, "ran", JOBS)
    _beat(app, wrong)
    assert (right.stop(), wrong.stop()) == (0, 0)
    assert Counter(map(int, listed(app, "ran"))) == Counter(range(JOBS))
    assert not any(one.said("is lost") or one.said("lease had lapsed") for one in (right, wrong))
    assert claimed(app) == 0


def test_what_is_scheduled_is_not_early_by_a_workers_clock(
    app: App, work: ModuleType, worker: StartWorker, skew: Path
) -> None:
    """The clock jumps a day ahead while the worker runs: what is due in an hour stays."""
    one = worker()
    work.mark.enqueue_in(3600, 1)
    skew.write_text(str(DAY))
    work.mark.enqueue_in(0.5, 2)
    reach(app, "ran", 1)
    assert listed(app, "ran") == ["2"]
    assert len(app.scheduled) == 1
    _beat(app, one)
    assert (listed(app, "ran"), len(app.scheduled)) == (["2"], 1)
    assert one.stop() == 0


@pytest.mark.parametrize("hours", [1, -1], ids=["ahead", "behind"])
def test_a_servers_clock_that_jumps(
    app: App, work: ModuleType, worker: StartWorker, hours: int
) -> None:
    """By an hour: no lease ages by more than a step, so nobody is taken for lost."""
    both = [worker("-c", "1"), worker("-c", "1")]
    for i in range(2):
        work.gated.enqueue(i, "gate")
    reach(app, "started", 2)
    # All that a script sees of a jump: how far the last beat lies back by the server's clock.
    ask(app, "HINCRBY", "o:clock", "last", -hours * 3_600_000)
    for one in both:
        _beat(app, one)
    ask(app, "SET", "gate", 1)
    reach(app, "ran", 2)
    assert [one.stop() for one in both] == [0, 0]
    assert sorted(listed(app, "started")) == sorted(listed(app, "ran")) == ["0", "1"]
    assert not any(one.said("is lost") or one.said("lease had lapsed") for one in both)


def _beat(app: App, one: Worker) -> None:
    """Wait until a worker has renewed its lease."""
    before = _lease(app, one)
    until(lambda: _lease(app, one) != before, "it renews its lease")


def _lease(app: App, one: Worker) -> bytes:
    found: bytes = ask(app, "ZSCORE", "o:leases", one.identity)
    return found
