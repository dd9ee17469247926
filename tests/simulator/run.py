"""Runs schedules: random steps from a seed, then a drain; says how to repeat what went wrong."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import deque
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from outrider.embedded import Server
from outrider.script import Script
from tests.simulator.drain import drain
from tests.simulator.faults import FAULTS, plant
from tests.simulator.operations import step
from tests.simulator.simulation import Simulation
from tests.simulator.world import Violation, Wire

SCHEDULE = 400


class Failed(AssertionError):
    """A schedule broke an invariant; the message tells all."""

    def __init__(self, seed: int, schedule: int, taken: int, log: deque[str], what: Violation):
        self.violation, self.steps = what, taken
        history = "\n".join(f"  {line}" for line in log)
        super().__init__(
            f"seed {seed}, schedule {schedule}, step {taken}\n{history}\n{what}\n"
            f"repeat: python -m tests.simulator --seed {seed} --steps {taken}"
        )


def run(url: str, seed: int, steps: int, faulty: Mapping[str, Script] | None = None) -> int:
    """Run schedules of `SCHEDULE` steps and a drain each until `steps` are done; how many were.

    Raises Failed.
    """
    done = schedule = 0
    with closing(Wire(url, faulty)) as wire:
        while done < steps:
            simulation = Simulation(wire, random.Random(f"{seed}/{schedule}"))
            try:
                while simulation.steps < min(SCHEDULE, steps - done):
                    step(simulation)
                drain(simulation)
            except Violation as violation:
                done += simulation.steps
                raise Failed(seed, schedule, done, simulation.log, violation) from violation
            done, schedule = done + simulation.steps, schedule + 1
    return done


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulator", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--fault", choices=sorted(FAULTS), help="plant this fault")
    parser.add_argument("--url", help="of a server to use instead of a private one; it is emptied")
    options = parser.parse_args()
    faulty = plant(options.fault) if options.fault else None
    failure = ""
    folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    with folder as name, Server.start(Path(name)) as server:
        started = time.perf_counter()
        try:
            done = run(options.url or server.url, options.seed, options.steps, faulty)
        except Failed as failed:
            done, failure = failed.steps, str(failed)
        took = time.perf_counter() - started
    if failure:
        sys.exit(failure)
    sys.stdout.write(f"seed {options.seed}: {done} steps in {took:.1f} s, {done / took:.0f}/s\n")
