"""Workers audit batches, others lose jobs and batches behind our back, and people delete them."""

from __future__ import annotations

from typing import Any, cast

from outrider.io import Executor
from outrider.worker.audit import Audit, Missing
from tests.simulator.messages.audit import Audited, Delete, Lose, LoseQueue, Vanish
from tests.simulator.messages.closing import Cancel
from tests.simulator.messages.held import Handback, PauseName
from tests.simulator.messages.producers import Reserve
from tests.simulator.operations.batches import Tree
from tests.simulator.operations.closing import finish
from tests.simulator.operations.producers import CROWD, some_bid
from tests.simulator.operations.table import operation
from tests.simulator.payloads import read
from tests.simulator.simulation import QUEUES, Simulation
from tests.simulator.world import KEYS, Violation

WRITES = ("arm", "condemn", "orphans", "review")
FEW = 4


class Anything(Missing):
    """What was missing before: everything, so that a single look has to be right."""

    def __contains__(self, thing: object) -> bool:
        return True


class Rash(Audit):
    """An audit that does not wait until a batch is quiet."""

    def suspect(self, bids: list[str]) -> None:
        """Have the next round be the second look at these batches."""
        self._missing = {bid: Anything() for bid in bids}


class Auditor:
    """One worker's audit, a request at a time."""

    def __init__(self, sim: Simulation) -> None:
        page = sim.rng.choice((2, 2, 3, 1000))
        self.answer: Any = None
        self.audit = Rash(cast("Executor", None), KEYS, "", sim.clock, page=page)
        self.over = True
        self.bids: list[str] = []

    def begin(self, bids: list[str]) -> None:
        """Begin a round: a second look at these batches, if there are any."""
        self.bids = bids
        if bids:
            self.audit.suspect(bids)
        self.flow, self.answer, self.over = self.audit.round(), None, False

    def go_on(self, sim: Simulation, requests: int) -> None:
        """Send so many requests; those that only read are no steps."""
        for _ in range(requests):
            try:
                call = self.flow.send(self.answer)
            except StopIteration:
                self.over = True
                return
            except (IndexError, KeyError, ValueError) as error:
                raise Violation("no answer confuses an audit", error) from error
            name = call.script.name if call.script else ""
            if name in WRITES:
                message = Audited(name, call)
                sim.send(message)
                self.answer = message.answer
            else:
                self.answer = sim.wire.run(call)


@operation(24, calm=20)
def audit(sim: Simulation) -> None:
    """A worker goes on with its audit; two may believe that it is their turn."""
    if sim.haunted and len(sim.audits) < 2 and sim.chance(0.3):
        sim.audits.append(Auditor(sim))
    if sim.audits:
        one: Auditor = sim.rng.choice(sim.audits)
        if one.over:
            known = sim.model.batches
            alive = [bid for bid in known if bid.encode() in sim.before.scored("o:audit")]
            some = sim.rng.sample(sorted(alive), min(FEW, len(alive)))
            one.begin(some if sim.chance(0.8) else [])
        one.go_on(sim, sim.rng.choice((1, 2, 3, 5, 8)))


def aside(sim: Simulation) -> dict[str, str]:
    """Live batches with jobs or callbacks that are held, each with a name: of its callbacks."""
    held = [(name, read(text)) for name, jobs in sim.before.aside.items() for text in jobs]
    found = {job.member[0]: name for name, job in held if job.member}
    found |= {job.callback[0]: name for name, job in held if job.callback}
    alive = sim.before.scored("o:audit")
    return {bid: name for bid, name in sorted(found.items()) if bid.encode() in alive}


@operation(5, calm=5)
def hand_back_behind(sim: Simulation) -> None:
    """A name goes on, and what an audit looks for is handed back in the middle of it."""
    held = aside(sim)
    if held and sim.audits:
        one: Auditor = sim.rng.choice(sim.audits)
        if one.over:
            one.begin(sim.rng.sample([*held], min(FEW, len(held))))
            one.go_on(sim, sim.rng.randint(1, 25))
        names = [held[bid] for bid in one.bids if bid in held]
        sim.send(PauseName(sim.rng.choice(names or [*held.values()]), on=False))
        sim.send(Handback(500, 1 << 18))
        one.go_on(sim, sim.rng.choice((0, 5, 30)))


@operation(4, calm=3)
def add_behind(sim: Simulation) -> None:
    """A batch gets jobs, whose numbers it gave out before, in the middle of an audit of it."""
    bids = [bid for one in sim.audits for bid in one.bids]
    ready = [one for one in sim.reserved if one[0] in bids]
    if ready and sim.live() <= CROWD:
        sim.reserved.remove(one := sim.rng.choice(ready))
        tree = Tree(sim)
        tree.add(*one)
        tree.send()
    elif bids:
        bid = sim.rng.choice(bids)
        first = sim.send(Reserve(bid, 2))
        if first >= 0:
            sim.reserved.append((bid, first, 2))


def audit_all(sim: Simulation) -> bool:
    """Rounds in which nothing else moves; whether anything is still not at rest."""
    one = Auditor(sim)
    for _ in range(4):
        one.begin([])
        while not one.over:
            one.go_on(sim, 1)
    return bool(sim.before.scored("o:audit"))


def some_job(sim: Simulation) -> tuple[str, str, bytes, int] | None:
    """A member or a callback somewhere, and where: place, key, payload, token."""
    found = [
        *(("queue", KEYS("queue", name), job, 0) for name in QUEUES for job in queue(sim, name)),
        *(
            (name, KEYS(name), job, 0)
            for name in ("schedule", "retry")
            for job in scored(sim, name)
        ),
        *(
            ("claim", KEYS("claims", ":".join(owner)), job, token)
            for owner, held in sorted(sim.before.claims.items())
            for token, job in held.items()
        ),
    ]
    ours = [one for one in found if read(one[2]).member or read(one[2]).callback]
    return sim.rng.choice(ours) if ours else None


def queue(sim: Simulation, name: str) -> list[bytes]:
    """What a queue holds."""
    return sim.before.queues.get(name, [])


def scored(sim: Simulation, name: str) -> list[bytes]:
    """What a set holds."""
    return sorted(sim.before.scored(name))


@operation(4, calm=3)
def lose(sim: Simulation) -> None:
    """Somebody takes a job away, or moves it to the dead set, and tells nobody."""
    if not sim.haunted:
        return
    if sim.chance(0.05):
        sim.send(LoseQueue(sim.queue()))
    elif found := some_job(sim):
        kills = found[0] != "claim" and sim.chance(0.5)
        sim.send(Lose(*found, dead_at=sim.now / 1000 if kills else 0.0))


@operation(1)
def vanish(sim: Simulation) -> None:
    """The record of a batch is gone; rather one that another one waits for."""
    known = sim.model.batches
    free = sorted(bid for bid, one in known.items() if not one.held)
    below = [bid for bid in free if known[bid].parent in known]
    if free and sim.haunted:
        sim.send(Vanish(sim.rng.choice(below or free)))


@operation(2)
def delete(sim: Simulation) -> None:
    """Somebody deletes a batch, with all his force perhaps."""
    bid = some_bid(sim)
    if bid is None or not sim.haunted:
        return
    force = sim.chance(0.4)
    if force and sim.send(Cancel(bid, False, sim.clock())).answer == 1 and sim.chance(0.7):
        finish(sim, [bid])
    message = Delete(bid, force, sim.clock())
    sim.send(message)
    if sim.chance(0.2):
        sim.send(message, "again: ")
