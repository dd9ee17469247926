"""People and programs hold batches open, and cancel them."""

from __future__ import annotations

from outrider.store.batch import Part
from tests.simulator.messages.base import Message
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


@operation(4)
def upkeep(sim: Simulation) -> None:
    """A worker looks after holds, what is left of cancelling, and whom to interrupt."""
    since = sim.now - sim.rng.choice((0, 30_000))
    limit, name = sim.rng.choice((1, 2, 250)), sim.rng.choice(("a", "b"))
    found = sim.send(Upkeep(limit, since, sim.heard.get(name, 0), sim.clock()))
    if found.heard is not None:
        sim.heard[name] = found.heard
    if found.undone and sim.chance(0.7):
        finish(sim, found.undone)


@operation(2, calm=3)
def cancel(sim: Simulation) -> None:
    """Somebody cancels a batch, and may die after the mark."""
    known = sim.model.batches
    under = [bid for bid, one in known.items() if one.cancelled and "settled" not in one.fired]
    bid = sim.rng.choice(under) if under and sim.chance(0.2) else some_bid(sim)
    if bid and sim.send(Cancel(bid, sim.chance(0.4), sim.clock())).answer == 1 and sim.chance(0.5):
        finish(sim, [bid])


@operation(6)
def cancel_slice(sim: Simulation) -> None:
    """Slices of what is being cancelled, in any order, between all else that happens."""
    if sim.slices:
        sim.send(sim.slices.pop(sim.rng.randrange(len(sim.slices))))


def descend(sim: Simulation, bids: list[str], *, at_once: bool) -> dict[str, str]:
    """Mark all below these batches; whoever does it may die on the way."""
    todo = {bid: sim.send(Cancel(bid, False, sim.clock())) for bid in bids}
    marks: dict[str, str] = {}
    while todo:
        bid, marked = todo.popitem()
        marks[bid] = marked.mark
        for child in list(sim.model.batches[bid].kids if bid in sim.model.batches else ()):
            below = sim.send(Cancel(child, marked.running, sim.clock()))
            if below.answer == 1 and (at_once or sim.chance(0.8)):
                todo[child] = below
    return marks


def finish(sim: Simulation, bids: list[str], *, at_once: bool = False) -> None:
    """All that follows the marks; its slices may come much later."""
    marks = descend(sim, bids, at_once=at_once)
    held = [read(text) for claims in sim.before.claims.values() for text in claims.values()]
    size = sim.rng.choice((2, 500))
    slices: list[Message] = []
    for bid in marks:
        running = [job.member[1] for job in held if job.member and job.member[0] == bid]
        reserved = sim.model.batches[bid].reserved if bid in sim.model.batches else 0
        slices += [
            CancelMembers(bid, first, size, running, sim.clock())
            for first in range(0, max(1, reserved), size)
        ]
    if not at_once and sim.chance(0.5):
        sim.slices += slices
        return
    slices += [Purge(name) for name in ("schedule", "retry")]
    done = [Done(bid, mark) for bid, mark in marks.items()]
    later = [] if at_once else [one for one in done if sim.chance(0.3)]
    for message in [*slices, *(one for one in done if one not in later)]:
        sim.send(message)
    sim.slices += later
