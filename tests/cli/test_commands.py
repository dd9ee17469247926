"""What the commands print when all is well."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import ModuleType

import pytest

import outrider as package
from outrider import App, Batch
from tests.process.harness import OUTRIDER, ask, environment, outrider, until


def commit(work: ModuleType, jobs: int = 2) -> Batch:
    """A batch of jobs that run, one that dies, and callbacks."""
    batch: Batch = work.app.batch(description="gallery [7] été")
    batch.on("settled", work.fired, tag="x").on("complete", work.Callbacks)
    with batch.jobs():
        for i in range(jobs):
            work.mark.enqueue(i)
        work.hopeless.enqueue(99)
    return batch


def drain(folder: Path) -> None:
    """Run all that there is to run."""
    ran = outrider(folder, "worker", "work", "--drain")
    assert ran.returncode == 0, ran.stderr


def test_version_is_the_packages(tmp_path: Path) -> None:
    """`--version` names the program and its version."""
    ran = outrider(tmp_path, "--version")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "outrider" in ran.stdout
    assert package.__version__ in ran.stdout


@pytest.mark.parametrize("words", [("--help",), ("-h",), ("worker", "--help"), ("batch", "-h")])
def test_help_is_there(tmp_path: Path, words: tuple[str, ...]) -> None:
    """Every command explains itself on standard output."""
    ran = outrider(tmp_path, *words)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("Usage: outrider")


def test_help_names_all_options_of_the_worker(tmp_path: Path) -> None:
    """What the contract promises is in the help."""
    text = outrider(tmp_path, "worker", "--help").stdout
    for option in ("-q", "-c", "-p", "--timeout", "--drain"):
        assert f" {option}" in text


def test_a_bare_command_shows_the_help(tmp_path: Path) -> None:
    """`outrider` alone lists its commands, without a traceback."""
    for words in ((), ("job",)):
        ran = outrider(tmp_path, *words)
        assert ran.stderr == outrider(tmp_path, *words, "--help").stdout
        assert (ran.returncode, ran.stdout) == (2, "")


def test_no_command_is_cut_short_in_the_help(tmp_path: Path) -> None:
    """What each does is said in full."""
    for words in ((), ("job",), ("queue",)):
        assert "..." not in outrider(tmp_path, *words, "--help").stdout.partition("Commands:")[2]


def test_a_batch_is_shown(tmp_path: Path, app: App, work: ModuleType) -> None:
    """Numbers, times, callbacks and failures of a batch, for people."""
    batch = commit(work)
    fresh = outrider(tmp_path, "batch", batch.bid, "--url", app.url)
    assert (fresh.returncode, fresh.stderr) == (0, "")
    assert batch.bid in fresh.stdout
    assert "gallery [7] été" in fresh.stdout
    assert "3 in all, 3 pending" in fresh.stdout
    drain(tmp_path)
    done = outrider(tmp_path, "batch", batch.bid, OUTRIDER_URL=app.url)
    assert (done.returncode, done.stderr) == (0, "")
    assert "3 in all, 1 pending" in done.stdout
    assert "1, of which 1 dead" in done.stdout
    assert "work.hopeless: ValueError: never: 99" in done.stdout
    assert "work.fired: succeeded" in done.stdout


def test_redis_url_counts_too(tmp_path: Path, app: App, work: ModuleType) -> None:
    """Without OUTRIDER_URL, REDIS_URL says where the server is; OUTRIDER_URL goes first."""
    batch = commit(work)
    assert outrider(tmp_path, "batch", batch.bid, REDIS_URL=app.url).returncode == 0
    both = outrider(
        tmp_path, "batch", batch.bid, OUTRIDER_URL=app.url, REDIS_URL="redis://127.0.0.1:1"
    )
    assert both.returncode == 0
    drain(tmp_path)


def test_watch_ends_when_the_batch_is_settled(tmp_path: Path, app: App, work: ModuleType) -> None:
    """`--watch` stays while jobs are to come, and ends by itself; here there is no terminal."""
    batch = commit(work, 30)
    with subprocess.Popen(
        [*OUTRIDER, "batch", batch.bid, "--watch", "--url", app.url],
        cwd=tmp_path,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as watching:
        try:
            until(lambda: _clients(app) > 1, "it watches")
            assert watching.poll() is None
            drain(tmp_path)
            out, err = watching.communicate(timeout=10)
        finally:
            watching.kill()
    assert (watching.returncode, err) == (0, "")
    assert "31 in all, 1 pending" in out
    assert "\x1b" not in out


def test_watch_of_a_settled_batch_ends_at_once(tmp_path: Path, app: App, work: ModuleType) -> None:
    """Nothing to wait for: the bar is full and the command ends."""
    batch = commit(work)
    drain(tmp_path)
    ran = outrider(tmp_path, "batch", batch.bid, "--watch", "--url", app.url, timeout=10)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert batch.bid in ran.stdout


def test_output_into_a_closed_pipe_is_no_error(tmp_path: Path, app: App, work: ModuleType) -> None:
    """`outrider batch … | head -1`: no traceback when the reader has had enough."""
    batch = commit(work)
    drain(tmp_path)
    command = " ".join([*OUTRIDER, "batch", batch.bid, "--url", app.url])
    ran = subprocess.run(
        ["sh", "-c", f"{command} | true"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    assert "Traceback" not in ran.stderr
    assert "Exception ignored" not in ran.stderr


def test_a_prefix_finds_the_apps_own_batches(tmp_path: Path, url: str) -> None:
    """An app with a prefix needs it on the command line too."""
    mine = App(url, prefix="shop:")

    @mine.job(name="job")
    def job() -> None: ...

    batch = mine.batch(description="mine")
    with batch.jobs():
        job.enqueue()
    mine.close()
    words = ("batch", batch.bid, "--url", url)
    assert outrider(tmp_path, *words).returncode != 0
    ran = outrider(tmp_path, *words, "--prefix", "shop:")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "mine" in ran.stdout


def _clients(app: App) -> int:
    return len(ask(app, "CLIENT", "LIST").splitlines())
