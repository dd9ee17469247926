"""How long jobs that were claimed ahead are held up, while another process has free slots.

The pump: jobs that were taken to be quick are behind slow ones. The supervisor: they are behind one
that holds the interpreter of its process. *Held* is from the claim to the moment in which the claim
is gone, since the job was given back or reported, of all jobs but the slow ones; *started* is from
the moment in which the queue is empty, so all are claimed, to the start of each job behind them.
Those that start at once, where they were claimed, are among them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from bench.jobs import app, grab, hold, noop, stamp
from bench.rig import Figure, Rig, percentile
from bench.wire import Wire

ROUNDS = 10
QUICK, JOBS = 2_000, 10
SLOW = (4001, 4002)


def measure(rig: Rig) -> list[Figure]:
    """Both ways, on a worker of two processes."""
    ways = (
        ("pump: behind slow jobs", _slow, 4, 50.0),
        ("supervisor: behind a held interpreter", _held, 20, 1000.0),
    )
    figures = []
    for what, push, slots, bound in ways:
        held: list[float] = []
        waits: list[float] = []
        with rig.idle_worker("-c", str(slots // 2), "-p", "2"):
            for _ in range(ROUNDS):
                waits += _round(rig, push, held)
        figures += [
            _longest(f"{what}, held", held, ("<=", bound)),
            _longest("  until they start", waits),
        ]
    return figures


def _longest(what: str, times: list[float], rule: tuple[str, float] | None = None) -> Figure:
    note = f"p50 {percentile(times, 50):.0f}, p90 {percentile(times, 90):.0f}, {len(times)} jobs"
    return Figure(what, max(times), "ms", rule=rule, note=f"longest; {note}")


class Claims:
    """Watches all claims on a thread: when each was first and last seen, to a millisecond."""

    def __init__(self, rig: Rig) -> None:
        self._wire = Wire(rig.url)
        self._seen: dict[bytes, tuple[float, float]] = {}
        self._over = False
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self) -> None:
        while not self._over:
            tokens = _tokens(self._wire)
            now = time.monotonic()
            for token in tokens:
                first, _ = self._seen.get(token, (now, now))
                self._seen[token] = first, now
            time.sleep(0.0005)

    def end(self) -> list[float]:
        """Milliseconds for which each claim stood, but for those that still stand."""
        self._over = True
        self._thread.join()
        left = _tokens(self._wire)
        self._wire.close()
        return [
            (last - first) * 1000
            for token, (first, last) in self._seen.items()
            if token not in left
        ]


def _tokens(wire: Wire) -> set[bytes]:
    keys = wire("KEYS", app.keys("claims", "*"))
    return {token for found in wire.exchange([("HKEYS", key) for key in keys]) for token in found}


def _round(rig: Rig, push: Callable[[], None], held: list[float]) -> list[float]:
    """Milliseconds until each of the jobs starts; adds to `held` how long each claim stood."""
    rig.stamps.clear()
    key, aside = app.keys("queue", "default"), "bench:aside"
    rig.wire("SADD", app.keys("paused"), "default")
    push()
    rig.wire("RENAME", key, aside)
    rig.wire("SREM", app.keys("paused"), "default")
    time.sleep(1.5)  # until every waiter has seen that it is not paused, and waits for the queue
    claims = Claims(rig)
    rig.wire("RENAME", aside, key)
    while rig.wire("LLEN", key):
        pass
    begin = time.monotonic_ns()
    starts = [rig.stamps.wait(number) for number in range(1, JOBS)]
    _calm(rig, slow=2)
    held += claims.end()
    for number in SLOW:
        rig.stamps.note(number, begin)
    _calm(rig, slow=0)
    return [max(0.0, (at - begin) / 1e6) for at in starts]


def _calm(rig: Rig, slow: int) -> None:
    """Wait until nothing is held any more, but for so many slow jobs."""
    while len(_tokens(rig.wire)) > slow:
        time.sleep(0.02)


def _slow() -> None:
    noop.enqueue_many([(i,) for i in range(QUICK)])
    for number in SLOW:
        hold.enqueue(number)
    for number in range(1, JOBS):
        stamp.enqueue(number)


def _held() -> None:
    grab.enqueue(3.0)
    for number in range(1, JOBS):
        stamp.enqueue(number)
