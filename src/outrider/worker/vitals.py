"""Whether a worker does its work: that its children claim, not only that they live.

A child claims, even if there is nothing, every five seconds while a slot of it is free. It notes so
in memory shared with the supervisor: nobody is asked, and what hangs can't say otherwise.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import NamedTuple

from outrider.worker.crew import Child
from outrider.worker.heart import Heart

# What is silent for longer does nothing any more; and importing the target may take its time.
SILENT, IMPORT = 60.0, 600.0
# A round of the keeper waits for so many times the app's timeout while the server is away.
TIMEOUTS = 12
AWAY, PULSE = 15.0, 1.0


class Verdict(NamedTuple):
    """Whether a worker is alive, and ready for jobs; `troubles` are the reasons why not.

    Only a new process helps one that is not alive. One that is not ready, while it begins, is quiet
    or stops, or while the server is away, needs no help.
    """

    alive: bool
    ready: bool
    troubles: list[str]


class Vitals:
    """What is known of one worker's health; any thread may ask, or note a sign of life.

    `resting` is why it takes no jobs now, "" when it does.
    """

    def __init__(self, children: Callable[[], list[Child]]) -> None:
        self.resting = "it begins"
        self._children = children
        self._patience = SILENT
        now = time.monotonic()
        self._signs = {"supervisor": now}
        self._working_at = now
        self._reached_since = math.inf

    def allow(self, timeout: float) -> None:
        """Have more patience where a request to the server may take `timeout` seconds."""
        self._patience = max(SILENT, TIMEOUTS * timeout)

    def sign(self, part: str) -> None:
        """Note that a part of the supervisor is at its work."""
        self._signs[part] = time.monotonic()

    def reached(self, at: float) -> None:
        """Note when the server was reached last, in monotonic seconds."""
        now = time.monotonic()
        if now > at + AWAY:
            self._reached_since = math.inf
        elif self._reached_since == math.inf:
            self._reached_since = now

    def judge(self) -> Verdict:
        """How it is now."""
        now = time.monotonic()
        children = self._children()
        if any(child.working for child in children):
            self._working_at = now
        ill = [
            f"the {part} has done nothing for {now - at:.0f} s"
            for part, at in self._signs.items()
            if now > at + self._patience
        ]
        if now > self._working_at + IMPORT:
            ill.append(f"no child has been at work for {now - self._working_at:.0f} s")
        ill += [what for child in children if (what := self._trouble(child, now))]
        waits = [self.resting] if self.resting else []
        if not self.resting and self._reached_since == math.inf:
            waits.append("the server is away; the worker goes on when it is back")
        if not self.resting and self._working_at < now:
            waits.append("no child is at work")
        return Verdict(not ill, not ill and not waits, ill + waits)

    def _trouble(self, child: Child, now: float) -> str:
        """What is wrong with a child; "" for nothing."""
        if not child.working:
            seconds = now - child.born
            return f"child {child.name} began {seconds:.0f} s ago" if seconds > IMPORT else ""
        since = child.table.since_claim()
        if since <= self._patience:
            return ""
        # Where we reach the server, it must soon reach it too.
        is_back = now > self._reached_since + self._patience
        if child.table.since_try() <= self._patience and not is_back:
            return ""
        if any(job.deadline > now for job in child.table.running()):
            return ""  # a job may hold its interpreter until then, and is ended afterwards
        return f"child {child.name} has claimed nothing for {since:.0f} s"


class Pulse:
    """The keeper's sign of life: a loop like those that keep the lease."""

    def __init__(self, vitals: Vitals, heart: Heart) -> None:
        self._vitals = vitals
        self._heart = heart

    def tick(self) -> float:
        """Note that the keeper goes round, and when it reached the server last."""
        self._vitals.sign("keeper")
        self._vitals.reached(self._heart.beaten)
        return PULSE
