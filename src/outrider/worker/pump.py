"""Moves jobs between the server and the runner: claims what can start soon, reports what is done.

One thread does both in one round trip. Requests are numbered, so one whose reply was lost is sent
again as it was. While the server is away outcomes wait here, and nothing is given up.
"""

from __future__ import annotations

import logging
import math
import random
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from outrider import clock
from outrider.errors import StoreError, StoreUnavailable
from outrider.io import Executor
from outrider.keys import Keys
from outrider.script import Call
from outrider.store import queue as store
from outrider.store.queue import Other
from outrider.worker.bell import Bell
from outrider.worker.order import QueueOrder
from outrider.worker.perform import Outcome
from outrider.worker.runner import Item, Runner, items

log = logging.getLogger("outrider.worker")
MOST = 500
AHEAD = 0.02
GATHER = 0.005
FALLBACK = 5.0
STALE = 0.05
CANCEL_GRACE = 1.0


class Fenced(Exception):
    """The worker's lease had lapsed: its jobs are others' now."""


class Pump:
    """Claims and acknowledges for one child, until `quiet` and everything it holds is reported."""

    def __init__(
        self, executor: Executor, keys: Keys, identity: str, child: str, order: QueueOrder
    ) -> None:
        self._executor = executor
        self._keys = keys
        self._owner = {"identity": identity, "child": child}
        self._order = order
        self._event = threading.Event()
        self._urgent = threading.Event()
        self._bells = [Bell(executor, keys, name, self.ring) for name in order.names]
        self._request = 0
        self._dry = False
        self._rang = False
        self._rate = 0.0
        self._measured = time.monotonic()
        self._quiet = False
        self._deadline = math.inf
        self._away = False
        self._released: set[int] = set()

    def notify(self) -> None:
        """Look again: there is an outcome, or a free slot."""
        if not self._event.is_set():
            self._event.set()

    def ring(self) -> None:
        """Look again: a queue holds a job."""
        self._rang = True
        self._dry = False
        self._urgent.set()
        self._event.set()

    def quiet(self) -> None:
        """Take no more jobs, and give back those that have not started."""
        self._quiet = True
        self._event.set()

    def stop(self, seconds: float) -> None:
        """Be quiet, and after so many seconds give back what is still running as well."""
        self._deadline = time.monotonic() + seconds
        self.quiet()

    def run(self, runner: Runner) -> None:
        """Work until quiet and everything is reported, or until the time to stop has passed.

        Raises Fenced when the jobs here are others' now, StoreUnavailable when the server is away
        at the time to stop.
        """
        while True:
            self._event.clear()
            self._urgent.clear()
            busy = self._round(runner)
            if self._quiet and not runner.active and not runner.outcomes and not runner.ready:
                return
            if time.monotonic() >= self._deadline:
                self._cut_off(runner)
                return
            if not busy:
                self._rest(runner)

    def _cut_off(self, runner: Runner) -> None:
        """Give back the jobs that are running: the last act of a child."""
        # In this order: a job that ends in between is either reported or given back, never both.
        tokens = runner.running()
        runner.cancel_async(CANCEL_GRACE)
        outcomes = runner.take_outcomes()
        ended = {outcome if isinstance(outcome, int) else outcome.token for outcome in outcomes}
        left = [token for token in tokens if token not in ended]
        log.warning("time is up: %d running jobs go back to their queues", len(left))
        outcomes.extend(Other("release", token) for token in left)
        while outcomes:
            self._send(self._ack(outcomes))

    # -- one round --------------------------------------------------------------------------------

    def _round(self, runner: Runner) -> bool:
        """Report and claim what there is; whether there was anything."""
        age = self._age(runner)
        if self._quiet or age > STALE:
            self._give_back(runner)
        elif age > STALE / 2:
            # They were thought to be quick, and are not: set every free slot to work.
            runner.rouse(len(runner.ready))
        want = 0 if self._quiet or self._dry else self._want(runner)
        runner.look(want)
        calls: list[Call[Any]] = []
        reported = min(len(runner.outcomes), MOST)
        if reported:
            calls.append(self._ack(runner.outcomes))
        if want:
            self._request += 1
            calls.append(
                store.claim(
                    self._keys,
                    **self._owner,
                    request=self._request,
                    now=clock.now_ms(),
                    queues=self._order.draw(),
                    want=want,
                )
            )
        if not calls:
            return False
        answers = self._send(calls)
        if reported:
            self._measure(reported)
            _report_late([token for token in answers[0] if token not in self._released])
        if want:
            self._take(runner, answers[-1], want)
        return True

    def _take(self, runner: Runner, claimed: store.Claimed, want: int) -> None:
        if claimed.fenced:
            raise Fenced
        found = items(claimed.first, claimed.payloads)
        if self._rang:
            self._rang = False
            for bell in self._bells:
                bell.heard(bool(found))
        if found:
            runner.feed(found, self._slots_for(len(found)))
        if len(claimed.payloads) < want:
            self._dry = True
            for bell in self._bells:
                bell.arm()

    def _want(self, runner: Runner) -> int:
        """How many jobs to claim: the free slots, and what will start within AHEAD seconds."""
        target = runner.slots + int(self._rate * AHEAD)
        want = target - runner.active - len(runner.ready)
        if runner.ready and want < target // 4:
            return 0
        return max(0, min(want, MOST))

    def _slots_for(self, jobs: int) -> int:
        """How many slots to set to work: all for slow jobs, few when one thread is done at once."""
        return jobs if self._rate < 5_000 else 1 + int(jobs / self._rate / 0.005)

    def _measure(self, done: int) -> None:
        now = time.monotonic()
        elapsed = max(now - self._measured, 1e-6)
        self._measured = now
        weight = min(1.0, elapsed / 0.05)
        self._rate += weight * (done / elapsed - self._rate)

    # -- giving back ------------------------------------------------------------------------------

    @staticmethod
    def _age(runner: Runner) -> float:
        """For how many seconds a claimed job has waited for its slot."""
        try:
            return time.monotonic() - runner.ready[0].since
        except IndexError:
            return 0.0

    def _give_back(self, runner: Runner) -> None:
        """Jobs claimed ahead that have not started go back: somebody else may have a free slot."""
        held: list[Item] = []
        while True:
            try:
                held.append(runner.ready.popleft())
            except IndexError:
                break
        runner.outcomes.extend(Other("release", item.token) for item in held)
        if held:
            self._rate = 0.0

    # -- input and output -------------------------------------------------------------------------

    def _ack(self, outcomes: deque[Outcome]) -> Call[Any]:
        done: list[int] = []
        others: list[Other] = []
        for _ in range(min(len(outcomes), MOST)):
            outcome = outcomes.popleft()
            if isinstance(outcome, int):
                done.append(outcome)
            else:
                others.append(outcome)
        # What goes back unrun may have been taken from us already.
        self._released = {other.token for other in others if other.kind == "release"}
        self._request += 1
        now = clock.now_ms()
        return store.ack(
            self._keys,
            **self._owner,
            request=self._request,
            now=now,
            day=clock.utc_day(now),
            done=done,
            others=sorted(others, key=lambda other: other.token),
        )

    def _send(self, calls: Sequence[Call[Any]] | Call[Any]) -> list[Any]:
        batch = [calls] if isinstance(calls, Call) else calls
        while True:
            try:
                answers = self._executor.run_all(batch)
            except StoreUnavailable as error:
                if time.monotonic() >= self._deadline:
                    raise
                if not self._away:
                    self._away = True
                    log.error("%s; jobs go on, and their outcomes wait", error)
            except StoreError as error:
                log.error("%s; trying again", error)
                time.sleep(1.0)
            else:
                if self._away:
                    self._away = False
                    log.info("the server is back")
                return answers
            time.sleep(random.uniform(0.05, 0.2))

    def _rest(self, runner: Runner) -> None:
        """Wait until there is something to do; let outcomes gather while jobs are running."""
        patience = STALE / 2 if runner.ready else FALLBACK
        patience = max(0.0, min(patience, self._deadline - time.monotonic()))
        if not self._event.wait(patience):
            self._dry = self._dry and bool(runner.ready)
        if runner.outcomes and runner.active and (self._dry or runner.ready):
            self._urgent.wait(GATHER)


def _report_late(tokens: list[int]) -> None:
    if tokens:
        log.warning(
            "%d jobs ran here although their claim no longer stood: they ran twice, counted once",
            len(tokens),
            extra={"tokens": tokens},
        )
