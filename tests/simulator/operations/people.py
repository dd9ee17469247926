"""What people do by hand, and what time does."""

from __future__ import annotations

from tests.simulator.messages.people import Forget, Pause, Revive
from tests.simulator.operations.table import operation
from tests.simulator.payloads import reordered
from tests.simulator.simulation import Simulation


@operation(2)
def pause(sim: Simulation) -> None:
    """Somebody pauses a queue, or lets it go on."""
    sim.send(Pause(sim.queue(), sim.chance(0.4)))


@operation(4)
def revive(sim: Simulation) -> None:
    """Somebody brings a dead job back, or does not wait for a retry."""
    source = sim.rng.choice(("dead", "dead", "retry"))
    if payloads := sorted(sim.before.scored(source)):
        payload = sim.rng.choice(payloads)
        text = reordered(payload) if sim.chance(0.3) else payload.decode()
        sim.send(Revive(source, payload, sim.queue(), text))


@operation(3)
def forget(sim: Simulation) -> None:
    """The time of a finished batch has come."""
    finished = [bid for bid in sim.before.batches if sim.before.ttl[f"o:batch:{bid}"] > 0]
    if finished:
        sim.send(Forget(sim.rng.choice(finished)))
