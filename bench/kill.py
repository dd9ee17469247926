"""What `kill -9` of a worker at work costs: jobs lost, jobs run twice, seconds until all is done.

2,000 jobs of 5 ms, ten at a time. When 600 are done, or 2 s after the first, the worker is killed with
all its processes, and started again at once; then 90 s are given. Ours also with a child killed alone,
and with a second worker beside the one that is killed. The others: `make peers`, bench/peers.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from bench.peers import OURS, PEERS, Peer
from bench.rig import ROOT, Figure, Rig

DONE = "bench:done"
JOBS = 2000
ENOUGH = 600
SLOW = 2.0
START_PATIENCE = 60.0
PATIENCE = 90.0

Program = subprocess.Popen[bytes]


class Case(NamedTuple):
    """What is killed: gets the rig, the peer and its worker."""

    name: str
    peer: Peer
    kill: Callable[[Rig, Peer, Program], list[Program]]
    workers: int = 1


def measure(rig: Rig) -> list[Figure]:
    """One case after the other."""
    cases = [
        Case("outrider, a child killed", OURS, _child),
        Case("outrider", OURS, _worker),
        Case("outrider, a second worker beside it", OURS, _beside, workers=2),
        *(Case(peer.name, peer, _worker) for peer in PEERS),
    ]
    figures: list[Figure] = []
    for case in cases:
        if case.peer.installed:
            figures += _figures(case, *_run(rig, case))
    missing = sorted({peer.name for peer in PEERS if not peer.installed})
    if missing:
        note = f"{', '.join(missing)}: `make peers`"
        figures.append(Figure("not installed", len(missing), "peers", note=note))
    return figures


def _run(rig: Rig, case: Case) -> tuple[int, list[bytes], float | None]:
    """How many were done at the kill, all that was done, and seconds to the end, if it came."""
    rig.clear()
    subprocess.run(case.peer.filling(JOBS), cwd=ROOT, env=_environment(rig), check=True)
    programs = [_start(rig, case.peer) for _ in range(case.workers)]
    try:
        _until(partial(_done, rig), START_PATIENCE)
        _until(lambda: _done(rig) >= ENOUGH, SLOW)
        done = _done(rig)
        programs += case.kill(rig, case.peer, programs[0])
        killed = time.monotonic()
        ended = _until(lambda: len(set(_all(rig))) == JOBS, PATIENCE)
        seconds = time.monotonic() - killed
        return done, _all(rig), seconds if ended else None
    finally:
        for program in programs:
            _end(program)


def _figures(case: Case, done: int, ran: list[bytes], seconds: float | None) -> list[Figure]:
    """The two lines of a case; a rule for ours alone."""
    runs = Counter(ran)
    lost, twice = JOBS - len(runs), sum(count > 1 for count in runs.values())
    ours = case.peer is OURS
    note = f"{done} done at the kill; {twice} ran twice"
    figures = [Figure(case.name, lost, "lost", rule=("<=", 0) if ours else None, note=note)]
    if seconds is not None:
        rule = ("<=", 45.0) if ours else None
        figures.append(Figure("  all done after", seconds, "s", rule=rule))
    return figures


def _child(rig: Rig, peer: Peer, worker: Program) -> list[Program]:  # noqa: ARG001 - as the others
    """Kill the child that runs the jobs; its supervisor lives."""
    children = Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()
    os.kill(int(children[0]), signal.SIGKILL)
    return []


def _beside(rig: Rig, peer: Peer, worker: Program) -> list[Program]:  # noqa: ARG001
    """Kill a worker; the other one goes on."""
    os.killpg(worker.pid, signal.SIGKILL)
    return []


def _worker(rig: Rig, peer: Peer, worker: Program) -> list[Program]:
    """Kill a worker with all its processes, and start it again."""
    os.killpg(worker.pid, signal.SIGKILL)
    return [_start(rig, peer)]


def _start(rig: Rig, peer: Peer) -> Program:
    """A worker in a group of its own, so that all of it can be killed. What it says is left."""
    return subprocess.Popen(
        peer.command(),
        cwd=ROOT,
        env=_environment(rig),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=(rig.folder / "peers.log").open("ab"),
        start_new_session=True,
    )


def _end(program: Program) -> None:
    """Leave nothing of it."""
    try:
        os.killpg(program.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    program.wait()


def _environment(rig: Rig) -> dict[str, str]:
    return {**os.environ, "OUTRIDER_URL": rig.url, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}


def _done(rig: Rig) -> int:
    return int(rig.wire("LLEN", DONE))


def _all(rig: Rig) -> list[bytes]:
    found: list[bytes] = rig.wire("LRANGE", DONE, 0, -1)
    return found


def _until(condition: Callable[[], object], patience: float) -> bool:
    """Wait until something holds; whether it did within so many seconds."""
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
