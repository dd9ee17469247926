"""What outbox jobs do: all that they enqueue comes at their end."""

from __future__ import annotations

from outrider.store.batch import Part
from tests.simulator.messages.outboxes import Outbox
from tests.simulator.messages.producers import Reserve
from tests.simulator.operations.batches import Tree, fields, place, ranges
from tests.simulator.operations.producers import CROWD, spread
from tests.simulator.operations.staging import Open
from tests.simulator.operations.table import operation
from tests.simulator.payloads import read, write
from tests.simulator.simulation import Simulation, Worker


def fill(sim: Simulation, payload: bytes) -> tuple[Tree, list[tuple[str, int]]]:
    """What a job has enqueued: plain jobs, batches, and what had to be staged."""
    tree, bid = Tree(sim), place(sim, payload)
    tree.jobs += [write(sim.hex(24), sim.queue()) for _ in range(sim.rng.randint(0, 2))]
    if bid and sim.chance(0.4):
        count = sim.rng.randint(1, 3)
        first = sim.send(Reserve(bid, count, inside=True))
        if first >= 0:
            tree.add(bid, first, count, inside=True)
    if sim.chance(0.5):
        tree.grow(bid if sim.chance(0.8) else "", inside=True, depth=2)
    staged: list[tuple[str, int]] = []
    if sim.blocks and sim.chance(0.3):
        block: Open = sim.blocks.pop(sim.rng.randrange(len(sim.blocks)))
        numbers = ranges(0, block.used)
        tree.parts.append(Part(block.bid, bid, fields(sim), numbers, block.first_queue, True))
        staged = [*block.counts.items()]
    return tree, staged


@operation(4, calm=7)
def outbox(sim: Simulation) -> None:
    """A job ends well; what it enqueued is sent, by more than one connection perhaps."""
    workers = sim.workers + (sim.leavers if sim.chance(0.3) else [])
    able = [(worker, token) for worker in workers for token in worker.held]
    if not able or sim.live() > CROWD:
        return
    belonging = [one for one in able if place(sim, one[0].held[one[1]])]
    worker, token = sim.rng.choice(belonging if belonging and sim.chance(0.6) else able)
    message = pack(sim, worker, token)
    lost = sim.chance(0.1)
    said = sim.send(message, "reply lost: " if lost else "")
    if sim.chance(0.2):
        sim.send(message, "again: ")
    if lost or sim.chance(0.1):
        # The server was away for too long, and the next attempt has another connection.
        message = Outbox(**{**vars(message), "ticket": sim.ticket()})
        sim.send(message, "anew: ")
    if sim.chance(0.2):
        sim.sent.append(message)
    if said == 1:
        del worker.held[token]


def pack(sim: Simulation, worker: Worker, token: int) -> Outbox:
    """The message that ends a run."""
    payload = worker.held[token]
    tree, staged = fill(sim, payload)
    queues, scheduled = spread(sim, tree.jobs + tree.later)
    by = payload if read(payload).member or read(payload).callback else b""
    return Outbox(
        sim.ticket(),
        queues,
        scheduled,
        tree.parts,
        sim.clock(),
        by,
        staged,
        child=worker.key,
        token=token,
    )
