"""`outrider queue` and `outrider stats`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from outrider import App, clock
from outrider.store import process
from tests.app.hands import IDENTITY, Hands, put, raw, write
from tests.process.harness import outrider


def run(folder: Path, app: App, *words: str) -> str:
    """Run a command that must end well; what it says."""
    ran = outrider(folder, *words, "--url", app.url)
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout


def test_a_queue_is_operated(tmp_path: Path, app: App) -> None:
    """Paused, cleared while it is paused, and let go on."""
    for _ in range(3):
        app.enqueue("some.job", queue="low")
    assert run(tmp_path, app, "queue", "pause", "low") == "low is paused\n"
    assert app.queues["low"].paused
    assert "low: 3 jobs, " in run(tmp_path, app, "stats")
    assert run(tmp_path, app, "queue", "clear", "low") == "low: 3 jobs deleted\n"
    assert run(tmp_path, app, "queue", "resume", "low") == "low goes on\n"
    assert (app.queues["low"].size, app.queues["low"].paused) == (0, False)


def test_queues_are_listed(tmp_path: Path, app: App) -> None:
    """Each with its size, latency and whether it is paused; also one that was never pushed to."""
    assert run(tmp_path, app, "queue") == "queue  jobs  latency\n"
    put(app, "a-long-name", *(write(f"{number:02}") for number in range(1200)))
    app.queues["\x1b[2J"].pause()
    lines = run(tmp_path, app, "queue").splitlines()
    assert len(lines) == 3
    assert lines[1].split()[:4] == ["\ufffd[2J", "0", "0.0", "s"]
    assert lines[1].endswith("  paused")
    assert lines[2].startswith("a-long-name  1,200  ")
    assert not lines[2].endswith("paused")


def test_options_before_the_word_count(tmp_path: Path, app: App) -> None:
    """`outrider queue --url … pause low` does not pause it elsewhere."""
    ran = outrider(tmp_path, "queue", "--url", app.url, "--prefix", "x:", "pause", "low")
    assert (ran.returncode, ran.stdout) == (0, "low is paused\n")
    assert "nothing was ever pushed to low" in ran.stderr
    assert raw(app, "SMEMBERS", "x:paused") == [b"low"]
    ran = outrider(
        tmp_path, "queue", "--url", "redis://127.0.0.1:1", "resume", "low", "--url", app.url
    )
    assert (ran.returncode, ran.stdout) == (0, "low goes on\n")


def test_jobs_of_a_name_are_operated(tmp_path: Path, app: App) -> None:
    """Paused whatever queue they are on, shown, and let go on."""
    app.job(name="some.job")(print).enqueue_in(3600)
    assert run(tmp_path, app, "job", "pause", "some.job") == "some.job is paused\n"
    assert [*app.held] == ["some.job"]
    app.queues["ahead"].pause()
    lines = run(tmp_path, app, "stats").splitlines()
    assert [line.split(maxsplit=1) for line in lines[-2:]] == [
        ["queue", "ahead: 0 jobs, 0.0 s, paused"],
        ["job", "some.job: 0 held, paused"],
    ]
    assert run(tmp_path, app, "job", "resume", "some.job") == "some.job goes on\n"
    assert [*app.held] == []
    assert "some.job" not in run(tmp_path, app, "stats")
    typo = outrider(tmp_path, "job", "pause", "some.jop", "--url", app.url)
    assert (typo.returncode, typo.stdout) == (0, "some.jop is paused\n")
    assert "no job called some.jop was met" in typo.stderr
    assert [*app.held] == ["some.jop"]
    wrong = outrider(tmp_path, "job", "pause", "no job", "--url", app.url)
    assert wrong.returncode != 0
    assert "is no job name" in wrong.stderr


def test_stats_shows_all_numbers(tmp_path: Path, app: App) -> None:
    """One line each, and one a queue."""
    app.enqueue("some.job")
    app.queues["default"].pause()
    lines = run(tmp_path, app, "stats").splitlines()
    found = dict(line.split(maxsplit=1) for line in lines)
    assert (found["enqueued"], found["expired"]) == ("1", "0")
    assert found["latency"].endswith(" s")
    assert found["queue"].startswith("default: 1 job, ")
    assert found["queue"].endswith(", paused")


def test_stats_shows_workers_and_what_runs(tmp_path: Path, app: App) -> None:
    """Each worker, and the jobs that have run longest; nothing of it can steer a terminal."""
    put(app, "default", *(write(f"{number:02}") for number in range(22)))
    first = Hands(app).claim(want=22).first
    since = int(clock.now()) - 600
    work = [(f"1-{i}", "0", first + i, since + i) for i in range(22)]
    info = json.dumps({"queues": ["high", "\x1b[2J"], "concurrency": 30})
    said: list[str | int] = ["info", info, "busy", 22, "quiet", "true"]
    call = process.beat(
        app.keys,
        identity=IDENTITY,
        life=30_000,
        register=0,
        fields=said,
        work=work,
        heard="",
        override=0,
    )
    app.perform(call)
    lines = [line.strip() for line in run(tmp_path, app, "stats").splitlines()]
    (worker,) = [line for line in lines if line.startswith("process ")]
    assert worker.startswith(f"process  {IDENTITY}: 22 of 30 slots busy, quiet, seen ")
    assert worker.endswith(" ago, serves high \ufffd[2J")
    running = [line for line in lines if line.startswith("running")]
    assert running[0] == f"running  app.job 00 for 10 min on {IDENTITY}"
    assert len(running) == 21
    assert running[-1] == "running  and 2 jobs that began later"


@pytest.mark.parametrize("words", [("stats",), ("queue", "clear", "low")])
def test_no_server_is_one_line(tmp_path: Path, words: tuple[str, ...]) -> None:
    """A clear line and a status, no traceback."""
    ran = outrider(tmp_path, *words, "--url", "redis://127.0.0.1:1")
    assert ran.returncode != 0
    assert len(ran.stderr.splitlines()) == 1
    assert ran.stderr.startswith("outrider: ")
