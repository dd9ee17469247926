"""What an idle worker costs: round trips and CPU, serving one queue and serving two.

Each worker talks to the server through a proxy of ours that counts: see proxy.py. Round trips do
not depend on the machine.
"""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

from bench.proxy import Proxy
from bench.rig import Figure, Rig

SECONDS = 20.0
CASES = (("one queue", ("-q", "a")), ("two queues", ("-q", "a", "-q", "b")))
TWO = ("one queue, 2 processes", ("-q", "a", "-p", "2"))


class Case(NamedTuple):
    """A worker, and what is measured of it."""

    name: str
    worker: subprocess.Popen[bytes]
    proxy: Proxy


def measure(rig: Rig) -> list[Figure]:
    """Leave workers alone, all at the same time, and count."""
    cases = []
    for number, (name, options) in enumerate((*CASES, TWO)):
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
        rule = None if case.name == TWO[0] else ("<=", 2.0)
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
