"""Runs schedules: random steps from a seed, then a drain; says how to repeat what went wrong."""

from __future__ import annotations

import argparse
import logging
import random
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from outrider.embedded import Server
from outrider.script import Script
from tests.simulator.drain import drain
from tests.simulator.faults import FAULTS, plant
from tests.simulator.operations import step
from tests.simulator.simulation import Simulation
from tests.simulator.world import Violation, Wire

LENGTH = 400


class Failed(AssertionError):
    """A schedule broke an invariant; the message tells all. `steps` is how many were needed."""

    def __init__(self, seed: int, schedule: int, steps: int, broken: Simulation, why: Violation):
        self.violation, self.steps = why, steps
        history = "\n".join(f"  {line}" for line in broken.log)
        super().__init__(
            f"seed {seed}, schedule {schedule}, step {broken.steps}\n{history}\n{why}\n"
            f"repeat: python -m tests.simulator --seed {seed} --first {schedule} --schedules 1"
        )


class Report(NamedTuple):
    """What a run did; `trails` are digests of all that was sent and answered, one a schedule."""

    steps: int
    trails: list[str]


def run(
    url: str,
    seed: int,
    steps: int,
    faulty: Mapping[str, Script] | None = None,
    *,
    first: int = 0,
    schedules: int = 1_000_000,
) -> Report:
    """Run schedules until `steps` are done, or so many `schedules`; `first` is a number to go by.

    Each schedule is drawn from the seed and its number alone. Raises Failed.
    """
    done, trails = 0, []
    with closing(Wire(url, faulty)) as wire:
        for schedule in range(first, first + schedules):
            if done >= steps:
                break
            with closing(Simulation(wire, random.Random(f"{seed}/{schedule}"))) as simulation:
                try:
                    while simulation.steps < LENGTH:
                        step(simulation)
                    drain(simulation)
                except Violation as why:
                    needed = done + simulation.steps
                    raise Failed(seed, schedule, needed, simulation, why) from why
            done += simulation.steps
            trails.append(simulation.trail.hexdigest())
    return Report(done, trails)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulator", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--steps", type=int, default=20_000, help="at least, unless --schedules")
    parser.add_argument("--first", type=int, default=0, help="number of the first schedule")
    parser.add_argument("--schedules", type=int, default=1_000_000, help="at most")
    parser.add_argument("--fault", choices=sorted(FAULTS), help="plant this fault")
    parser.add_argument("--url", help="of a server to use instead of a private one; it is emptied")
    given = parser.parse_args()
    faulty = plant(given.fault) if given.fault else None
    logging.disable(logging.WARNING)
    failure = ""
    folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    with folder as name, Server.start(Path(name)) as server:
        url, started = given.url or server.url, time.perf_counter()
        try:
            steps, trails = run(
                url, given.seed, given.steps, faulty, first=given.first, schedules=given.schedules
            )
        except Failed as failed:
            failure, steps, trails = str(failed), failed.steps, []
        took = time.perf_counter() - started
    sys.stdout.write(
        f"seed {given.seed}: {steps} steps in {len(trails)} schedules, "
        f"{took:.1f} s, {steps / took:.0f} steps/s\n"
    )
    if failure:
        sys.exit(failure)
