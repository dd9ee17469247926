"""Jobs are paused by their name, and go on."""

from __future__ import annotations

from tests.simulator.messages.held import Handback, PauseName
from tests.simulator.operations.table import operation
from tests.simulator.payloads import NAMES
from tests.simulator.simulation import Simulation

CALLBACKS = ("app.callback",) * 3
"""They are few, so their name is paused more often."""


@operation(3, calm=2)
def pause_name(sim: Simulation) -> None:
    """Somebody pauses a name, or lets it go on."""
    paused = sorted(sim.model.paused_names)
    if paused and sim.chance(0.7):
        sim.send(PauseName(sim.rng.choice(paused), on=False))
    else:
        sim.send(PauseName(sim.rng.choice((*NAMES, *CALLBACKS)), on=True))


@operation(4, calm=4)
def hand_back(sim: Simulation) -> None:
    """Some worker's scheduler hands back a slice."""
    if sim.before.aside:
        sim.send(Handback(sim.rng.choice((1, 2, 500)), sim.rng.choice((1, 300, 1 << 18))))
