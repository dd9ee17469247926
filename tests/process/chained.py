"""The target of workers whose jobs hand over to the next, and die at any step of that."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

from outrider import App
from outrider.hub import Flow, Hub
from outrider.outbox import Claim, Outbox
from outrider.script import Call, command

app = App(os.environ["OUTRIDER_TEST_URL"], timeout=float(os.environ["OUTRIDER_TEST_TIMEOUT"]))
STEPS = ("before it enqueues", "after it has enqueued", "before the push", "after the push")
_deliver = Outbox.deliver


def _fall(step: str) -> Call[bool]:
    """Whether this step is to kill: the first time somebody comes by."""
    return command("SREM", "deadly", step, decode=bool)


def strike(step: str) -> None:
    """End this process, if the test has planned so for this step."""
    if app.perform(_fall(step)):
        app.perform(command("RPUSH", "died", step, decode=int))
        os.kill(os.getpid(), signal.SIGKILL)


def _killing(self: Outbox, hub: Hub, claim: Claim, now: int) -> Flow[bool]:
    strike("before the push")
    stood = yield from _deliver(self, hub, claim, now)
    strike("after the push")
    return stood


Outbox.deliver = _killing  # type: ignore[method-assign]


@app.job(queue="next")
def validate(number: int) -> None:
    """The second link; its queue is not served while the first ones run."""


@app.job(queue="next")
def closed(status: Any, number: int) -> None:
    """A callback of a batch that the first link makes."""


@app.job(outbox=True)
def load(number: int) -> None:
    """The first link: leave a trace, and enqueue the next one."""
    app.perform(command("RPUSH", "ran", number, decode=int))
    strike("before it enqueues")
    validate.enqueue(number)
    strike("after it has enqueued")


@app.job(outbox=True)
async def aload(number: int) -> None:
    """The same, by a batch."""
    await app.aperform(command("RPUSH", "ran", number, decode=int))
    strike("before it enqueues")
    batch = app.batch().on("success", closed, number=number)
    async with batch.jobs():
        await validate.aenqueue(number)
    strike("after it has enqueued")


@app.job(outbox=True)
def handing(number: int) -> None:
    """Enqueue the next link, and wait as long as there is a key."""
    validate.enqueue(number)
    while app.perform(command("EXISTS", "closed", decode=bool)):
        time.sleep(0.01)


@app.job(queue="other")
def plain(number: int) -> None:
    """A job without an outbox."""
