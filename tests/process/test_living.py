"""Nobody takes jobs from a worker that lives, whatever keeps its children from answering."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest

from outrider import App
from tests.process.account import complaints
from tests.process.harness import Worker, ask, claimed, length, listed, load_work, until

KINDS = ("held", "busy", "blocked", "stopped")
LEASE_MS = 30_000
STEP_MS = 20_000


@pytest.fixture
def extremes(tmp_path: Path, app: App) -> Iterator[ModuleType]:
    """The jobs, in the folder where workers run."""
    module = load_work(tmp_path, app.url, name="extremes")
    yield module
    module.app.close()


@pytest.fixture
def workers(tmp_path: Path, app: App) -> Iterator[dict[str, Worker]]:
    """A worker for each kind of job, with one slot."""
    found = {
        kind: Worker(tmp_path, app, "-c", "1", "-q", kind, target="extremes") for kind in KINDS
    }
    yield found
    for one in found.values():
        one.end()


def _renewed(app: App, since: int, count: int) -> bool:
    """Whether so many workers have renewed their leases since then, in the virtual clock."""
    return bool(ask(app, "ZCOUNT", "o:leases", since + LEASE_MS, "inf") == count)


def _release(folder: Path, pid: int) -> None:
    os.kill(pid, signal.SIGCONT)
    (folder / "gate").touch()
    with (folder / "pipe").open("wb") as pipe:
        pipe.write(b"!")


@pytest.mark.timeout(180)
def test_whoever_beats_keeps_its_jobs(
    app: App, extremes: ModuleType, workers: dict[str, Worker], tmp_path: Path
) -> None:
    """C code that holds the interpreter, a computation, a blocked loop, a child that is stopped.

    Another worker beats and takes over from the lost, over two leases of the virtual clock.
    """
    os.mkfifo(tmp_path / "pipe")
    for kind in KINDS:
        path = tmp_path / ("pipe" if kind == "held" else "gate")
        getattr(extremes, kind).enqueue(str(path))
        workers[kind].ready()
    until(lambda: length(app, "started") == len(KINDS), "all run")
    pids = dict(line.split() for line in listed(app, "started"))
    # Stopped before it has read the answer, it would note its start a second time.
    until((tmp_path / "stoppable").exists, "it may be stopped")
    os.kill(int(pids["stopped"]), signal.SIGSTOP)
    queues = [word for kind in KINDS for word in ("-q", kind)]
    other = Worker(tmp_path, app, *queues, target="extremes").ready()
    workers["other"] = other
    try:
        for _ in range(3):
            vt = ask(app, "HINCRBY", "o:clock", "vt", STEP_MS)
            until(partial(_renewed, app, vt, len(workers)), "all beat", 25)
        assert length(app, "ran") == 0
    finally:
        _release(tmp_path, int(pids["stopped"]))
    until(lambda: length(app, "ran") == len(KINDS), "all end")
    assert sorted(listed(app, "ran")) == sorted(KINDS)
    assert {one.stop() for one in workers.values()} == {0}
    assert length(app, "started") == len(KINDS)
    assert app.stats.processed == len(KINDS)
    assert [complaints(one) for one in workers.values()] == [[]] * len(workers)
    assert not other.said("is lost")
    assert claimed(app) == 0
