"""What the runs of one child came to, added up by job and minute until the server has it.

Most runs end well. Of these no event is made for this, which would cost more than their counting;
they are added up between requests, many at a time. A flush has a ticket of its own, and is sent
with it until it is answered: what failed, or whose answer was lost, is neither lost nor counted
twice. Whatever is wrong with it hurts no job.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from operator import sub
from typing import Any

import msgspec

from outrider import clock
from outrider.errors import BatchCancelled, ConfigError, StoreError
from outrider.events import ENDS, JobEvent
from outrider.hub import Hub
from outrider.io.exchange import Lane, take_ticket
from outrider.metrics.measured import BINS, SUMS, bin_of
from outrider.payload import YEAR_5000, waited
from outrider.script import Call
from outrider.store import metrics as store
from outrider.store.metrics import Numbers
from outrider.worker.calling import Done, Run

log = logging.getLogger("outrider.worker")
PERIOD = 5.0
MOST = 5_000
"""Where so much waits to be sent, what comes is counted in the newest minute that waits."""
EXACT = 1 << 53
"""More than a script can add up: jobs of others may say that they have waited since 1970."""
COUNTED = tuple(
    name for name in ENDS if name not in ("job.succeeded", "job.snoozed", "job.released")
)
FAILED = ("job.failed", "job.died")
LAST = 0.5
_times = msgspec.json.Decoder(list[float])


class Measures:
    """Is told on any thread; sends on one. The app is asked which jobs there are.

    `now` is the server's time in ms.
    """

    def __init__(self, app: Hub, now: Callable[[], int] = clock.now_ms) -> None:
        self._app = app
        self._now = now
        # By name: those that are registered, so there are few.
        self._done = defaultdict[str, deque[Run]](deque)
        self._lock = threading.Lock()
        self._sums: dict[tuple[int, str], Numbers] = {}
        self._newest = 0
        self._lane = Lane()
        self._sending: Call[Any] | None = None
        self._due = time.monotonic() + PERIOD
        self._failures = 0
        app.events.on(*COUNTED)(self.add)

    def done(self, name: str) -> Done:
        """What notes each run of a job of this name that ends well, on any thread."""
        return self._done[name].append

    def add(self, event: JobEvent) -> None:
        """Count a run that has ended otherwise."""
        name, minute = self._name(event.job), int(event.at // 60)
        ran, waits = ([] if one is None else [one] for one in (event.elapsed, event.waited))
        with self._lock:
            sums = self._count(minute, name, 1, ran, waits)
            sums[1] += _has_failed(event)

    def keep_up(self) -> float:
        """Send a slice when it is time; in how many seconds to come again, if no job ends."""
        self._gather()
        left = self._due - time.monotonic()
        if left <= 0 and not self._is_empty():
            more = self._send() and not self._is_empty()
            left = 0.0 if more else PERIOD
            self._due = time.monotonic() + left
        return math.inf if self._is_empty() else left

    def end(self) -> None:
        """Send all of it: the child leaves. What the server does not take now is lost."""
        self._gather()
        while not self._is_empty():
            if not self._send(LAST):
                log.warning("the last metrics of this child are lost: the server takes none")
                return

    # -- adding -----------------------------------------------------------------------------------

    def _gather(self) -> None:
        """Count what has ended well, most of it just now, without a loop that goes run by run."""
        now = self._now()
        ahead = now / 1000 - time.perf_counter()
        for name, line in [*self._done.items()]:
            runs = [line.popleft() for _ in range(len(line))]
            if not runs:
                continue
            pushed, began, ended = zip(*runs, strict=True)
            ran, waits = [*map(sub, ended, began)], _waits(pushed, began, ahead)
            with self._lock:
                self._count(now // 60_000, name, len(runs), ran, waits)

    def _count(
        self, minute: int, name: str, runs: int, ran: Sequence[float], waits: Sequence[float]
    ) -> Numbers:
        """Count runs of one name and minute; what is there of them now."""
        sums = self._sums.get((minute, name)) or self._place(minute, name)
        sums[0] += runs
        for at, times in ((0, ran), (1, waits)):
            sums[2 + at] += int(sum(times) * 1e6)
            for number, count in _by_bin(times):
                sums[SUMS + 2 * number + at] += count
        return sums

    def _name(self, job: str) -> str:
        """Of jobs that are not the app's there may be any number."""
        try:
            known = self._app.registry.get(job) or self._app.find_target(job)
        except ConfigError:  # a callback class without this method
            known = None
        return job if known else ""

    def _place(self, minute: int, name: str) -> Numbers:
        if len(self._sums) < MOST:
            self._newest = minute
        return self._sums.setdefault((self._newest, name), [0] * (SUMS + 2 * BINS))

    # -- sending ----------------------------------------------------------------------------------

    def _is_empty(self) -> bool:
        return self._sending is None and not self._sums

    def _send(self, timeout: float | None = None) -> bool:
        """Send a slice, or again the one that was not answered; whether the server has it."""
        if self._sending is None:
            entries = self._take()
            if not entries:
                return True
            call = store.measure(self._app.keys, entries=entries)
            ticket = take_ticket(call, self._lane)
            self._sending = replace(call, ticket=ticket, patience=0.0)
        try:
            self._app.executor.run(self._sending, timeout=timeout)
        except StoreError as error:
            self._failures += 1
            if self._failures == 2:  # the first may be that of a connection alone
                log.warning("metrics are kept until the server takes them: %s", error)
            return False
        self._sending, self._failures = None, 0
        return True

    def _take(self) -> list[tuple[int, str, Numbers]]:
        taken: list[tuple[int, str, Numbers]] = []
        size = 0
        with self._lock:
            while self._sums and len(taken) < store.SLICE and size < store.NUMBERS:
                key = next(iter(self._sums))
                taken.append((*key, _packed(self._sums.pop(key))))
                size += len(taken[-1][-1])
        return taken


def _waits(pushed: Sequence[msgspec.Raw], began: Sequence[float], ahead: float) -> list[float]:
    """For how many seconds each lay on its queue, of those that say since when; see `waited`."""
    try:
        # Ours all do, in seconds; to read them together takes a quarter of the time.
        since = _times.decode(b"[%b]" % b",".join(pushed))
    except msgspec.DecodeError:
        since = []
    if len(since) == len(began) and min(since) > 0 and max(since) < YEAR_5000:
        waits = [start - (at - ahead) for at, start in zip(since, began, strict=True)]
        return waits if min(waits) >= 0 else [max(0.0, one) for one in waits]
    each = map(waited, pushed, (start + ahead for start in began))
    return [one for one in each if one is not None]


def _by_bin(times: Sequence[float]) -> Iterable[tuple[int, int]]:
    """Bins of a histogram, and how many of these times fall in each."""
    if not times:
        return ()
    first, last = bin_of(min(times)), bin_of(max(times))
    if first == last:  # as they mostly do
        return ((first, len(times)),)
    return Counter(map(bin_of, times)).items()


def _has_failed(event: JobEvent) -> bool:
    """As the server counts it: in a cancelled batch a failure is one, and an interruption none."""
    return event.name in FAILED or (
        event.name == "job.cancelled"
        and event.error is not None
        and not isinstance(event.error, BatchCancelled)
    )


def _packed(sums: Numbers) -> Numbers:
    """The same with pairs instead of bins: most are empty."""
    pairs = ((place, count) for place, count in enumerate(sums[SUMS:]) if count)
    return [
        *(min(one, EXACT) for one in sums[:SUMS]),
        *(number for pair in pairs for number in pair),
    ]
