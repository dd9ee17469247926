"""What `kill -9` of a worker at work costs: jobs lost, jobs run twice, seconds until all is done.

2,000 jobs of 5 ms, ten at a time. Some ms after 600 are done, or 2 s after the first, the worker
is killed with all its processes, and started again at once; then 90 s are given. Ours also with a
child killed alone, and with a second worker beside the one killed. The others: `make peers`.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

from bench.peers import OURS, PEERS, Peer
from bench.rig import ROOT, Figure, Rig, spread

DONE = "bench:done"
JOBS = 2000
ENOUGH = 600
SLOW = 2.0
START_PATIENCE = 60.0
PATIENCE = 90.0
ROUNDS = 3

Program = subprocess.Popen[bytes]


class Case(NamedTuple):
    """What is killed: gets the rig, the peer and its worker."""

    name: str
    peer: Peer
    kill: Callable[[Rig, Peer, Program], list[Program]]
    workers: int = 1


class Outcome(NamedTuple):
    """What came of a kill. `seconds` is how long it took until all was done; None: it was not."""

    done: int
    lost: int
    twice: int
    seconds: float | None


def measure(rig: Rig) -> list[Figure]:
    """Kill each some times, in turn."""
    cases = [
        Case("outrider, a child killed", OURS, _child),
        Case("outrider", OURS, _worker),
        Case("outrider, a second worker beside it", OURS, _beside, workers=2),
        *(Case(peer.name, peer, _worker) for peer in PEERS if peer.installed),
    ]
    found: list[list[Outcome]] = [[] for _ in cases]
    for _ in range(ROUNDS):
        for case, outcomes in zip(cases, found, strict=True):
            outcomes.append(_run(rig, case))
    figures = [
        figure
        for case, outcomes in zip(cases, found, strict=True)
        for figure in _figures(case, outcomes)
    ]
    missing = [peer.name for peer in PEERS if not peer.installed]
    if missing:
        note = f"{', '.join(missing)}: `make peers`"
        figures.append(Figure("not installed", len(missing), "peers", note=note))
    return figures


def _run(rig: Rig, case: Case) -> Outcome:
    """One kill."""
    rig.clear()
    subprocess.run(case.peer.filling(JOBS), cwd=ROOT, env=_environment(rig), check=True)
    programs = [_start(rig, case.peer) for _ in range(case.workers)]
    try:
        _until(partial(_done, rig), START_PATIENCE)
        _until(lambda: _done(rig) >= ENOUGH, SLOW)
        # Whose jobs run in waves is not always to be hit at the end of one.
        time.sleep(random.uniform(0, 0.02))
        done = _done(rig)
        programs += case.kill(rig, case.peer, programs[0])
        killed = time.monotonic()
        ended = _until(lambda: len(set(_all(rig))) == JOBS, PATIENCE)
        seconds = time.monotonic() - killed
        runs = Counter(_all(rig))
    finally:
        for program in programs:
            _end(program)
    twice = sum(count > 1 for count in runs.values())
    return Outcome(done, JOBS - len(runs), twice, seconds if ended else None)


def _figures(case: Case, outcomes: list[Outcome]) -> list[Figure]:
    """The lines of a case: its worst loss, and the usual time. Rules are for ours alone."""
    ours = case.peer is OURS
    lost = [outcome.lost for outcome in outcomes]
    twice = [outcome.twice for outcome in outcomes]
    note = (
        f"done at the kill: {', '.join(str(outcome.done) for outcome in outcomes)}; "
        f"ran twice: {', '.join(map(str, twice))}"
    )
    rule = ("<=", 0.0) if ours else None
    figures = [Figure(case.name, max(lost), "lost", min(lost), max(lost), rule, note)]
    seconds = [outcome.seconds for outcome in outcomes if outcome.seconds is not None]
    if seconds:
        rule = ("<=", 45.0) if ours else None
        note = f"in {len(seconds)} of {len(outcomes)}" if len(seconds) < len(outcomes) else ""
        figures.append(spread("  all done after", seconds, "s", rule, note))
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
    with suppress(ProcessLookupError):
        os.killpg(program.pid, signal.SIGKILL)
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
