"""What people do through our inspection API."""

from __future__ import annotations

from outrider.store.place import Place
from tests.simulator.messages.base import Message
from tests.simulator.messages.places import Clear, Remove, Requeue, lying
from tests.simulator.operations.people import is_awaited
from tests.simulator.operations.table import operation
from tests.simulator.payloads import read, retried
from tests.simulator.simulation import SERVED, Simulation

SETS = (Place("schedule"), Place("retry"), Place("dead"))


def pick(sim: Simulation, places: list[Place]) -> tuple[Place, bytes] | None:
    """A job of one of these places, of a tree that is not settled if there is one."""
    filled = [where for where in places if lying(sim.before, where)]
    if not filled:
        return None
    where = sim.rng.choice(filled)
    payloads = lying(sim.before, where)
    below = [payload for payload in payloads if is_awaited(sim, payload)]
    return where, sim.rng.choice(below if below and sim.chance(0.6) else payloads)


def deliver(sim: Simulation, message: Message) -> None:
    """Send it, perhaps twice, perhaps once more later."""
    sim.send(message)
    if sim.chance(0.2):
        sim.send(message, "again: ")
    if sim.chance(0.1):
        sim.sent.append(message)


@operation(4, calm=2)
def remove(sim: Simulation) -> None:
    """Somebody deletes or kills a job."""
    queues = [Place("queue", name) for name in SERVED]
    if found := pick(sim, [*queues, *SETS]):
        where, payload = found
        kills = where.kind != "dead" and sim.chance(0.5)
        failure = '{"by":"hand"}' if kills and sim.chance(0.7) else ""
        deliver(sim, Remove(where, payload, "dead" if kills else "", failure, sim.clock()))


@operation(4, calm=6)
def requeue(sim: Simulation) -> None:
    """Somebody retries a job."""
    if found := pick(sim, [*SETS]):
        where, payload = found
        rewrites = read(payload).readable and sim.chance(0.5)
        changed = retried(payload).encode() if rewrites else payload
        deliver(sim, Requeue(where, payload, changed or payload, sim.clock()))


@operation(1, calm=0)
def clear(sim: Simulation) -> None:
    """Somebody clears a queue or a set, or begins to."""
    queues = [Place("queue", name) for name in SERVED]
    where = sim.rng.choice([*queues, *SETS])
    sim.send(Clear(where, sim.rng.choice((1, 2, 5, 250)), sim.clock()))
