"""Liveness: a worker is healthy while its children claim, or have good reason not to."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from outrider import App
from outrider.embedded import Server
from tests.process.conftest import StartWorker
from tests.process.harness import Worker, length, load_work, outrider, until
from tests.process.test_children import HANG

SILENT = 8.0
"""As long as a pump takes to claim when it is idle, and some."""
IMPATIENT = (
    sys.executable,
    "-c",
    f"""
from outrider.cli.main import main
from outrider.worker import limits, vitals
vitals.SILENT, vitals.TIMEOUTS, vitals.AWAY, limits.GRACE = {SILENT}, 1, 7.0, 1.0
main()
""",
)
# That the server is away is known well before a child has been silent for too long.
PATIENT = (*IMPATIENT[:2], IMPATIENT[2].replace(f"{SILENT}, 1,", f"{2 * SILENT}, 1,"))
WELL = (200, 200)


def address(worker: Worker) -> str:
    """Where a worker tells of its health."""
    found = until(lambda: re.search(r"health: http://([\d.]+:\d+)/live", worker.log), "it listens")
    return str(found[1])


def ask(worker: Worker, path: str) -> tuple[int, str]:
    """What it answers: the status, and what is wrong."""
    connection = HTTPConnection(address(worker), timeout=20)
    connection.request("GET", path)
    answer = connection.getresponse()
    content: dict[str, Any] = json.loads(answer.read())
    connection.close()
    return answer.status, "; ".join(content["troubles"])


def health(worker: Worker) -> tuple[int, int]:
    """Whether it is alive, and ready."""
    return ask(worker, "/live")[0], ask(worker, "/ready")[0]


def stays(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether it holds all the time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not condition():
            return False
        time.sleep(0.2)
    return True


@pytest.fixture
def start(worker: StartWorker) -> Callable[..., Worker]:
    """Starts a worker that is soon given up, and waits until it is well."""

    def start(*options: str) -> Worker:
        one = worker("--health", "0", *options, command=IMPATIENT)
        until(lambda: health(one) == WELL, "it is well")
        return one

    return start


def test_a_stopped_child_is_told(start: Callable[..., Worker], tmp_path: Path) -> None:
    """One of two claims nothing: its process lives, the worker is not alive. Then it is (O60)."""
    one = start("-p", "2")
    until(lambda: len(one.children) == 2, "two children")
    alive = outrider(tmp_path, "alive", address(one))
    assert (alive.returncode, alive.stdout) == (0, "alive and ready\n")
    os.kill(one.children[1], signal.SIGSTOP)
    until(lambda: health(one) == (503, 503), "it is told", 40)
    dead = outrider(tmp_path, "alive", address(one))
    assert (dead.returncode, dead.stdout) == (1, "")
    assert re.fullmatch(
        r"outrider: not alive: child \d has claimed nothing for \d+ s\n", dead.stderr
    )
    assert "Traceback" not in dead.stderr
    os.kill(one.children[1], signal.SIGCONT)
    until(lambda: health(one) == WELL, "it is well again")
    assert one.stop() == 0


def test_children_that_hang_are_told(
    start: Callable[..., Worker], app: App, work: ModuleType
) -> None:
    """A job holds the interpreter for good: nothing else runs there, and it is told (O60)."""
    one = start("-c", "2")
    work.grab.enqueue(0, 600)
    until(lambda: ask(one, "/live")[0] == 503, "it is told", 40)
    assert "child 1 has claimed nothing for" in ask(one, "/live")[1]


def test_a_job_with_a_timeout_is_watched(
    start: Callable[..., Worker], app: App, work: ModuleType
) -> None:
    """It may hold its interpreter until then; then its process is killed, and another claims."""
    one = start("-c", "2")
    work.grab.using(timeout=14, retry=0).enqueue(0, 600)
    until(lambda: app.stats.busy == 1, "it runs")
    first = one.children
    assert stays(lambda: ask(one, "/live")[0] == 200, 12)
    until(lambda: one.children not in ([], first) and health(one) == WELL, "another is there", 40)
    until(lambda: len(app.dead) == 1, "it has failed")
    assert one.stop() == 0


def test_who_has_reason_not_to_claim_is_alive(
    start: Callable[..., Worker], app: App, work: ModuleType
) -> None:
    """All slots taken by a long job, all queues paused with jobs on them, and told to be quiet."""
    app.queues["high"].pause()
    work.high.enqueue(1)
    full = start("-q", "default", "-c", "1")
    paused = start("-q", "high")
    quiet = start("-q", "low")
    work.nap.enqueue(0, 3600)
    until(lambda: length(app, "started") == 1, "the long job runs")
    quiet.send(signal.SIGTSTP)
    until(lambda: health(quiet) == (200, 503), "it is quiet")
    assert ask(quiet, "/ready")[1] == "it is quiet, and takes no new jobs"
    assert stays(lambda: (health(full), health(paused)) == (WELL, WELL), 2 * SILENT)
    assert health(quiet) == (200, 503)
    app.queues["high"].resume()
    until(lambda: length(app, "ran") == 1, "it claims")


@pytest.fixture
def lost(tmp_path: Path) -> Iterator[tuple[Server, Worker]]:
    """A worker on a server that the test may stop."""
    with Server.start(tmp_path / "server") as server:
        app = App(server.url)
        module = load_work(tmp_path, server.url, 1.0)
        one = Worker(tmp_path, app, "--health", "0", command=PATIENT).ready()
        until(lambda: health(one) == WELL, "it is well")
        yield server, one
        one.end()
        for each in (app, module.app):
            each.close()


def test_a_server_that_is_away_is_no_reason_to_end(lost: tuple[Server, Worker]) -> None:
    """A new process would not find it either: it is alive, not ready until it is back (O61)."""
    server, one = lost
    os.kill(server.pid, signal.SIGSTOP)
    try:
        until(lambda: health(one) == (200, 503), "it is not ready")
        assert ask(one, "/ready")[1] == "the server is away; the worker goes on when it is back"
        assert stays(lambda: ask(one, "/live")[0] == 200, 3 * SILENT)
    finally:
        os.kill(server.pid, signal.SIGCONT)
    until(lambda: health(one) == WELL or ask(one, "/live")[0] == 503, "it is well again")
    assert health(one) == WELL


def test_before_it_works_it_is_alive_and_not_ready(app: App, tmp_path: Path) -> None:
    """While the target is imported; a probe may ask from the first moment on."""
    load_work(tmp_path, app.url).app.close()
    path = tmp_path / "work.py"
    path.write_text(HANG + path.read_text().replace("from __future__ import annotations", ""))
    one = Worker(tmp_path, app, "--health", "0")
    try:
        until(lambda: health(one) == (200, 503), "it answers")
        assert "it begins" in ask(one, "/ready")[1]
        (tmp_path / "gate").touch()
        until(lambda: health(one) == WELL, "it is well")
        assert one.stop() == 0
    finally:
        (tmp_path / "gate").touch()
        one.end()


def test_a_port_that_is_taken_ends_the_worker(start: Callable[..., Worker], tmp_path: Path) -> None:
    """In one line, before anything is claimed."""
    one = start()
    ran = outrider(tmp_path, "worker", "work", "--health", address(one))
    assert (ran.returncode, ran.stdout) == (1, "")
    lines = [line for line in ran.stderr.splitlines() if not line.startswith("{")]
    assert lines == [f"outrider: --health {address(one)}: Address already in use"]


def test_who_answers_not_is_not_alive(tmp_path: Path) -> None:
    """A probe of a worker that is gone, or was never told to listen."""
    ran = outrider(tmp_path, "alive", "127.0.0.1:1")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith("outrider: no worker answers at 127.0.0.1:1: ")
    assert len(ran.stderr.splitlines()) == 1
    wrong = outrider(tmp_path, "alive", "nowhere")
    assert (wrong.returncode, "say HOST:PORT" in wrong.stderr) == (1, True)
