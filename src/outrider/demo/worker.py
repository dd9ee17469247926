"""The demo's worker: a process of its own, started, watched, wounded and stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

THREADS = 4  # in each process
_PATIENCE = 15.0


class WorkerEnded(Exception):
    """The worker ended before its work did."""


class Worker:
    """A running `outrider worker` of the demo's jobs; what it logs goes to a file."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._log = log

    def check(self) -> None:
        """Raise WorkerEnded if the worker has ended, with the last it had to say."""
        if self._process.poll() is not None:
            last = self._log.read_text("utf-8", "replace").strip().splitlines()[-1:]
            message = f"the worker ended with exit code {self._process.returncode}"
            raise WorkerEnded(": ".join([message, *last]))

    def kill_child(self) -> int | None:
        """Kill one of the worker's processes, as a crash would; its process id, if there is one."""
        children = worker_children(self._process.pid)
        if not children:
            return None
        os.kill(children[-1], signal.SIGKILL)
        return children[-1]

    def stop(self) -> None:
        """End the worker, and wait until it has."""
        self._process.terminate()
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def running_worker(processes: int, log: Path) -> Iterator[Worker]:
    """A worker of `processes` processes for the server that OUTRIDER_URL names, for the block."""
    command = [sys.executable, "-m", "outrider", "worker", "outrider.demo.jobs"]
    command += ["-c", str(THREADS), "-p", str(processes), "--log-level", "warning"]
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file)
    worker = Worker(process, log)
    try:
        yield worker
    finally:
        worker.stop()


def worker_children(pid: int) -> list[int]:
    """The process ids of the children of `pid`, oldest first."""
    tasks = Path(f"/proc/{pid}/task")
    if tasks.is_dir():
        listed = [task.read_text() for task in tasks.glob("*/children")]
        return sorted(int(child) for line in listed for child in line.split())
    return _children_by_ps(pid)


def _children_by_ps(pid: int) -> list[int]:
    """As worker_children, where there is no /proc."""
    command = ["ps", "-A", "-o", "pid=,ppid="]
    table = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = [line.split() for line in table.stdout.splitlines()]
    return sorted(int(child) for child, parent in rows if int(parent) == pid)
