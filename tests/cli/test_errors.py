"""`outrider errors`, and `outrider search --count`."""

from __future__ import annotations

from pathlib import Path

from outrider import App
from tests.app.hands import put, write
from tests.app.test_failures import failed, fill
from tests.app.test_search import lay
from tests.process.harness import outrider


def test_groups_of_failures(tmp_path: Path, app: App) -> None:
    """One a line, the largest first; what was looked at is said apart."""
    fill(app)
    lay(app, "dead", failed("x", "E\x1b[2J", "a\nb"))
    ran = outrider(tmp_path, "errors", "--url", app.url)
    assert (ran.returncode, ran.stderr) == (0, "8 failed jobs, 8 of 8 looked at\n")
    known = app.errors().groups[0].fingerprint
    first, *others = ran.stdout.splitlines()
    assert first == (
        f"      4  2023-11-14 22:15:00 UTC  group:{known}  app.job  TimeoutError: no answer in * s"
    )
    assert len(others) == 4
    assert "\x1b" not in ran.stdout
    ran = outrider(tmp_path, "errors", "state:dead", "--limit", "1", "--url", app.url)
    assert len(ran.stdout.splitlines()) == 1
    assert ran.stderr == (
        "4 failed jobs, 4 of 4 looked at; 3 of them in other groups: more with a larger --limit\n"
    )
    ran = outrider(tmp_path, "errors", "--most", "5", "--url", app.url)
    assert ran.stderr == "5 failed jobs, 5 of 8 looked at: more with a larger --most\n"


def test_counting(tmp_path: Path, app: App) -> None:
    """How many there are, and of what."""
    fill(app)
    put(app, "low", *(write(f"{i}", "low") for i in range(2)))
    ran = outrider(tmp_path, "search", "queue:low", "--count", "--limit", "1", "--url", app.url)
    assert (ran.returncode, ran.stderr) == (0, "3 jobs, 10 of 10 looked at\n")
    both = outrider(tmp_path, "search", "", "--count", "--json", "--url", app.url)
    assert (both.returncode, both.stdout) == (2, "")
    assert ran.stdout.splitlines() == [
        "        3  state  queued",
        "        3  queue  low",
        "        3  job    app.job",
        "        1  error  TimeoutError",
    ]
