"""What people see of workers, and tell them."""

from __future__ import annotations

from tests.simulator.messages.looking import Fade, LookAtBoards, Prune, Roll, Signal
from tests.simulator.messages.overviews import LookAtAll, LookAtBatches
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


@operation(1, calm=0)
def look_at_all(sim: Simulation) -> None:
    """Somebody reads all numbers."""
    sim.send(LookAtAll())


@operation(2, calm=1)
def look_at_batches(sim: Simulation) -> None:
    """Somebody reads a page of batches; where they were, one may have gone."""
    dead = sim.rng.choice((0, 1))
    listed = sim.before.scored("o:deaths" if dead else "o:batches")
    score, last = 0.0, ""
    if listed and sim.chance(0.7):
        bid = sim.rng.choice(sorted(listed))
        score, last = listed[bid] + sim.rng.choice((0, 0, 1)), bid.decode()
        last = sim.rng.choice((last, last, "0" * 16, "f" * 16))
    newest, full = sim.rng.choice((0, 1)), sim.rng.choice((0, 1, 1))
    sim.send(LookAtBatches(dead, newest, full, score, last, sim.rng.choice((1, 3, 50))))
