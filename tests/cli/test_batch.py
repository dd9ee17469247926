"""`outrider batch`: the live tree, in a terminal and without one, and the explanation."""

from __future__ import annotations

import re
import signal
from io import StringIO
from pathlib import Path
from types import ModuleType

import pytest
from rich.console import Console

from outrider import App, Batch
from outrider.cli.batch import _print
from outrider.cli.tree import draw, read
from outrider.words import span
from tests.cli.terminal import Terminal
from tests.process.harness import outrider


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


def test_batches_are_listed(tmp_path: Path, app: App, work: ModuleType) -> None:
    """Those that are not settled, or with dead jobs, for who has lost a BID."""
    batch = nest(work, 1)
    listed = outrider(tmp_path, "batch", "--url", app.url).stdout.splitlines()
    assert listed[0].split() == ["batch", "done", "failures", "state", "description"]
    (told,) = (line for line in listed if batch.bid in line)
    assert told == f"{batch.bid}   0/1         0  not complete  top [red]7[/]\ufffd]0;evil\ufffd"
    assert len(listed) == 3
    assert outrider(tmp_path, "batch", "--dead", "--url", app.url).stdout.splitlines() == [
        "batch  done  failures  state  description"
    ]
    app.queues["default"].kill(app.batches[batch.bid].pending_jids(1)[0])
    (_, told) = outrider(tmp_path, "batch", "--dead", "--url", app.url).stdout.splitlines()
    assert told.split()[:3] == [batch.bid, "0/1", "1"]


def test_a_batch_in_trouble_is_shown(tmp_path: Path, app: App, work: ModuleType) -> None:
    """Its state, what bars it, the dead before the failing, its callbacks and children."""
    parent = work.app.batch(description="parent", parent=None)
    with parent.jobs():
        batch = nest(work, 1)
        for number in range(30):
            work.mark.enqueue(number)
        work.mark.enqueue_in(3600, 0)
    with pytest.raises(KeyError), batch.open():
        raise KeyError
    first = app.batches[batch.bid].pending_jids(1)[0]
    app.queues["default"].kill(first)
    with batch.open():
        ran = outrider(tmp_path, "batch", batch.bid, "--url", app.url)
    assert (ran.returncode, ran.stderr) == (0, "")
    for line in (
        f"    child of  {parent.bid}",
        "       state  not complete",
        "        jobs  1 in all, 1 pending (0.0 % done)",
        "        held  by 1 `open()` block",
        "      barred  as it stands: 1 job dead",
        "      barred  as it stands: an `open()` block was left by an error or lapsed,",
        "    children  1, of which 1 not settled",
        f"        dead  {first} work.mark: outrider.errors.Kill: killed by hand",
    ):
        assert f"\n{line}" in ran.stdout
    assert outrider(tmp_path, "worker", "work", "--drain").returncode == 0
    status = app.batches[batch.bid]
    assert (status.retry_failed(), status.refresh().expires_at) == (1, None)
    assert outrider(tmp_path, "worker", "work", "--drain").returncode == 0
    ran = outrider(tmp_path, "batch", batch.bid, "--url", app.url)
    assert "\n       state  succeeded\n" in ran.stdout
    assert "barred" not in ran.stdout
    assert "\n   forgotten  2" in ran.stdout


@pytest.mark.parametrize("words", [(), ("--watch",), ("--explain",)])
def test_an_unknown_batch(tmp_path: Path, app: App, words: tuple[str, ...]) -> None:
    """One clear line, and a status that scripts see."""
    ran = outrider(tmp_path, "batch", "0011223344556677", *words, "--url", app.url)
    line = "outrider: no batch '0011223344556677': it never was, has expired, or was deleted\n"
    assert (ran.returncode, ran.stdout, ran.stderr) == (1, "", line)


def test_long_lines_on_a_terminal() -> None:
    """They go on below where they began."""
    out = StringIO()
    console = Console(file=out, force_terminal=True, width=40, no_color=True, highlight=False)
    _print(console, "dead", "ValueError: " + "word " * 8)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue()).splitlines()
    assert lines == [
        "        dead  ValueError: word word word",
        "              word word word word word",
    ]


def test_the_tree_fits_the_terminal(app: App, work: ModuleType) -> None:
    """Rows are one line each, with the largest numbers too."""
    batch = nest(work, 3)
    raw = app.batches[batch.bid]
    raw.picture.fields.update({"total": b"1000000", "s1": b"900000", "s2": b"12345"})
    raw.see(raw.picture)
    out = StringIO()
    console = Console(file=out, force_terminal=True, width=80, no_color=True)
    console.print(draw(read(app, raw), 80))
    lines = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue()).splitlines()
    assert len(lines) == 4
    assert max(map(len, lines)) <= 80
    assert "87,655/1,000,000, 12,345 failures" in lines[0]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.2, "0 s"),
        (119, "119 s"),
        (120, "2 min"),
        (10_800, "3 h"),
        (90_000, "25 h"),
        (1e6, "12 days"),
    ],
)
def test_time_left(seconds: float, said: str) -> None:
    """As exact as an estimate is."""
    assert span(seconds) == said


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
    words = ("batch", batch.bid, "--watch", "--url", app.url)
    with Terminal(tmp_path, *words, columns=120) as one:
        one.shows(b"3 more")
        if ends == "interrupt":
            one.process.send_signal(signal.SIGINT)
        else:
            assert outrider(tmp_path, "worker", "work", "--drain").returncode == 0
        status, error = one.end()
        screen = one.shown
    expected = (130, "outrider: interrupted\n") if ends == "interrupt" else (0, "")
    assert (status, error.lstrip()) == expected
    assert b"\x1b]0;evil" not in screen
    assert "├── child".encode() in screen.replace(b"\x1b[2m", b"").replace(b"\x1b[0m", b"")
