"""Jobs whose every run and end is noted, for workers that come and go.

Also run by an earlier release (see tests/previous): it uses only what that one had.
"""

from __future__ import annotations

import asyncio
import os
import time

from outrider import App, Batch, BatchStatus, current_job
from outrider.script import Call, command

app = App(os.environ["OUTRIDER_TEST_URL"], timeout=float(os.environ["OUTRIDER_TEST_TIMEOUT"]))
EVENTS = ("complete", "success", "settled")
DOOMED_EVERY = 5


def _push(key: str, value: str) -> Call[int]:
    return command("RPUSH", key, value, decode=int)


@app.job
def brief(name: str) -> None:
    """Take 5 ms."""
    time.sleep(0.005)
    app.perform(_push("ran", name))


@app.job
async def abrief(name: str) -> None:
    """Take 5 ms."""
    await asyncio.sleep(0.005)
    await app.aperform(_push("ran", name))


@app.job
def long(name: str, seconds: float) -> None:
    """Take a while."""
    time.sleep(seconds)
    app.perform(_push("ran", name))


@app.job
async def along(name: str, seconds: float) -> None:
    """Take a while."""
    await asyncio.sleep(seconds)
    await app.aperform(_push("ran", name))


@app.job(retry=3, backoff=lambda n: 0.05)
def flaky(name: str) -> None:
    """Fail at the first attempt."""
    if current_job().attempt == 1:
        raise ValueError(f"not yet: {name}")
    app.perform(_push("ran", name))


@app.job(retry=0)
def doomed(name: str) -> None:
    """Die."""
    app.perform(_push("ran", name))
    raise ValueError(f"never: {name}")


@app.job
def fired(status: BatchStatus, name: str) -> None:
    """A callback."""
    app.perform(_push("fired", name))


def _watched(name: str) -> Batch:
    batch = app.batch(description=name)
    for event in EVENTS:
        batch.on(event, fired, name=f"{name} {event}")
    return batch


def feed(number: int, seconds: float) -> None:
    """Enqueue the work of one round: plain, delayed, and a batch with a child; noted in `fed`."""
    brief.enqueue_many([(f"{number} plain {i}",) for i in range(4)])
    abrief.enqueue(f"{number} async")
    brief.enqueue_in(0.3, f"{number} delayed")
    outer = _watched(f"{number} outer")
    with outer.jobs():
        long.enqueue(f"{number} long", seconds)
        flaky.enqueue(f"{number} flaky")
        inner = _watched(f"{number} inner").on("death", fired, name=f"{number} inner death")
        with inner.jobs():
            brief.enqueue(f"{number} inner brief")
            abrief.enqueue(f"{number} inner async")
            along.enqueue(f"{number} along", seconds)
            if number % DOOMED_EVERY == 0:
                doomed.enqueue(f"{number} doomed")
    app.perform(_push("fed", f"{number} {outer.bid} {inner.bid}"))
