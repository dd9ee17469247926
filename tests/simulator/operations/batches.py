"""What producers and running jobs do with batches: trees of them, and what is added later."""

from __future__ import annotations

from outrider.ids import EVENTS
from outrider.store.batch import Part
from tests.simulator.messages.producers import Commit, Reserve
from tests.simulator.operations.producers import (
    CROWD,
    callback,
    members,
    send_laned,
    some_bid,
    spread,
)
from tests.simulator.operations.table import operation
from tests.simulator.payloads import read
from tests.simulator.simulation import Simulation

DEEP = 6
FAR = 300


def fields(sim: Simulation) -> list[str | int | float]:
    """The first fields of a batch, with callbacks perhaps."""
    create: list[str | int | float] = ["description", "a batch"]
    for event in EVENTS:
        if callbacks := sim.rng.choice((0, 0, 0, 1, 1, 2)):
            create += [f"callbacks:{event}", callbacks]
        for index in range(callbacks):
            create += [f"cb:{event}:{index}", callback(sim)]
    if sim.chance(0.2):
        create += ["success_ratio", sim.rng.choice((0.5, 0.9))]
    elif sim.chance(0.1):
        create += ["success_count", 2]
    if sim.chance(0.1):
        create += ["cancel_when_dead", sim.rng.randint(1, 2)]
    return create


def ranges(first: int, count: int) -> list[tuple[int, int]]:
    """The numbers of a block."""
    return [(first, count)] if count else []


class Tree:
    """Blocks inside blocks, the outer before the inner."""

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim
        self.parts: list[Part] = []
        self.jobs: list[str] = []
        self.later: list[str] = []

    def add(self, bid: str, first: int, count: int, *, inside: bool = False) -> None:
        """A block of jobs for a batch that exists."""
        queue = self._members(bid, first, count)
        self.parts.append(Part(bid, "", [], ranges(first, count), queue, inside))

    def grow(self, parent: str, *, inside: bool = False, depth: int = 0) -> None:
        """A new batch, and new ones inside it."""
        bid, count = self.sim.hex(16), self.sim.rng.choice((0, 0, 1, 1, 2, 3, 4, 7))
        if self.sim.chance(0.3):
            self.sim.follow(bid)
        create, queue = fields(self.sim), self._members(bid, 0, count)
        self.parts.append(Part(bid, parent, create, ranges(0, count), queue, inside))
        while depth < DEEP and self.sim.chance(0.35):
            self.grow(bid, depth=depth + 1)
        if self.sim.chance(0.1):
            # A second block on the same new batch.
            first, more = count + count % 2, self.sim.rng.randint(0, 3)
            queue = self._members(bid, first, more)
            self.parts.append(Part(bid, parent, create, ranges(first, more), queue, inside))

    def _members(self, bid: str, first: int, count: int) -> str:
        jobs = members(self.sim, bid, range(first, first + count))
        # A batch that stays open for long sees what becomes of others.
        (self.later if self.sim.chance(0.2) else self.jobs).extend(jobs)
        return self.sim.queue() if jobs else ""

    def send(self, by: bytes = b"") -> None:
        """Commit all at once."""
        sim = self.sim
        queues, scheduled = spread(sim, self.jobs)
        for job in self.later:
            scheduled += [f"{sim.now / 1000 + sim.rng.choice((60, 300)):.3f}", job]
        message = Commit(sim.ticket(), queues, scheduled, self.parts, sim.clock(), by)
        send_laned(sim, message)


def some_parent(sim: Simulation) -> str:
    """A batch to make others in: rather one whose own parent waits for it."""
    known = sim.model.batches
    below = [bid for bid in sim.model.awaited() if "settled" not in known[bid].fired]
    below = [bid for bid in below if "complete" in known[bid].fired] or below
    return (sim.rng.choice(below) if below and sim.chance(0.7) else some_bid(sim)) or ""


@operation(5, calm=8)
def commit(sim: Simulation) -> None:
    """A new batch, with others inside perhaps; a root, or a child of one that exists."""
    if sim.live() > CROWD:
        return
    tree, parent = Tree(sim), ""
    if sim.chance(0.4):
        parent = some_parent(sim)
        if parent and sim.chance(0.5):
            tree.add(parent, 0, 0)
    tree.grow(parent)
    tree.send()


def place(sim: Simulation, payload: bytes) -> str:
    """The batch that a running job may add to: its own, or the parent of the one that called it."""
    job = read(payload)
    if job.member:
        return job.member[0]
    child = sim.model.batches.get(job.callback[0]) if job.callback else None
    return child.parent if child else ""


@operation(8, calm=16)
def add_inside(sim: Simulation) -> None:
    """A running member, or a callback of a child, adds jobs or children."""
    workers = sim.workers + (sim.leavers if sim.chance(0.3) else [])
    held = [(place(sim, payload), payload) for one in workers for payload in one.held.values()]
    able = [(bid, payload) for bid, payload in held if bid]
    if not able or sim.live() > CROWD:
        return
    known = sim.model.batches
    # What is rare comes first: batches that have settled, and callbacks.
    late = [one for one in able if one[0] in known and "settled" in known[one[0]].fired]
    called = [one for one in able if read(one[1]).callback]
    some = sim.rng.choice((able, called, late, late))
    bid, payload = sim.rng.choice(some or able)
    if sim.chance(0.15):
        # Who believes to be inside: its run has ended for the server, or it lies.
        bid, payload = some_bid(sim) or bid, b""
    tree = Tree(sim)
    if sim.chance(0.6):
        count = sim.rng.randint(0, 3)
        first = sim.send(Reserve(bid, count, inside=True)) if count else 0
        if first < 0:
            return
        tree.add(bid, first, count, inside=True)
    if sim.chance(0.6):
        tree.grow(bid, inside=True, depth=2)
    if tree.parts:
        tree.send(payload)


@operation(4)
def reserve(sim: Simulation) -> None:
    """A batch is to get more jobs."""
    bid, count = some_bid(sim), sim.rng.randint(1, 4)
    # Now and then so many that states come to lie far apart.
    hole = FAR if sim.chance(0.15) else 0
    if bid is not None:
        first = sim.send(Reserve(bid, hole + count))
        if first >= 0:
            sim.reserved.append((bid, first + hole, count))


@operation(3)
def commit_more(sim: Simulation) -> None:
    """Reserved numbers are used, all or some of them, with a child perhaps."""
    if not sim.reserved or sim.live() > CROWD:
        return
    bid, first, count = sim.reserved.pop(sim.rng.randrange(len(sim.reserved)))
    if sim.chance(0.05):
        bid = sim.hex(16)
    tree = Tree(sim)
    tree.add(bid, first, count - sim.chance(0.2))
    if sim.chance(0.2):
        tree.grow(bid)
    tree.send()
