"""The end of a schedule: faults stop, everything is delivered, and all must come to rest."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from outrider.store.queue import Other
from tests.simulator.messages.base import same
from tests.simulator.messages.closing import Release
from tests.simulator.messages.held import Handback, PauseName
from tests.simulator.messages.life import Beat, Enlist, Farewell, Reap
from tests.simulator.messages.people import Pause, Revive
from tests.simulator.messages.staging import Move
from tests.simulator.messages.workers import Ack, Outstanding, Promote
from tests.simulator.operations.audit import audit_all
from tests.simulator.operations.closing import finish as finish_cancelling
from tests.simulator.operations.closing import holds
from tests.simulator.simulation import LIFE, QUEUES, SERVED, Simulation, Worker
from tests.simulator.world import Violation

PATIENCE = 400


def drain(sim: Simulation) -> None:
    """Let one last worker finish everything, some of it badly; then bring the dead back."""
    for name in sorted(sim.model.paused):
        sim.send(Pause(name, False))
    for name in sorted(sim.model.paused_names):
        sim.send(PauseName(name, on=False))
    worker = Worker(("last:1:0", "0"))
    sim.send(Beat(worker.key[0], LIFE, 1, sim.server_clock()))
    sim.send(Enlist(worker.key))
    for identity in sorted(sim.model.newer):
        repeat(sim, partial(sim.send, Farewell(identity, 250)))
    repeat(sim, lambda: reap_others(sim, worker))
    for bid, hold in holds(sim):
        sim.send(Release(bid, hold, sim.chance(0.7), sim.clock()))
    while sim.model.cancelling:
        finish_cancelling(sim, sorted(sim.model.cancelling), at_once=True)
    repeat(sim, lambda: finish(sim, worker, badly=True) or audit_all(sim))
    check_rest(sim)
    for payload in sorted(sim.before.scored("dead")):
        sim.send(Revive("dead", payload, QUEUES[0], payload.decode()))
    repeat(sim, lambda: finish(sim, worker, badly=False) or audit_all(sim))
    check_rest(sim)


def repeat(sim: Simulation, work: Callable[[], bool]) -> None:
    """Repeat until nothing is left; that must not take for ever."""
    for _ in range(PATIENCE):
        if not work():
            return
    raise Violation("a drain comes to its end", sim.model.places)


def reap_others(sim: Simulation, worker: Worker) -> bool:
    """Time passes, and only the last worker beats."""
    sim.now += 10_000
    sim.send(Beat(worker.key[0], LIFE, 0, sim.server_clock()))
    sim.send(Reap("", 250, sim.server_clock()))
    return len(sim.before.scored("o:leases")) > 1


def finish(sim: Simulation, worker: Worker, *, badly: bool) -> bool:
    """Promote, claim and report until all is quiet."""
    sim.now += 400_000
    identity = worker.key[0]
    promotes = [Promote(name, identity, sim.now, 250) for name in ("schedule", "retry")]
    moved = sum(sim.send(message).moved for message in promotes)
    # The last slice may go into the schedule, and is to be promoted in the next round.
    moved += len(sim.before.scored("o:moving"))
    sim.send(Move(1000, 1 << 18))
    moved += sim.send(Handback(500, 1 << 18))
    answer = sim.claim(worker, sim.next_claim(worker, 40, list(SERVED)))
    worker.acked += 1
    tokens = list(worker.held)
    dead = [token for token in tokens if badly and sim.chance(0.1)]
    done = [token for token in tokens if token not in dead]
    others = [Other("dead", token) for token in dead]
    sim.send(Ack(worker.key, worker.acked, sim.now, done, others))
    worker.held.clear()
    left = sum(len(jobs) for jobs in sim.before.queues.values())
    return bool(moved or answer.payloads or left)


def check_rest(sim: Simulation) -> None:
    """Nothing is held any more, and every batch is settled."""
    sim.send(Outstanding(list(SERVED), sim.now + 10**9))
    same("nothing is left", set(), {place for _, place in sim.model.places} - {"dead", "trash"})
    same("no claim is left", {}, sim.before.claims)
    same("every batch has a time to live", {}, sim.before.scored("o:audit"))
    for bid, batch in sim.model.batches.items():
        if "settled" not in sim.model.counts_as(bid):
            raise Violation("every batch settles", (bid, batch))
