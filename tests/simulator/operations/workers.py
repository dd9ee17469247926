"""What workers do with jobs."""

from __future__ import annotations

from outrider.script import BYTES
from outrider.store.queue import Other
from tests.simulator.messages.workers import Ack, Outstanding, Promote
from tests.simulator.operations.table import operation
from tests.simulator.payloads import read, retried
from tests.simulator.simulation import SERVED, Simulation, Worker


@operation(16, calm=26)
def claim(sim: Simulation) -> None:
    """A child claims; the reply may be lost, and the request then sent again or not."""
    if not sim.workers:
        return
    worker = sim.rng.choice(sim.workers)
    queues = sim.rng.sample(SERVED, sim.rng.randint(1, len(SERVED)))
    message = sim.next_claim(worker, sim.rng.choice((1, 2, 4, 9)), queues)
    if not sim.chance(0.2):
        sim.claim(worker, message)
    else:
        sim.send(message, "reply lost: ")
        if sim.chance(0.5):
            sim.claim(worker, message, "again: ")
    if sim.chance(0.15):
        sim.sent.append(message)


def outcome(sim: Simulation, token: int, payload: bytes) -> Other:
    """What becomes of a job that does not simply succeed."""
    if sim.chance(0.03) and read(payload).member:
        return Other("cancel", token)
    kind = sim.rng.choice(("retry", "retry", "dead", "gone", "discard", "snooze", "release"))
    later = sim.now + sim.rng.choice((0, 2_000, 30_000))
    if kind in {"retry", "dead"} and sim.chance(0.8):
        return Other(kind, token, retried(payload), later, '{"error":"x"}')
    return Other(kind, token, "", later)


def acknowledge(sim: Simulation, worker: Worker, tokens: list[int]) -> Ack:
    """The message that reports outcomes of these jobs."""
    worker.acked += 1
    done = [token for token in tokens if sim.chance(0.55)]
    cut = [token for token in tokens if sim.chance(0.05)]
    others = [outcome(sim, t, worker.held[t]) for t in tokens if t not in done or t in cut]
    others += [outcome(sim, token, worker.held[token]) for token in cut]
    for token in tokens:
        del worker.held[token]
    return Ack(worker.key, worker.acked, sim.clock(), done, others, sim.rng.choice((1, 2, 64)))


@operation(22, calm=40)
def ack(sim: Simulation) -> None:
    """A child reports; the report may be sent twice, or be late."""
    able = [worker for worker in sim.workers if worker.held]
    if not able:
        return
    worker = sim.rng.choice(able)
    some = min(len(worker.held), sim.rng.choice((1, 2, 9)))
    tokens = sim.rng.sample(sorted(worker.held), some)
    message = acknowledge(sim, worker, tokens)
    sim.send(message)
    if sim.chance(0.15):
        sim.send(message, "again: ")
    if sim.chance(0.15):
        sim.sent.append(message)


@operation(4)
def ack_copies(sim: Simulation) -> None:
    """A member that was delivered twice ends twice, one run after the other."""
    held: dict[str, list[tuple[Worker, int]]] = {}
    for worker in sim.workers:
        for token, payload in worker.held.items():
            if read(payload).member:
                held.setdefault(read(payload).id, []).append((worker, token))
    copies = [found for found in held.values() if len(found) > 1]
    for worker, token in sim.rng.choice(copies) if copies else ():
        sim.send(acknowledge(sim, worker, [token]), "copy: ")


@operation(3)
def late_ack(sim: Simulation) -> None:
    """A child that is gone, or about to, reports."""
    able = [worker for worker in sim.leavers if worker.held]
    if able:
        worker = sim.rng.choice(able)
        sim.send(acknowledge(sim, worker, list(worker.held)[:3]), "late: ")


@operation(4)
def redeliver(sim: Simulation) -> None:
    """The network delivers something late."""
    if sim.sent:
        message = sim.sent[sim.rng.randrange(len(sim.sent))]
        sim.send(message, "late: ")


@operation(4)
def late_claim(sim: Simulation) -> None:
    """The last claim of a child that is gone arrives after it."""
    if sim.leavers:
        sim.send(sim.next_claim(sim.rng.choice(sim.leavers), 3, list(SERVED)), "late: ")


@operation(8, calm=12)
def promote(sim: Simulation) -> None:
    """Some worker's scheduler moves what is due."""
    name, who = sim.rng.choice(("schedule", "retry")), sim.rng.choice(("host:1:a", "host:2:b"))
    limit, size = sim.rng.choice((1, 3, 250)), sim.rng.choice((100, 500, BYTES))
    sim.send(Promote(name, who, sim.clock(), limit, size))


@operation(1)
def outstanding(sim: Simulation) -> None:
    """Somebody drains."""
    sim.send(Outstanding(list(SERVED[: sim.rng.randint(0, 4)]), sim.clock()))
