"""Jobs are paused by their name, and go on."""

from __future__ import annotations

from tests.simulator.messages.held import Handback, PauseName
from tests.simulator.operations.table import operation
from tests.simulator.payloads import NAMES, read
from tests.simulator.simulation import Simulation


@operation(3, calm=2)
def pause_name(sim: Simulation) -> None:
    """Somebody pauses a name, or lets it go on."""
    paused = sorted(sim.model.paused_names)
    if paused and sim.chance(0.7):
        sim.send(PauseName(sim.rng.choice(paused), on=False))
    else:
        sim.send(PauseName(sim.rng.choice(NAMES), on=True))


@operation(4, calm=4)
def hand_back(sim: Simulation) -> None:
    """Some worker's scheduler hands back a slice."""
    if sim.before.aside:
        sim.send(Handback(sim.rng.choice((1, 2, 500)), sim.rng.choice((1, 300, 1 << 18))))


@operation(8, calm=6)
def hand_back_behind(sim: Simulation) -> None:
    """A name goes on, and what an audit looks for is handed back in the middle of it."""
    bids = {bid for one in sim.audits if not one.over for bid in one.bids}
    sought = [
        name
        for name, jobs in sorted(sim.before.aside.items())
        if any((job.member or job.callback or [""])[0] in bids for job in map(read, jobs))
    ]
    if sought:
        sim.send(PauseName(sim.rng.choice(sought), on=False))
        sim.send(Handback(500, 1 << 18))
