"""Runs schedules: random steps from a seed, then a drain; says how to repeat what went wrong."""

from __future__ import annotations

import random
from collections.abc import Mapping
from contextlib import closing
from typing import NamedTuple

from outrider.script import Script
from tests.simulator.drain import drain
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
    wiring: type[Wire] = Wire,
) -> Report:
    """Run schedules until `steps` are done, or so many `schedules`; `first` is a number to go by.

    Each schedule is drawn from the seed and its number alone. Raises Failed.
    """
    done, trails = 0, []
    with closing(wiring(url, faulty)) as wire:
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
