"""What people do by hand, and what time does."""

from __future__ import annotations

from tests.simulator.messages.people import Forget, Pause, Revive
from tests.simulator.operations.table import operation
from tests.simulator.payloads import read, reordered
from tests.simulator.simulation import Simulation


@operation(2, calm=0)
def pause(sim: Simulation) -> None:
    """Somebody pauses a queue, or lets it go on."""
    sim.send(Pause(sim.queue(), sim.chance(0.4)))


def is_awaited(sim: Simulation, payload: bytes) -> bool:
    """Whether a job is one of a batch, or a callback of it, whose parent has not settled."""
    job = read(payload)
    place = job.member or job.callback
    return place is not None and place[0] in sim.model.awaited()


@operation(6, calm=14)
def revive(sim: Simulation) -> None:
    """Somebody brings a dead job back, or does not wait for a retry."""
    source = sim.rng.choice(("dead", "dead", "retry"))
    if payloads := sorted(sim.before.scored(source)):
        below = [payload for payload in payloads if is_awaited(sim, payload)]
        payload = sim.rng.choice(below if below and sim.chance(0.6) else payloads)
        text = reordered(payload) if sim.chance(0.3) else payload.decode()
        sim.send(Revive(source, payload, sim.queue(), text))


@operation(3)
def forget(sim: Simulation) -> None:
    """The time of a finished batch has come."""
    finished = [bid for bid in sim.before.batches if sim.before.ttl[f"o:batch:{bid}"] > 0]
    if finished:
        sim.send(Forget(sim.rng.choice(finished)))
