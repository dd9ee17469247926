"""What befalls workers, their hosts and their clocks."""

from __future__ import annotations

from outrider.script import BYTES
from outrider.store.queue import Other
from tests.simulator.messages.closing import Cancel
from tests.simulator.messages.life import (
    Beat,
    Check,
    Enlist,
    Farewell,
    Reap,
    Recall,
    Relieve,
    Rollback,
    Upgrade,
)
from tests.simulator.messages.looking import Heard
from tests.simulator.messages.workers import Ack
from tests.simulator.operations.closing import finish
from tests.simulator.operations.table import operation
from tests.simulator.payloads import read
from tests.simulator.simulation import LIFE, Simulation, Worker

DAY = 86_400_000


@operation(4)
def beat(sim: Simulation) -> None:
    """A worker beats, or a new one registers with its first child."""
    if len(sim.hosts) < 3 and sim.chance(0.3):
        sim.hosts.append(f"host:{sim.rng.randint(1, 999)}:{sim.hex(12)}")
        sim.send(Beat(sim.hosts[-1], LIFE, 1, sim.server_clock()))
        spawn(sim, sim.hosts[-1])
    elif sim.hosts:
        one_beat(sim, sim.rng.choice(sim.hosts))


def one_beat(sim: Simulation, identity: str) -> None:
    """A worker beats; when its lease has lapsed it stops."""
    work = [
        (f"{child}:{token}", child, token, sim.now // 1000)
        for host, child, held in ((*worker.key, worker.held) for worker in sim.workers)
        for token in held
        if host == identity
    ]
    beat = sim.send(Beat(identity, LIFE, 0, sim.server_clock(), work))
    if not beat.alive:
        lose(sim, identity)
    elif beat.signal and sim.chance(0.8):
        sim.send(Heard(identity, beat.signal))


def lose(sim: Simulation, identity: str) -> None:
    """A host is gone; what its children have on the way may still arrive."""
    sim.hosts.remove(identity)
    sim.lost.append(identity)
    sim.leavers += [worker for worker in sim.workers if worker.key[0] == identity]
    sim.workers = [worker for worker in sim.workers if worker.key[0] != identity]


def spawn(sim: Simulation, identity: str) -> None:
    """A child starts."""
    worker = Worker((identity, sim.hex(6)))
    if sim.send(Enlist(worker.key)):
        sim.workers.append(worker)


@operation(3)
def enlist(sim: Simulation) -> None:
    """One more child."""
    if sim.hosts and len(sim.workers) < 5:
        spawn(sim, sim.rng.choice(sim.hosts))


@operation(2, calm=1)
def crash(sim: Simulation) -> None:
    """A child dies, and its supervisor gives its jobs back in slices."""
    if sim.workers:
        worker = sim.workers.pop(sim.rng.randrange(len(sim.workers)))
        sim.leavers.append(worker)
        recall(sim)


@operation(3)
def crash_again(sim: Simulation) -> None:
    """A child dies that holds a job which is blamed already."""
    for worker in sim.workers:
        if any(b'"blamed"' in payload for payload in worker.held.values()):
            sim.workers.remove(worker)
            sim.leavers.append(worker)
            sim.send(Recall(worker.key, 250, [*worker.held], [], later(sim)))
            return


def later(sim: Simulation) -> int:
    """Now: days pass between the deaths of some."""
    return sim.clock() + sim.rng.choice((0, 0, 2 * DAY, 4 * DAY))


@operation(3)
def recall(sim: Simulation) -> None:
    """A slice of what dead children held; some of it ran, and for some the child was killed."""
    if sim.leavers:
        key = sim.rng.choice(sim.leavers).key
        tokens = [*sim.before.held(key), sim.rng.randint(1, 99)]
        ran = [token for token in tokens if sim.chance(0.6)]
        killed_for = [token for token in tokens if sim.chance(0.1)]
        sim.send(Recall(key, sim.rng.choice((1, 2, 250)), ran, killed_for, later(sim)))


@operation(3)
def relieve(sim: Simulation) -> None:
    """A child's pump is silent: what has not begun there is revoked, and goes back in slices."""
    able = [worker for worker in sim.workers if worker.held]
    if not able:
        return
    worker = sim.rng.choice(able)
    begun = sim.rng.choice((0, *worker.held))
    if sim.chance(0.1):
        pass_over(sim, worker)
        begun = 0
    revoked = sim.rng.choice((sim.model.last_token, *worker.held))
    limit, size = sim.rng.choice((1, 2, 250)), sim.rng.choice((150, BYTES))
    sim.send(Relieve(worker.key, begun, revoked, limit, size))
    # It learns of it when it goes on, and gives back what it finds revoked: late, or never.
    unrun = [token for token in worker.held if begun < token <= revoked]
    for token in unrun:
        del worker.held[token]
    if sim.chance(0.5):
        worker.acked += 1
        others = [Other("release", token) for token in unrun]
        sim.send(Ack(worker.key, worker.acked, sim.clock(), [], others), "revoked: ")


def pass_over(sim: Simulation, worker: Worker) -> None:
    """Somebody cancels a batch, and passes over the member of it that this child holds."""
    jobs = [read(payload) for payload in worker.held.values()]
    bids = [job.member[0] for job in jobs if job.member and sim.model.batch_of(job)]
    if bids and sim.send(Cancel(bids[0], False, sim.clock())).answer == 1:
        finish(sim, bids[:1], at_once=True)


@operation(1, calm=0)
def farewell(sim: Simulation) -> None:
    """A worker stops in good order, or half of it."""
    if sim.hosts:
        identity = sim.rng.choice(sim.hosts)
        sim.send(Farewell(identity, sim.rng.choice((1, 3, 250))))
        if identity not in sim.model.leases:
            lose(sim, identity)


@operation(3)
def check(sim: Simulation) -> None:
    """A child compares notes, and gives back what it holds without knowing."""
    if not sim.workers:
        return
    worker = sim.rng.choice(sim.workers)
    answer = sim.send(Check(worker.key, LIFE, sim.server_clock()))
    if unknown := answer.tokens - worker.held.keys():
        worker.acked += 1
        others = [Other("release", token) for token in sorted(unknown)]
        sim.send(Ack(worker.key, worker.acked, sim.clock(), [], others), "unknown: ")


@operation(1)
def late_check(sim: Simulation) -> None:
    """A child that is gone compares notes."""
    if sim.leavers:
        worker = sim.rng.choice(sim.leavers)
        if sim.send(Check(worker.key, LIFE, sim.server_clock()), "late: ").alive:
            sim.leavers.remove(worker)
            sim.workers.append(worker)


@operation(1)
def roll_back(sim: Simulation) -> None:
    """The server loses the last tokens."""
    held = [token for claims in sim.before.claims.values() for token in claims]
    sim.send(Rollback(sim.rng.randint(max(held, default=0), sim.model.last_token)))


@operation(1, calm=0)
def upgrade(sim: Simulation) -> None:
    """A worker is of a newer release."""
    able = [identity for identity in sim.hosts if identity in sim.before.owners]
    if able:
        sim.send(Upgrade(sim.rng.choice(able)))


@operation(1, calm=0)
def lose_host(sim: Simulation) -> None:
    """A host is lost: nobody says so."""
    if sim.hosts:
        lose(sim, sim.rng.choice(sim.hosts))


@operation(2, calm=0)
def come_back(sim: Simulation) -> None:
    """A host that was lost was only slow: it beats, or starts a child."""
    if not sim.lost:
        return
    identity = sim.rng.choice(sim.lost)
    if sim.chance(0.5):
        sim.send(Enlist((identity, sim.hex(6))), "slow: ")
    elif sim.send(Beat(identity, LIFE, 0, sim.server_clock()), "slow: ").alive:
        sim.lost.remove(identity)
        sim.hosts.append(identity)


@operation(6, calm=2)
def reap(sim: Simulation) -> None:
    """Some supervisor looks for lapsed leases, and gives back a slice."""
    sim.send(Reap("", sim.rng.choice((1, 2, 250)), sim.server_clock()))


@operation(6)
def pass_time(sim: Simulation) -> None:
    """Time passes, while every live worker beats."""
    for _ in range(sim.rng.randint(1, 5)):
        sim.now += sim.rng.choice((500, 5_000, 10_000))
        for identity in list(sim.hosts):
            one_beat(sim, identity)


@operation(2, calm=0)
def outage(sim: Simulation) -> None:
    """The server is away, or its clock jumps; then some worker looks for lapsed leases at once."""
    jump = sim.rng.choice((60_000, 3_600_000))
    if sim.chance(0.5):
        sim.now += jump
    else:
        sim.server_ahead += sim.rng.choice((-jump, jump))
    reap(sim)
