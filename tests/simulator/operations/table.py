"""The table of what may happen next: one function an operation, drawn by weight."""

from __future__ import annotations

from collections.abc import Callable

from tests.simulator.simulation import Simulation

Operation = Callable[[Simulation], None]
OPERATIONS: list[Operation] = []
WEIGHTS: list[int] = []


def operation(weight: int) -> Callable[[Operation], Operation]:
    """Let a function be drawn; it sends nothing when it finds nothing to do."""

    def note(function: Operation) -> Operation:
        OPERATIONS.append(function)
        WEIGHTS.append(weight)
        return function

    return note


def step(sim: Simulation) -> None:
    """Do something."""
    sim.rng.choices(OPERATIONS, WEIGHTS)[0](sim)
