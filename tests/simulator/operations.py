"""What may happen next: one function an operation, drawn by weight."""

from __future__ import annotations

import json
from collections.abc import Callable

from outrider.ids import EVENTS, member_jid
from outrider.store.queue import Other, QueueGroup
from tests.simulator.hands import (
    Beat,
    Deliver,
    Enlist,
    Farewell,
    Forget,
    Pause,
    Reap,
    Recall,
    Revive,
)
from tests.simulator.messages import (
    Ack,
    Claim,
    Commit,
    Listen,
    Outstanding,
    Promote,
    Push,
    Reserve,
)
from tests.simulator.payloads import dump, retried, write
from tests.simulator.simulation import LIFE, QUEUES, SERVED, Simulation, Worker

Operation = Callable[[Simulation], None]
OPERATIONS: list[Operation] = []
WEIGHTS: list[int] = []
CROWD = 90


def operation(weight: int) -> Callable[[Operation], Operation]:
    """Let a function be drawn; it sends nothing when it finds nothing to do."""

    def note(function: Operation) -> Operation:
        OPERATIONS.append(function)
        WEIGHTS.append(weight)
        return function

    return note


def step(sim: Simulation) -> None:
    """Do something."""
    sim.rng.choices(OPERATIONS, WEIGHTS)[0](sim)


# -- producers --------------------------------------------------------------------------------


def expiry(sim: Simulation) -> dict[str, float]:
    """Some jobs expire soon."""
    return {"expiry": sim.now / 1000 + sim.rng.choice((-1, 5, 60))} if sim.chance(0.15) else {}


def spread(sim: Simulation, jobs: list[str]) -> tuple[list[QueueGroup], list[str | float]]:
    """Some jobs go to their queues, some into the schedule."""
    queues: dict[str, list[str]] = {}
    scheduled: list[str | float] = []
    for job in jobs:
        if sim.chance(0.15):
            scheduled += [f"{sim.now / 1000 + sim.rng.choice((1, 20, 300)):.3f}", job]
        else:
            queues.setdefault(json.loads(job)["queue"], []).append(job)
    return list(queues.items()), scheduled


@operation(6)
def push(sim: Simulation) -> None:
    """Plain jobs, now and then sent twice."""
    if sim.live() > CROWD:
        return
    jobs = [write(sim.hex(24), sim.queue(), **expiry(sim)) for _ in range(sim.rng.randint(1, 3))]
    send_laned(sim, Push(sim.ticket(), *spread(sim, jobs)))
    sim.payloads.extend(jobs)


def send_laned(sim: Simulation, message: Push | Listen) -> None:
    """Send a request of a producer, now and then twice; a copy may turn up again later."""
    if sim.chance(0.05):
        # The reply was lost and the connection is gone: the request may still arrive.
        sim.sent.append(message)
        return
    sim.send(message)
    if sim.chance(0.2):
        sim.send(message, "again ")
    if sim.chance(0.2):
        sim.sent.append(message)


@operation(6)
def commit(sim: Simulation) -> None:
    """A new batch."""
    if sim.live() > CROWD:
        return
    bid, count = sim.hex(16), sim.rng.choice((0, 1, 2, 3, 4, 7, 20))
    create: list[str | int] = ["description", "a batch"]
    for event in EVENTS:
        if callbacks := sim.rng.choice((0, 0, 1, 2)):
            create += [f"callbacks:{event}", callbacks]
        for index in range(callbacks):
            create += [f"cb:{event}:{index}", callback(sim)]
    jobs = members(sim, bid, range(count))
    message = Commit(sim.ticket(), *spread(sim, jobs), bid, create, ranges(0, count), sim.clock())
    send_laned(sim, message)


def ranges(first: int, count: int) -> list[tuple[int, int]]:
    """The numbers of a block."""
    return [(first, count)] if count else []


def callback(sim: Simulation) -> str:
    """A callback as a batch keeps it: queue, name, rest."""
    return dump([sim.rng.choice(("", "low", "high")), "app.callback", '"args":[],"retry":true'])


def members(sim: Simulation, bid: str, numbers: range) -> list[str]:
    """Jobs of a batch."""
    jobs = [write(member_jid(bid, n), sim.queue(), bid=bid, **expiry(sim)) for n in numbers]
    sim.payloads.extend(jobs)
    return jobs


def some_bid(sim: Simulation) -> str | None:
    """A batch that is known, and now and then one that is not."""
    known = [*sim.model.batches, *sim.model.forgotten]
    return sim.rng.choice(known) if known else None


@operation(3)
def reserve(sim: Simulation) -> None:
    """A batch is to get more jobs."""
    bid, count = some_bid(sim), sim.rng.randint(1, 4)
    if bid is not None:
        first = sim.send(Reserve(bid, count))
        if first >= 0:
            sim.reserved.append((bid, first, count))


@operation(3)
def commit_more(sim: Simulation) -> None:
    """Reserved numbers are used, all or some of them."""
    if not sim.reserved or sim.live() > CROWD:
        return
    bid, first, count = sim.reserved.pop(sim.rng.randrange(len(sim.reserved)))
    count -= sim.chance(0.2)
    jobs = members(sim, bid, range(first, first + count))
    message = Commit(sim.ticket(), *spread(sim, jobs), bid, [], ranges(first, count), sim.clock())
    send_laned(sim, message)


@operation(3)
def listen(sim: Simulation) -> None:
    """A callback is added late."""
    bid = some_bid(sim)
    if bid is not None:
        event = sim.rng.choice(EVENTS)
        send_laned(sim, Listen(sim.ticket(), bid, event, callback(sim), sim.clock()))


@operation(3)
def foreign(sim: Simulation) -> None:
    """Another client's payload, or what is none."""
    jid, name = sim.hex(24), sim.queue()
    job = {"retry": True, "queue": name, "class": "Ruby", "args": [1, {"retry_count": 2}], "jid": jid}
    texts = (
        dump(job),
        dump(job) + " \n",
        dump({**job, "queue": None}),
        dump({name: value for name, value in job.items() if name != "queue"}) + "\n",
        dump({**job, "expiry": sim.now / 1000 - 5}),
        dump({**job, "expiry": sim.now / 1000 - 5, "retry_count": 1}),
        dump({**job, "expiry": "soon", "bid": None, "cb": 7}),
        dump({**job, "bid": "b-" + sim.hex(10)}),
        dump({**job, "bid": sim.hex(16)}),
        dump({**job, "jid": "no-hex-" + jid, "bid": sim.hex(16)}),
        dump({"jid": jid, "bid": sim.hex(16), "class": "Ruby", "queue": name, "args": []}),
        dump({"jid": jid, "args": [{"expiry": 1}], "class": "Ruby", "queue": name}),
        f"no job {jid}",
        dump({"class": "Ruby", "args": [jid]}),
        dump([jid]),
        f'{{"jid":"{jid}","bid":"12","class":"Ruby',
        f'{{"jid":"{jid}","class":"Ruby","queue":"{name}","args":[',
    )
    text = sim.rng.choice(texts)
    if sim.chance(0.2):
        scheduled: list[str | float] = [f"{sim.now / 1000:.3f}", text]
        sim.send(Push(sim.ticket(), [], scheduled))
    else:
        sim.send(Deliver(name, text))


@operation(3)
def deliver_twice(sim: Simulation) -> None:
    """A copy of a payload turns up on a queue."""
    if sim.payloads and sim.live() < CROWD:
        held = [held for claims in sim.before.claims.values() for held in claims.values()]
        text = sim.rng.choice([*sim.payloads, *(payload.decode() for payload in held)])
        sim.send(Deliver(sim.queue(), text))


# -- workers ----------------------------------------------------------------------------------


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
    if not sim.send(Beat(identity, LIFE, 0, sim.server_clock(), work)).alive:
        lose(sim, identity)


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


@operation(16)
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
    kind = sim.rng.choice(("retry", "retry", "dead", "gone", "discard", "snooze", "release"))
    later = sim.now + sim.rng.choice((0, 2_000, 30_000))
    if kind in {"retry", "dead"} and sim.chance(0.8):
        return Other(kind, token, retried(payload), later, '{"error":"x"}')
    return Other(kind, token, "", later)


def acknowledge(sim: Simulation, worker: Worker, tokens: list[int]) -> Ack:
    """The message that reports outcomes of these jobs."""
    worker.acked += 1
    done = [token for token in tokens if sim.chance(0.55)]
    others = [outcome(sim, t, worker.held[t]) for t in tokens if t not in done]
    for token in tokens:
        del worker.held[token]
    return Ack(worker.key, worker.acked, sim.clock(), done, others)


@operation(22)
def ack(sim: Simulation) -> None:
    """A child reports; the report may be sent twice, or be late."""
    able = [worker for worker in sim.workers if worker.held]
    if not able:
        return
    worker = sim.rng.choice(able)
    tokens = sim.rng.sample(sorted(worker.held), sim.rng.randint(1, len(worker.held)))
    message = acknowledge(sim, worker, tokens)
    sim.send(message)
    if sim.chance(0.15):
        sim.send(message, "again: ")
    if sim.chance(0.15):
        sim.sent.append(message)


@operation(3)
def late_ack(sim: Simulation) -> None:
    """A child that is gone, or about to, reports."""
    able = [worker for worker in sim.leavers if worker.held]
    if able:
        worker = sim.rng.choice(able)
        sim.send(acknowledge(sim, worker, list(worker.held)[:3]), "late: ")


@operation(3)
def audit(sim: Simulation) -> None:
    """A child gives back what it holds without knowing."""
    for worker in sim.workers:
        unknown = sim.before.held(worker.key).keys() - worker.held.keys()
        if unknown:
            worker.acked += 1
            others = [Other("release", token) for token in sorted(unknown)]
            sim.send(Ack(worker.key, worker.acked, sim.clock(), [], others), "audit: ")
            return


@operation(4)
def redeliver(sim: Simulation) -> None:
    """The network delivers something late."""
    if sim.sent:
        message = sim.sent[sim.rng.randrange(len(sim.sent))]
        sim.send(message, "late: ")


@operation(2)
def crash(sim: Simulation) -> None:
    """A child dies, and its supervisor gives its jobs back in slices."""
    if sim.workers:
        worker = sim.workers.pop(sim.rng.randrange(len(sim.workers)))
        sim.leavers.append(worker)
        recall(sim)


@operation(3)
def recall(sim: Simulation) -> None:
    """A slice of what dead children held."""
    if sim.leavers:
        sim.send(Recall(sim.rng.choice(sim.leavers).key, sim.rng.choice((1, 2, 250))))


@operation(1)
def farewell(sim: Simulation) -> None:
    """A worker stops in good order, or half of it."""
    if sim.hosts:
        identity = sim.rng.choice(sim.hosts)
        limit = sim.rng.choice((1, 3, 250))
        if sim.send(Farewell(identity, limit)) < limit:
            lose(sim, identity)


@operation(1)
def lose_host(sim: Simulation) -> None:
    """A host is lost: nobody says so."""
    if sim.hosts:
        lose(sim, sim.rng.choice(sim.hosts))


@operation(2)
def come_back(sim: Simulation) -> None:
    """A host that was lost was only slow: it beats, or starts a child; its lease may have lapsed."""
    if not sim.lost:
        return
    identity = sim.rng.choice(sim.lost)
    if sim.chance(0.5):
        sim.send(Enlist((identity, sim.hex(6))), "slow: ")
    elif sim.send(Beat(identity, LIFE, 0, sim.server_clock()), "slow: ").alive:
        sim.lost.remove(identity)
        sim.hosts.append(identity)


@operation(2)
def late_claim(sim: Simulation) -> None:
    """The last claim of a child that is gone arrives after it."""
    if sim.leavers:
        sim.send(sim.next_claim(sim.rng.choice(sim.leavers), 3, list(SERVED)), "late: ")


@operation(6)
def reap(sim: Simulation) -> None:
    """Some supervisor looks for lapsed leases, and gives back a slice."""
    sim.send(Reap("", sim.rng.choice((1, 2, 250)), sim.server_clock()))


# -- time and people --------------------------------------------------------------------------


@operation(6)
def pass_time(sim: Simulation) -> None:
    """Time passes, while every live worker beats."""
    for _ in range(sim.rng.randint(1, 5)):
        sim.now += sim.rng.choice((500, 5_000, 10_000))
        for identity in list(sim.hosts):
            one_beat(sim, identity)


@operation(2)
def outage(sim: Simulation) -> None:
    """The server is away, or its clock jumps; then some worker looks for lapsed leases at once."""
    jump = sim.rng.choice((60_000, 3_600_000))
    if sim.chance(0.5):
        sim.now += jump
    else:
        sim.server_ahead += sim.rng.choice((-jump, jump))
    reap(sim)


@operation(8)
def promote(sim: Simulation) -> None:
    """The scheduler moves what is due."""
    name = sim.rng.choice(("schedule", "retry"))
    sim.send(Promote(name, sim.clock(), sim.rng.choice((1, 3, 250))))


@operation(2)
def pause(sim: Simulation) -> None:
    """Somebody pauses a queue, or lets it go on."""
    sim.send(Pause(sim.queue(), sim.chance(0.4)))


@operation(4)
def revive(sim: Simulation) -> None:
    """Somebody brings a dead job back, or does not wait for a retry."""
    source = sim.rng.choice(("dead", "dead", "retry"))
    if payloads := sorted(sim.before.scored(source)):
        sim.send(Revive(source, sim.rng.choice(payloads), sim.queue()))


@operation(3)
def forget(sim: Simulation) -> None:
    """The time of a finished batch has come."""
    finished = [bid for bid in sim.before.batches if sim.before.ttl[f"o:batch:{bid}"] > 0]
    if finished:
        sim.send(Forget(sim.rng.choice(finished)))


@operation(1)
def outstanding(sim: Simulation) -> None:
    """Somebody drains."""
    sim.send(Outstanding(list(QUEUES[: sim.rng.randint(0, 3)]), sim.clock()))
