"""Jobs that leave their process no time, or carry secrets; traces go to the server or a folder."""

from __future__ import annotations

import asyncio
import ctypes
import enum
import os
import time
from pathlib import Path

from outrider import App, Snooze, current_job
from outrider.script import command

app = App(os.environ["OUTRIDER_TEST_URL"], timeout=float(os.environ["OUTRIDER_TEST_TIMEOUT"]))


def note(key: str, value: object) -> None:
    """Append to a list on the server."""
    app.perform(command("RPUSH", key, str(value), decode=int))


def _began() -> None:
    note("started", f"{current_job().name.partition('.')[2]} {os.getpid()}")


def _ended() -> None:
    note("ran", current_job().name.partition(".")[2])


# -- as long as a test wants: until it writes to a pipe, or makes a file ---------------------------


@app.job(queue="held")
def held(pipe: str) -> None:
    """Hold the interpreter, as C code does that does not let it go."""
    _began()
    end = os.open(pipe, os.O_RDWR)
    ctypes.PyDLL(None).read(end, ctypes.create_string_buffer(1), 1)
    os.close(end)
    _ended()


@app.job(queue="busy")
def busy(gate: str) -> None:
    """Compute."""
    _began()
    while not Path(gate).exists():
        sum(range(100_000))
    _ended()


@app.job(queue="blocked")
async def blocked(gate: str) -> None:
    """Block the event loop."""
    _began()
    while not Path(gate).exists():  # noqa: ASYNC240  (the mistake that this is about)
        time.sleep(0.01)  # noqa: ASYNC251
    _ended()


@app.job(queue="stopped")
def stopped(gate: str) -> None:
    """Run in a process that a test stops, once it has said by a file that it may."""
    _began()
    Path(gate).with_name("stoppable").touch()
    while not Path(gate).exists():
        time.sleep(0.01)
    _ended()


@app.job
async def tidy(seconds: float) -> None:
    """Run for ever at the first time, and clean up when cancelled, which takes a while."""
    note("started", current_job().attempt)
    try:
        if length("started") == 1:
            await asyncio.sleep(3600)
    finally:
        await asyncio.sleep(seconds)
        note("tidied", current_job().attempt)
    _ended()


def length(key: str) -> int:
    """How long a list on the server is."""
    return app.perform(command("LLEN", key, decode=int))


# -- with secrets ----------------------------------------------------------------------------------


class Colour(enum.Enum):
    """What a wrong argument is not."""

    RED = "red"


@app.job(retry=0)
def failing(secret: str, *, token: str) -> None:
    """Fail, and say nothing."""
    raise ValueError("without a word")


@app.job(retry=0)
async def afailing(secret: str, *, token: str) -> None:
    """Fail, and say nothing."""
    await asyncio.sleep(0)
    raise ValueError("without a word")


@app.job(retry=0)
def telling(secret: str, *, token: str) -> None:
    """Fail, and tell: that is the job's own affair."""
    raise ValueError(f"told {secret}")


@app.job(retry=2, backoff=lambda n: 0.05)
def retrying(secret: str, *, token: str) -> None:
    """Fail once."""
    if current_job().attempt == 1:
        raise ValueError("not yet")


@app.job
def putting_off(secret: str, *, token: str) -> None:
    """Put off once."""
    note("put off", "")
    if length("put off") == 1:
        raise Snooze(0.05)


@app.job(retry=0, timeout=0.05)
async def too_long(secret: str, *, token: str) -> None:
    """Take longer than its timeout."""
    await asyncio.sleep(60)


@app.job(retry=0)
def picky(secret: Colour, *, token: str) -> None:
    """Take what a test does not give."""


@app.job
def crashing(secret: str, *, token: str) -> None:
    """End the process at the first run."""
    note("crashed", "")
    if length("crashed") == 1:
        os._exit(1)


@app.job
def fine(secret: str, *, token: str) -> None:
    """End well."""


@app.job(log_arguments=["amount"])
def open_about(secret: str, *, amount: int, token: str) -> None:
    """End well, and have a part of its arguments logged."""
