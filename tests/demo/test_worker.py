"""The children of a process, by two ways; and a worker that ends by itself."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from outrider.demo.worker import Worker, WorkerEnded, _children_by_ps, worker_children

PARENT = """
import subprocess, sys
children = [subprocess.Popen(["cat"], stdin=subprocess.PIPE) for _ in range(2)]
print(*[child.pid for child in children], flush=True)
input()
for child in children:
    child.kill()
"""


@pytest.fixture
def parent() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    yield process
    process.communicate("\n", timeout=10)


def pids(process: subprocess.Popen[str]) -> list[int]:
    assert process.stdout
    return sorted(int(pid) for pid in process.stdout.readline().split())


def test_children_are_those_of_the_process(parent: subprocess.Popen[str]) -> None:
    expected = pids(parent)
    assert len(expected) == 2
    assert worker_children(parent.pid) == expected
    if shutil.which("ps"):  # the way of macOS
        assert _children_by_ps(parent.pid) == expected


def test_a_child_is_killed_and_the_parent_lives(
    parent: subprocess.Popen[str], tmp_path: Path
) -> None:
    expected = pids(parent)
    worker = Worker(parent, tmp_path / "log")  # type: ignore[arg-type]
    assert worker.kill_child() == expected[-1]
    worker.check()


def test_a_worker_that_ended_says_its_last_words(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "print('first', flush=True); raise SystemExit('no such module')",
            ],
            stderr=file,
            stdout=file,
        )
    process.wait(10)
    with pytest.raises(WorkerEnded, match="exit code 1: no such module"):
        Worker(process, log).check()
