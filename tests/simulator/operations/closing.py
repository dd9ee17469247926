"""People and programs hold batches open, and cancel them."""

from __future__ import annotations

from outrider.store.batch import Part
from tests.simulator.messages.closing import (
    Age,
    Cancel,
    CancelMembers,
    Done,
    Purge,
    Release,
    Renew,
    Upkeep,
)
from tests.simulator.messages.producers import Commit
from tests.simulator.operations.batches import fields
from tests.simulator.operations.producers import send_laned, some_bid
from tests.simulator.operations.table import operation
from tests.simulator.payloads import read
from tests.simulator.simulation import Simulation


@operation(3)
def hold(sim: Simulation) -> None:
    """Somebody holds a batch open, a new one perhaps."""
    known = sim.model.batches
    barred = [bid for bid, one in known.items() if one.barred]
    bid = sim.rng.choice(barred) if barred and sim.chance(0.5) else some_bid(sim)
    if bid is None or sim.chance(0.3):
        parent = (some_bid(sim) or "") if sim.chance(0.4) else ""
        part = Part(sim.hex(16), parent, fields(sim), [], "", False, sim.hex(12))
    else:
        part = Part(bid, "", [], [], "", False, sim.hex(12))
    send_laned(sim, Commit(sim.ticket(), [], [], [part], sim.clock()))


def holds(sim: Simulation) -> list[tuple[str, str]]:
    """All holds that stand."""
    return [(bid, name) for bid, one in sim.model.batches.items() for name in one.held]


@operation(5)
def end_hold(sim: Simulation) -> None:
    """A hold ends, well or not; the request may be sent twice."""
    if standing := holds(sim):
        message = Release(*sim.rng.choice(standing), sim.chance(0.7), sim.clock())
        sim.send(message)
        if sim.chance(0.2):
            sim.send(message, "again: ")
        if sim.chance(0.2):
            sim.sent.append(message)


@operation(2)
def renew(sim: Simulation) -> None:
    """A hold is renewed, or its holder sleeps."""
    if standing := holds(sim):
        kind = Age if sim.chance(0.4) else Renew
        sim.send(kind(*sim.rng.choice(standing)))


@operation(3)
def upkeep(sim: Simulation) -> None:
    """A worker looks after holds and what is left of cancelling."""
    since = sim.now - sim.rng.choice((0, 30_000))
    undone = sim.send(Upkeep(sim.rng.choice((1, 250)), since, sim.clock())).undone
    if undone and sim.chance(0.7):
        finish(sim, undone)


@operation(2, calm=3)
def cancel(sim: Simulation) -> None:
    """Somebody cancels a batch, and may die after the mark."""
    bid = some_bid(sim)
    if bid and sim.send(Cancel(bid, sim.clock())) == 1 and sim.chance(0.5):
        finish(sim, bid)


@operation(6)
def cancel_slice(sim: Simulation) -> None:
    """Slices of what is being cancelled, in any order, between all else that happens."""
    if sim.slices:
        sim.send(sim.slices.pop(sim.rng.randrange(len(sim.slices))))


def finish(sim: Simulation, bid: str, *, at_once: bool = False) -> None:
    """All that follows the mark; its slices may come much later."""
    if bid not in sim.model.batches or not sim.model.batches[bid].cancelled:
        return
    known = sim.model.batches[bid]
    mark = f"{sim.before.scored('o:cancelling').get(bid.encode(), 0):.0f}"
    for child in list(known.kids):
        if sim.send(Cancel(child, sim.clock())) == 1 and at_once:
            finish(sim, child, at_once=True)
    held = [read(text) for claims in sim.before.claims.values() for text in claims.values()]
    running = [job.member[1] for job in held if job.member and job.member[0] == bid]
    size = sim.rng.choice((2, 500))
    slices = [
        CancelMembers(bid, first, size, running, sim.clock())
        for first in range(0, max(1, known.reserved), size)
    ]
    if not at_once and sim.chance(0.5):
        sim.slices += slices
        return
    for one in slices:
        sim.send(one)
    for name in ("schedule", "retry"):
        sim.send(Purge(name, bid))
    if not at_once and sim.chance(0.3):
        sim.slices.append(Done(bid, mark))
    else:
        sim.send(Done(bid, mark))
