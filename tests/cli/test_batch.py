"""`outrider batch`: the live tree, in a terminal and without one, and the explanation."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from outrider import App, Batch
from tests.process.harness import OUTRIDER, environment, outrider, until


def nest(work: ModuleType, children: int) -> Batch:
    """A batch with a treacherous description and so many children."""
    batch: Batch = work.app.batch(description="top [red]7[/]\x1b]0;evil\x07")
    with batch.jobs():
        work.mark.enqueue(0)
        for number in range(children):
            with work.app.batch(description=f"child {number}").jobs():
                work.mark.enqueue(number)
    return batch


def test_explain_says_what_it_waits_for(tmp_path: Path, app: App, work: ModuleType) -> None:
    """In plain words, texts of others made harmless (P54)."""
    batch = nest(work, 1)
    ran = outrider(tmp_path, "batch", batch.bid, "--explain", "--url", app.url)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "top [red]7[/]\ufffd]0;evil\ufffd" in ran.stdout
    assert "1 job queued on default" in ran.stdout
    assert "1 child batch not settled" in ran.stdout
    assert outrider(tmp_path, "worker", "work", "--drain").returncode == 0
    ran = outrider(tmp_path, "batch", batch.bid, "--explain", "--url", app.url)
    assert "succeeded, 1 of 1 job done, waits for nothing" in ran.stdout


def test_watch_without_a_terminal(tmp_path: Path, app: App, work: ModuleType) -> None:
    """Plain lines, children indented; it ends with the root (P56)."""
    batch = nest(work, 2)
    assert outrider(tmp_path, "worker", "work", "--drain").returncode == 0
    ran = outrider(tmp_path, "batch", batch.bid, "--watch", "--url", app.url, timeout=10)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "\x1b" not in ran.stdout
    assert "top [red]7[/]\ufffd]0;evil\ufffd  1/1  success\n" in ran.stdout
    for number in range(2):
        assert f"\n  child {number}  1/1  success\n" in ran.stdout


@pytest.mark.parametrize("ends", ["settled", "interrupt"])
def test_watch_in_a_terminal(tmp_path: Path, app: App, work: ModuleType, ends: str) -> None:
    """A tree with bars, many children folded; Ctrl-C ends it with one line."""
    batch = nest(work, 15)
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*OUTRIDER, "batch", batch.bid, "--watch", "--url", app.url],
        cwd=tmp_path,
        env=environment() | {"TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"},
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.PIPE,
        text=True,
    ) as watching:
        os.close(theirs)
        screen = bytearray()
        try:
            until(lambda: b"3 more" in _read(ours, screen), "the tree is drawn")
            if ends == "interrupt":
                watching.send_signal(signal.SIGINT)
            else:
                assert outrider(tmp_path, "worker", "work", "--drain").returncode == 0
            until(lambda: _read(ours, screen) is screen and watching.poll() is not None, "it ends")
            err = watching.stderr.read() if watching.stderr else ""
        finally:
            watching.kill()
            os.close(ours)
    status, line = (130, "outrider: interrupted\n") if ends == "interrupt" else (0, "")
    assert (watching.returncode, err.lstrip()) == (status, line)
    assert b"\x1b]0;evil" not in screen
    assert "├── child".encode() in screen.replace(b"\x1b[2m", b"").replace(b"\x1b[0m", b"")


def _read(terminal: int, screen: bytearray) -> bytearray:
    """Add what has been written meanwhile."""
    os.set_blocking(terminal, False)
    try:
        while data := os.read(terminal, 65536):
            screen += data
    except OSError:  # nothing more now, or the other end is closed
        pass
    return screen
