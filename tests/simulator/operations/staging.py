"""Blocks that are staged in chunks, committed or left to lapse, and moved on in slices."""

from __future__ import annotations

from dataclasses import dataclass, field

from outrider.store.batch import Part
from outrider.store.place import Place
from tests.simulator.messages.staging import CommitStaged, Lapse, Move, Stage, Waiting
from tests.simulator.operations.batches import fields, ranges, some_parent
from tests.simulator.operations.places import awaiting
from tests.simulator.operations.producers import CROWD, members, send_laned, spread
from tests.simulator.operations.table import operation
from tests.simulator.simulation import SERVED, Simulation

FEW = 4


@dataclass
class Open:
    """A block as its producer sees it."""

    bid: str
    block: str
    first_queue: str
    used: int = 0
    counts: dict[str, int] = field(default_factory=dict)


@operation(3, calm=4)
def stage(sim: Simulation) -> None:
    """A block begins, or goes on."""
    if sim.live() > CROWD:
        return
    if len(sim.blocks) < FEW and sim.chance(0.5):
        sim.blocks.append(Open(sim.hex(16), sim.hex(16), sim.queue()))
    if not sim.blocks:
        return
    block: Open = sim.rng.choice(sim.blocks)
    count = sim.rng.randint(1, 4)
    jobs = members(sim, block.bid, range(block.used, block.used + count))
    queues, scheduled = spread(sim, jobs, delayed=0.4)
    message = Stage(sim.ticket(), block.block, queues, scheduled)
    block.used += count
    for name, jobs in message.sent().items():
        block.counts[name] = block.counts.get(name, 0) + len(jobs)
    send_laned(sim, message)


@operation(3, calm=4)
def commit_staged(sim: Simulation) -> None:
    """A block ends."""
    if not sim.blocks:
        return
    block: Open = sim.blocks.pop(sim.rng.randrange(len(sim.blocks)))
    parent = some_parent(sim) if sim.chance(0.4) else ""
    numbers = ranges(0, block.used)
    part = Part(block.bid, parent, fields(sim), numbers, block.first_queue)
    staged = [*block.counts.items()]
    send_laned(sim, CommitStaged(sim.ticket(), [], [], [part], sim.clock(), b"", staged))


@operation(1)
def lapse(sim: Simulation) -> None:
    """A producer was away for too long, or for ever."""
    names = sorted(sim.model.staged)
    if names:
        sim.send(Lapse(sim.rng.choice(names)))


@operation(2, calm=3)
def move(sim: Simulation) -> None:
    """Some worker's scheduler moves a slice."""
    sim.send(Move(sim.rng.choice((1, 2, 1000)), sim.rng.choice((1, 200, 1 << 18))))


@operation(3)
def waiting(sim: Simulation) -> None:
    """Somebody asks for a size."""
    queues = [Place("queue", name) for name in SERVED]
    sim.send(Waiting(awaiting(sim, [Place("schedule"), *queues])))
