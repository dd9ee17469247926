"""A target of workers with handlers of events, which leave traces in lists on the server."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from typing import Any

from outrider import App, current_job
from outrider.script import command

app = App(os.environ["OUTRIDER_TEST_URL"], timeout=float(os.environ["OUTRIDER_TEST_TIMEOUT"]))


def _note(key: str, value: str) -> None:
    app.perform(command("RPUSH", key, value, decode=int))


@app.events.on("job.*")
def note(event: Any) -> None:
    """Leave a trace, in order."""
    _note("events", f"{event.name} {event.job.rpartition('.')[2]}")


@app.events.on("batch.complete", "batch.success", "watch.began")
def note_batch(event: Any) -> None:
    """Leave a trace."""
    _note("batches", f"{event.name} {event.bid}")


@app.events.on("job.started")
def bad(event: Any) -> None:
    """Fail, which must not harm anybody."""
    raise SystemExit(1)


@app.events.on("job.recovered")
def note_lost(event: Any) -> None:
    """Leave a trace."""
    _note("recovered", f"{event.job.rpartition('.')[2]} {event.token} {event.blamed}")


@app.job
def once() -> None:
    """Take the process with it, the first time."""
    if app.perform(command("RPUSH", "runs", current_job().token, decode=int)) == 1:
        os.kill(os.getpid(), signal.SIGKILL)


@app.job
def quick() -> None:
    """Do nothing."""


@app.job(retry=0)
async def hopeless() -> None:
    """Fail."""
    raise ValueError("no")


@app.job
def long() -> None:
    """Do not end."""
    time.sleep(3600)


@app.job
async def along() -> None:
    """Do not end."""
    await asyncio.sleep(3600)
