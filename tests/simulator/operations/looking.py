"""What people see of workers, and tell them."""

from __future__ import annotations

from tests.simulator.messages.looking import Fade, LookAtBoards, Prune, Roll, Signal
from tests.simulator.operations.producers import send_laned
from tests.simulator.operations.table import operation
from tests.simulator.simulation import Simulation


@operation(1)
def look(sim: Simulation) -> None:
    """Somebody looks who is there, and takes those off the list that are gone."""
    names = [one.identity for one in sim.send(Roll()).listed]
    if sim.chance(0.5):
        sim.send(Prune([*names, *sim.lost]))
    sim.send(LookAtBoards(sorted(names), sim.rng.choice((2, 1000))))


@operation(2)
def signal(sim: Simulation) -> None:
    """Somebody tells a worker something, and perhaps once more."""
    if everyone := [*sim.hosts, *sim.lost]:
        identity, name = sim.rng.choice(everyone), sim.rng.choice(("TSTP", "TERM", "TTIN"))
        for _ in range(sim.rng.choice((1, 2))):
            send_laned(sim, Signal(sim.ticket(), identity, name))


@operation(1, calm=0)
def fade(sim: Simulation) -> None:
    """Workers say nothing for a minute; somebody may notice before they do again."""
    for identity in [*sim.hosts, *sim.lost]:
        if sim.chance(0.5):
            sim.send(Fade(identity))
    sim.rng.choice((look, signal))(sim)
