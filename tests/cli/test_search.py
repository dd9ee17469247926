"""`outrider search`."""

from __future__ import annotations

import json
from pathlib import Path

from outrider import App
from tests.app.hands import put, raw, write
from tests.process.harness import outrider


def test_jobs_are_shown_where_they_lie(tmp_path: Path, app: App) -> None:
    """One line each; how many of how many were looked at is said apart."""
    failed = {"error_class": "TimeoutError", "error_message": "late\x1b[2J", "retry_count": 0}
    raw(app, "ZADD", "dead", 5.5, write("a" * 24, "low", args=["x" * 500], **failed))
    put(app, "low", write("b" * 24, "low", args=[5], kwargs={"to": [1, 2]}), "some\ntext")
    ran = outrider(tmp_path, "search", "job:app.job", "--url", app.url)
    assert (ran.returncode, ran.stderr) == (0, "2 jobs found, 3 of 3 looked at\n")
    dead, queued = ran.stdout.splitlines()
    assert dead.startswith(f"{'a' * 24}  dead  low  app.job('xxx")
    assert dead.endswith("xxx')  TimeoutError: late\ufffd[2J")
    assert len(dead) < 200
    assert queued == f"{'b' * 24}  queued  low  app.job(5, to=[1, 2])"
    ran = outrider(tmp_path, "search", "-job:app.job", "--url", app.url)
    assert (ran.returncode, ran.stdout) == (0, "-  queued  no job: some\ufffdtext\n")


def test_a_job_that_says_another_queue(tmp_path: Path, app: App) -> None:
    """Other programs may have put it there: it is told where it lies."""
    put(app, "here", write("a" * 24, "there"))
    ran = outrider(tmp_path, "search", "queue:here", "--url", app.url)
    assert ran.stdout == f"{'a' * 24}  queued  here  app.job()\n"


def test_it_goes_on_until_enough_is_found(tmp_path: Path, app: App) -> None:
    """In pages, as many as are needed; more there are is said."""
    put(app, "low", *(write(f"{i:024}", "low", args=[i % 2]) for i in range(60)))
    ran = outrider(tmp_path, "search", "arg.0=1", "--limit", "20", "--url", app.url)
    assert ran.returncode == 0
    assert len(ran.stdout.splitlines()) == 20
    assert ran.stderr == "20 jobs found, 40 of 60 looked at: more with a larger --limit\n"
    ran = outrider(tmp_path, "search", "arg.0=1", "--limit", "1000", "--url", app.url)
    assert len(ran.stdout.splitlines()) == 30
    assert ran.stderr == "30 jobs found, 60 of 60 looked at\n"


def test_as_json(tmp_path: Path, app: App) -> None:
    """A line each, with the payload as it lies there; what is no job is a text."""
    put(app, "low", '{"jid":"a",\n"class":"x","args":[12345678901234567890123]}', b"\xff\n")
    raw(app, "ZADD", "retry", 5.5, write("b"))
    ran = outrider(tmp_path, "search", "", "--json", "--url", app.url)
    retry, job, other = map(json.loads, ran.stdout.splitlines())
    assert retry == {"state": "retrying", "at": 5.5, "payload": json.loads(write("b"))}
    assert job == {
        "state": "queued",
        "at": None,
        "name": "low",
        "payload": {"jid": "a", "class": "x", "args": [12345678901234567890123]},
    }
    assert other == {"state": "queued", "at": None, "name": "low", "payload": "\ufffd\n"}


def test_a_wrong_filter_is_one_clear_line(tmp_path: Path, app: App) -> None:
    """It says what is possible."""
    ran = outrider(tmp_path, "search", "state:died", "--url", app.url)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith("outrider: filter, character 7: there is no state 'died'; there ")
    assert len(ran.stderr.splitlines()) == 1
