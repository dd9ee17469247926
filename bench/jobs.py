"""The jobs that are measured. OUTRIDER_URL names the server, BENCH_STAMPS the file of times."""

from __future__ import annotations

import ctypes
import functools
import os
import time
from pathlib import Path
from typing import Any

from bench.stamps import Stamps
from outrider import App

app = App()


@functools.cache
def _stamps() -> Stamps:
    return Stamps(Path(os.environ["BENCH_STAMPS"]))


@app.job
def noop(number: int) -> None:
    """Do nothing."""


@app.job
def stamp(number: int) -> None:
    """Note when it started."""
    now = time.monotonic_ns()
    _stamps().note(number, now)


@app.job
def hold(number: int) -> None:
    """Run until somebody notes this number."""
    _stamps().wait(number)


@app.job
def grab(seconds: float) -> None:
    """Hold the interpreter, as C code does that does not let it go."""
    ctypes.PyDLL(None).usleep(int(seconds * 1e6))


@app.job
def grow(batches: int, more: int) -> None:
    """Make so many child batches of ten jobs each; one of these makes `more` in the same way."""
    for _ in range(batches):
        with app.batch().jobs():
            if more:
                grow.enqueue(more, 0)
            for number in range(10 - bool(more)):
                noop.enqueue(number)


@app.job
def relay(number: int) -> None:
    """Enqueue a job on another queue."""
    noop.using(queue="after").enqueue(number)


@app.job(outbox=True)
def relay_later(number: int) -> None:
    """The same, with its success."""
    noop.using(queue="after").enqueue(number)


@app.job
def finished(status: Any, number: int) -> None:  # noqa: ARG001 - a callback is given the status
    """Note when a batch's callback ran."""
    _stamps().note(number, time.monotonic_ns())
