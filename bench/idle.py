"""What an idle worker costs: round trips and CPU, serving queues that are empty, or paused.

Each worker talks to the server through a proxy of ours that counts: see tests/process/proxy.py.
Round trips do not depend on the machine.
"""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

from bench.jobs import app, noop
from bench.rig import Figure, Rig
from tests.process.proxy import Proxy

SECONDS = 20.0
MOST = {"one queue": 2.0, "two queues": 2.0, "one paused queue": 3.0, "ten paused queues": 3.0}
PAUSED = [f"p{number}" for number in range(10)]
"""Each holds a job. Which queues are paused is asked once for all of a process."""


def _serving(*queues: str) -> tuple[str, ...]:
    return tuple(word for name in queues for word in ("-q", name))


CASES = (
    ("one queue", _serving("a")),
    ("two queues", _serving("a", "b")),
    ("one queue, 2 processes", (*_serving("a"), "-p", "2")),
    ("one paused queue", _serving(PAUSED[0])),
    ("ten paused queues", _serving(*PAUSED)),
)


class Case(NamedTuple):
    """A worker, and what is measured of it."""

    name: str
    worker: subprocess.Popen[bytes]
    proxy: Proxy


def measure(rig: Rig) -> list[Figure]:
    """Leave workers alone, all at the same time, and count."""
    cases = []
    for name in PAUSED:
        app.queues[name].pause()
        noop.using(queue=name).enqueue(0)
    for number, (name, options) in enumerate(CASES):
        proxy = Proxy(rig.folder / f"proxy{number}.sock", rig.url)
        cases.append(Case(name, rig.worker(*options, url=proxy.url), proxy))
    time.sleep(4.0)
    trips = [case.proxy.trips for case in cases]
    used = [cpu_seconds(case.worker.pid) for case in cases]
    time.sleep(SECONDS)
    figures = []
    for case, trips_before, used_before in zip(cases, trips, used, strict=True):
        rate = (case.proxy.trips - trips_before) / SECONDS
        cpu = (cpu_seconds(case.worker.pid) - used_before) / SECONDS * 100
        rule = ("<=", MOST[case.name]) if case.name in MOST else None
        figures.append(Figure(case.name, rate, "trips/s", rule=rule))
        figures.append(Figure("  CPU of its processes", cpu, "%"))
    for case in cases:
        rig.end(case.worker)
        case.proxy.close()
    return figures


def cpu_seconds(pid: int) -> float:
    """CPU seconds that a process and its children have used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    used = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return used + sum(cpu_seconds(int(child)) for child in children)
