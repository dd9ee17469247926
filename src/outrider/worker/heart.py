"""The heartbeat: keeps the lease, shows the worker and its running jobs to people, and takes over
what workers held whose own heart has stopped.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

from outrider import clock
from outrider.io import Executor
from outrider.keys import Keys
from outrider.store import process
from outrider.store.process import LIFE_MS
from outrider.version import VERSION
from outrider.worker.crew import Child
from outrider.worker.keeping import SLICE
from outrider.worker.memory import rss_kb
from outrider.worker.order import QueueOrder
from outrider.worker.slots import Running

log = logging.getLogger("outrider.worker")
BEAT, LOOK = 5.0, 0.5
SIGNALS = {"TSTP": signal.SIGTSTP, "TERM": signal.SIGTERM, "TTIN": signal.SIGTTIN}


class Heart:
    """Beats every 5 seconds; also the worker's idea of the server's time.

    It beats sooner when a job has begun or ended that runs for half a second or longer: so people
    see it, and it is blamed should this host be lost. And when it is `quiet`, so people see that.
    `beaten` is when the server heard it last, in monotonic seconds.
    """

    def __init__(
        self,
        executor: Executor,
        keys: Keys,
        order: QueueOrder,
        concurrency: int,
        children: Callable[[], list[Child]],
    ) -> None:
        self.identity = f"{socket.gethostname()}:{os.getpid()}:{os.urandom(6).hex()}"
        self.quiet = False
        self._shown_quiet = False
        self._executor = executor
        self._keys = keys
        self._concurrency = concurrency
        self._children = children
        self._info = json.dumps(self._about(order))
        self._register = 1
        self._ahead = clock.now_ms() - int(time.monotonic() * 1000)
        self._rtt_us = 0
        self._beat_at = 0.0
        self.beaten = 0.0
        self._shown: set[int] = set()
        self._lasting: set[int] = set()
        self._heard = ""

    def now(self) -> int:
        """The server's time in ms, as of the last beat: the clocks of hosts differ, and jump."""
        return int(time.monotonic() * 1000) + self._ahead

    def tick(self) -> float:
        """Beat if it is time, and give back a slice of the jobs of a worker that is lost."""
        running = [(child.name, job) for child in self._children() for job in child.table.running()]
        if not self._is_due([job for _, job in running]):
            return LOOK
        work = [
            (f"{name}-{job.slot}", name, job.token, job.started_at // 1000) for name, job in running
        ]
        self._beat_at = 0.0  # due until it has arrived
        started = time.perf_counter()
        call = process.beat(
            self._keys,
            identity=self.identity,
            life=LIFE_MS,
            register=self._register,
            fields=self._fields(len(work)),
            work=work,
            heard=self._heard,
            override=0,
        )
        reap = process.reap(self._keys, limit=SLICE, override=0)
        beat, lost = self._executor.run_all([call, reap])
        self._rtt_us = int((time.perf_counter() - started) * 1e6)
        self._ahead = beat.now - int(time.monotonic() * 1000)
        if not beat.alive:
            log.error("the lease had lapsed, and jobs held here were given to others; registering")
            self._register = 1
            return 0.0
        self._register = 0
        self.beaten = time.monotonic()
        self._heard = beat.signal
        if beat.signal in SIGNALS:
            os.kill(os.getpid(), SIGNALS[beat.signal])
        if lost.identity:
            log.warning("worker %s is lost: %d of its jobs go back", lost.identity, lost.moved)
        if beat.signal or lost.identity:
            return 0.0
        self._beat_at = time.monotonic() + BEAT
        return max(0.0, min(LOOK, self._beat_at - time.monotonic()))

    def _is_due(self, running: list[Running]) -> bool:
        """Whether to beat now; if so, these are the jobs that it shows."""
        now = {job.token for job in running}
        since = clock.now_ms() - int(LOOK * 1000)
        lasting = {job.token for job in running if job.started_at <= since}
        is_due = (
            time.monotonic() >= self._beat_at
            or self.quiet != self._shown_quiet
            or not lasting <= self._shown
            or not self._lasting <= now
        )
        self._lasting = lasting
        if is_due:
            self._shown, self._shown_quiet = now, self.quiet
        return is_due

    def _fields(self, busy: int) -> list[str | int]:
        pids = [os.getpid(), *(child.process.pid for child in self._children())]
        return [
            *("info", self._info),
            *("concurrency", self._concurrency),
            *("busy", busy),
            *("quiet", "true" if self.quiet else "false"),
            *("rtt_us", self._rtt_us),
            *("rss", sum(map(rss_kb, pids))),
        ]

    def _about(self, order: QueueOrder) -> dict[str, object]:
        # Field names and shapes are Sidekiq 8's, so that its web UI shows this worker.
        weights = dict(zip(order.names, order.weights or (0,) * len(order.names), strict=True))
        mode = "strict" if order.weights is None else "weighted"
        capsule = {"concurrency": self._concurrency, "mode": mode, "weights": weights}
        return {
            "hostname": socket.gethostname(),
            "started_at": clock.now(),
            "pid": os.getpid(),
            "tag": Path.cwd().name,
            "concurrency": self._concurrency,
            "capsules": {"default": capsule},
            "queues": list(order.names),
            "weights": [weights],
            "labels": ["outrider"],
            "identity": self.identity,
            "version": VERSION,
            "embedded": False,
        }
