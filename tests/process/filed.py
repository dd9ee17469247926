"""A target of workers whose jobs leave traces in files, where no lost answer doubles them."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from outrider import App, BatchStatus, current_job

app = App(os.environ["OUTRIDER_TEST_URL"], timeout=float(os.environ["OUTRIDER_TEST_TIMEOUT"]))


def _write(path: str, text: str) -> None:
    with Path(path).open("a") as file:
        file.write(text + "\n")


@app.job
def line(i: int, path: str) -> None:
    """Take 5 ms, and leave a trace."""
    time.sleep(0.005)
    _write(path, str(i))


@app.job
def waiting(i: int, gate: str, path: str) -> None:
    """Wait for a gate, and leave a trace."""
    while not Path(gate).exists():
        time.sleep(0.01)
    _write(path, str(i))


@app.job(retry=2, backoff=lambda n: 0.1)
def shaky(i: int, path: str) -> None:
    """Fail at the first attempt, and leave a trace at the second."""
    if current_job().attempt == 1:
        raise ValueError(f"not yet: {i}")
    _write(path, str(i))


@app.job
def lethal(i: int, path: str) -> None:
    """Kill one's own process at the first run, and leave a trace at the second."""
    first = Path(f"{path}-{i}")
    if not first.exists():
        first.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    _write(path, str(i))


@app.job
def trace(status: BatchStatus, path: str) -> None:
    """A callback: leave a trace."""
    _write(path, status.bid)
