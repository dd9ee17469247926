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
from outrider.version import VERSION
from outrider.worker.crew import Child
from outrider.worker.keeping import SLICE
from outrider.worker.order import QueueOrder

log = logging.getLogger("outrider.worker")
LIFE_MS = 30_000
BEAT = 5.0
SIGNALS = {"TSTP": signal.SIGTSTP, "TERM": signal.SIGTERM, "TTIN": signal.SIGTTIN}


class Heart:
    """Beats every 5 seconds; also the worker's idea of the server's time."""

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
        self._executor = executor
        self._keys = keys
        self._concurrency = concurrency
        self._children = children
        self._info = json.dumps(self._about(order))
        self._register = 1
        self._ahead = clock.now_ms() - int(time.monotonic() * 1000)
        self._rtt_us = 0

    def now(self) -> int:
        """The server's time in ms, as of the last beat: the clocks of hosts differ, and jump."""
        return int(time.monotonic() * 1000) + self._ahead

    def tick(self) -> float:
        """Beat once, and give back a slice of the jobs of a worker whose lease has lapsed."""
        work = [
            (f"{child.name}-{job.slot}", child.name, job.token, job.started_at // 1000)
            for child in self._children()
            for job in child.table.running()
        ]
        started = time.perf_counter()
        call = process.beat(
            self._keys,
            identity=self.identity,
            life=LIFE_MS,
            register=self._register,
            fields=self._fields(len(work)),
            work=work,
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
        if beat.signal in SIGNALS:
            os.kill(os.getpid(), SIGNALS[beat.signal])
        if lost.identity:
            log.warning("worker %s is lost: %d of its jobs go back", lost.identity, lost.moved)
            return 0.0
        return BEAT

    def _fields(self, busy: int) -> list[str | int]:
        pids = [os.getpid(), *(child.process.pid for child in self._children())]
        return [
            *("info", self._info),
            *("concurrency", self._concurrency),
            *("busy", busy),
            *("quiet", "true" if self.quiet else "false"),
            *("rtt_us", self._rtt_us),
            *("rss", sum(map(_rss_kb, pids))),
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


def _rss_kb(pid: int) -> int:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024
