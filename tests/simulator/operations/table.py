"""The table of what may happen next: one function an operation, drawn by weight."""

from __future__ import annotations

from collections.abc import Callable

from tests.simulator.simulation import Simulation

Operation = Callable[[Simulation], None]
OPERATIONS: list[Operation] = []
WEIGHTS: list[int] = []
CALM: list[int] = []


def operation(weight: int, *, calm: int | None = None) -> Callable[[Operation], Operation]:
    """Let a function be drawn; it sends nothing when it finds nothing to do.

    `calm` is its weight in the schedules in which little goes wrong, and trees get far.
    """

    def note(function: Operation) -> Operation:
        OPERATIONS.append(function)
        WEIGHTS.append(weight)
        CALM.append(weight if calm is None else calm)
        return function

    return note


def step(sim: Simulation) -> None:
    """Do something."""
    sim.rng.choices(OPERATIONS, CALM if sim.calm else WEIGHTS)[0](sim)
