"""Moves jobs between the server and the runner: claims what can start soon, reports what is done.

One thread does both in one round trip. Requests are numbered, so one whose reply was lost is sent
again as it was. While the server is away outcomes wait here, and nothing is given up.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable

from outrider import clock, words
from outrider.io import Executor
from outrider.keys import Keys
from outrider.script import Call
from outrider.store import queue as store
from outrider.store.queue import Other
from outrider.worker.acks import Acks
from outrider.worker.bell import Bell, Pauses
from outrider.worker.ledger import Ledger
from outrider.worker.line import Line
from outrider.worker.order import QueueOrder
from outrider.worker.parking import released
from outrider.worker.quarantine import Quarantine
from outrider.worker.rate import MOST, Rate
from outrider.worker.runner import Item, Runner, items

log = logging.getLogger("outrider.worker")
GATHER = 0.005
FALLBACK = 5.0
# A job that was claimed ahead and has not started: all free slots are set to work, and then it goes
# back. From its claim until it is there must be no more than 50 ms, on a busy machine too.
ROUSE, STALE = 0.01, 0.025
CANCEL_GRACE = 1.0


class Fenced(Exception):
    """The worker's lease had lapsed: its jobs are others' now."""


class Pump:
    """Claims and acknowledges for one child, until `quiet` and everything it holds is reported.

    `replace` is called, with a reason, when another child should take over: after `max_jobs` jobs,
    for instance; `tell` when the server is away, and with "" when it is back; `tried` each time
    that it does not answer; `flush` between requests: it says when to call it again, in seconds.
    """

    def __init__(
        self,
        executor: Executor,
        keys: Keys,
        identity: str,
        child: str,
        order: QueueOrder,
        ledger: Ledger,
        *,
        tell: Callable[[str], None],
        tried: Callable[[], None],
        replace: Callable[[str], None],
        flush: Callable[[], float],
        max_jobs: int | None,
    ) -> None:
        self._line = Line(executor, ledger.doubt, tell, tried)
        self._keys = keys
        self._owner = {"identity": identity, "child": child}
        self._order = order
        self._ledger = ledger
        self._acks = Acks(keys, self._owner, ledger)
        self._event = threading.Event()
        self._urgent = threading.Event()
        pauses = Pauses(executor, keys)
        self._bells = [Bell(executor, keys, name, pauses, self.ring) for name in order.names]
        self._request = 0
        self._dry = False
        self._claimed_at = -math.inf
        self._rang = False
        self._rate = Rate()
        self._replace = replace
        self._flush = flush
        self._max_jobs = math.inf if max_jobs is None else max_jobs
        self._quarantine = Quarantine(replace)
        self._quiet = False
        self._retiring = False

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
        self._retiring = False
        self._quiet = True
        self._event.set()

    def retire(self) -> None:
        """The same, but keep the suspects: they run alone, when nothing else runs any more."""
        self._retiring = True
        self._quiet = True
        self._event.set()

    def stop(self, seconds: float) -> None:
        """Be quiet, and after so many seconds give back what is still running as well."""
        self._line.deadline = time.monotonic() + seconds
        self.quiet()

    def run(self, runner: Runner) -> None:
        """Work until quiet and everything is reported, or until the time to stop has passed.

        Raises Fenced when the jobs here are others' now, StoreError when the server is away, or
        refuses, at the time to stop.
        """
        while True:
            self._event.clear()
            self._urgent.clear()
            busy = self._round(runner)
            pause = self._flush()
            left = runner.active or runner.outcomes or runner.ready or len(runner.parking)
            if self._quiet and not left and self._quarantine.empty:
                return
            if time.monotonic() >= self._line.deadline:
                self._cut_off(runner)
                return
            if not busy:
                self._rest(runner, pause)

    def _cut_off(self, runner: Runner) -> None:
        """Give back the jobs that are running: the last act of a child."""
        # In this order: a job that ends in between is either reported or given back, never both.
        tokens = runner.running() + runner.parking.tokens()
        runner.cancel_async(CANCEL_GRACE)
        outcomes = deque(map(released, runner.take_outcomes()))
        ended = {outcome if isinstance(outcome, int) else outcome.token for outcome in outcomes}
        left = [token for token in tokens if token not in ended]
        log.warning("time is up: %d running jobs go back to their queues", len(left))
        outcomes.extend(Other("release", token) for token in left)
        runner.released(left)
        while outcomes:
            if calls := self._acks.gather(outcomes, runner.parking):
                self._acks.settle(self._line.send(*calls)[0], outcomes)

    # -- one round --------------------------------------------------------------------------------

    def _round(self, runner: Runner) -> bool:
        """Report and claim what there is; whether there was anything."""
        if self._ledger.is_due():
            self._check(runner)
        age = self._age(runner)
        if self._quiet and not self._retiring:
            self._quarantine.give_back(runner)
        barred = self._quarantine.go_on(runner, retiring=self._retiring)
        if (self._quiet and not self._quarantine.alone) or age >= STALE:
            self._give_back(runner)
        elif age >= ROUSE:
            # They were thought to be quick, and are not: set every free slot to work.
            runner.rouse(len(runner.ready))
        rests = self._quiet or barred or len(runner.parking) >= MOST
        # Outcomes may wake it so often that it never rests for that long, and bells may fail.
        is_dry = self._dry and time.monotonic() < self._claimed_at + FALLBACK
        want = 0 if rests or is_dry else self._rate.want(runner)
        runner.look(want)
        if rests or runner.active == runner.slots:
            runner.claims()
        reported, ended = bool(runner.outcomes), self._acks.jobs
        acks = self._acks.gather(runner.outcomes, runner.parking)
        calls = [*acks, self._claim(want)] if want else acks
        answers = self._line.send(*calls) if calls else []
        if acks:
            self._acks.settle(answers[0], runner.outcomes)
        if reported:
            self._rate.measure(self._acks.jobs - ended)
        if self._acks.jobs >= self._max_jobs:
            self._replace(f"it has run {words.count(self._acks.jobs, 'job')} (--max-jobs)")
        if want:
            self._take(runner, answers[-1], want)
            runner.claims()
        return bool(calls) or reported

    def _check(self, runner: Runner) -> None:
        checked = self._line.send(self._ledger.check())[0]
        if not checked.alive:
            raise Fenced
        if ghosts := self._ledger.compare(checked):
            log.warning("%d jobs were held here unknown to all: they go back", len(ghosts))
            runner.outcomes.extend(Other("release", token) for token in ghosts)

    def _claim(self, want: int) -> Call[store.Claimed]:
        self._request += 1
        self._claimed_at = time.monotonic()
        now = self._ledger.now()
        return store.claim(
            self._keys,
            **self._owner,
            request=self._request,
            seen=self._ledger.seen,
            now=now,
            day=clock.utc_day(now),
            queues=self._order.draw(),
            want=want,
        )

    def _take(self, runner: Runner, claimed: store.Claimed, want: int) -> None:
        if claimed.fenced:
            raise Fenced
        self._ledger.took(claimed)
        found = self._quarantine.sort(items(claimed.first, claimed.payloads), self._ledger.now())
        if self._rang:
            self._rang = False
            for bell in self._bells:
                bell.heard(claimed.met)
        if found:
            runner.feed(found, self._rate.slots_for(len(found)))
        if len(claimed.payloads) < want and not claimed.more:
            self._dry = True
            for bell in self._bells:
                bell.arm()

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
            self._rate.forget()

    # -- input and output -------------------------------------------------------------------------

    def _rest(self, runner: Runner, pause: float) -> None:
        """Wait until there is something to do; let outcomes gather while jobs are running."""
        patience = min(pause, self._patience(runner), self._line.deadline - time.monotonic())
        if not self._event.wait(max(0.0, patience)):
            self._dry = self._dry and bool(runner.ready)
        if runner.outcomes and runner.active and (self._dry or runner.ready):
            self._urgent.wait(min(GATHER, self._patience(runner)))

    def _patience(self, runner: Runner) -> float:
        """Seconds until something must be done about a job that waits for its slot."""
        if not runner.ready:
            return FALLBACK
        age = self._age(runner)
        return max(0.0, (ROUSE if age < ROUSE else STALE) - age)
