"""What producers do."""

from __future__ import annotations

import json

from outrider.ids import EVENTS, member_jid
from outrider.store.queue import QueueGroup
from tests.simulator.messages.people import Deliver
from tests.simulator.messages.producers import Laned, Listen, Push
from tests.simulator.operations.table import operation
from tests.simulator.payloads import dump, read, reordered, write
from tests.simulator.simulation import Simulation

CROWD = 90


def expiry(sim: Simulation) -> dict[str, float]:
    """Some jobs expire soon."""
    return {"expiry": sim.now / 1000 + sim.rng.choice((-1, 5, 30, 60))} if sim.chance(0.25) else {}


def spread(
    sim: Simulation, jobs: list[str], delayed: float = 0.15
) -> tuple[list[QueueGroup], list[str | float]]:
    """Most jobs go to their queues, some into the schedule."""
    queues: dict[str, list[str]] = {}
    scheduled: list[str | float] = []
    for job in jobs:
        if sim.chance(delayed):
            scheduled += [f"{sim.now / 1000 + sim.rng.choice((1, 20, 300)):.3f}", job]
        else:
            queues.setdefault(json.loads(job)["queue"], []).append(job)
    return list(queues.items()), scheduled


@operation(6, calm=1)
def push(sim: Simulation) -> None:
    """Plain jobs, now and then sent twice."""
    if sim.live() > CROWD:
        return
    jobs = [write(sim.hex(24), sim.queue(), **expiry(sim)) for _ in range(sim.rng.randint(1, 3))]
    ticket = sim.ticket()
    if sim.chance(0.05):
        # The lane of a process that was forked, or restored from a snapshot.
        ticket = ticket._replace(number=max(1, ticket.number - 1))
    send_laned(sim, Push(ticket, *spread(sim, jobs)))
    sim.payloads.extend(jobs)


def send_laned(sim: Simulation, message: Laned) -> None:
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


def callback(sim: Simulation) -> str:
    """A callback as a batch keeps it: queue, name, rest."""
    limit = [sim.rng.choice((0.5, 30))] if sim.chance(0.25) else []
    home = sim.rng.choice(("", "low", "high"))
    return dump([home, "app.callback", '"args":[],"retry":true', *limit])


def members(sim: Simulation, bid: str, numbers: range) -> list[str]:
    """Jobs of a batch."""
    jobs = [write(member_jid(bid, n), sim.queue(), bid=bid, **expiry(sim)) for n in numbers]
    sim.payloads.extend(jobs)
    return jobs


def some_bid(sim: Simulation) -> str | None:
    """A batch that is known, and now and then one that is not."""
    old = [*sim.model.forgotten] if sim.chance(0.1) else []
    known = old or [*sim.model.batches]
    return sim.rng.choice(known) if known else None


@operation(4, calm=8)
def listen(sim: Simulation) -> None:
    """A callback is added late."""
    below = sim.model.awaited()
    bid = sim.rng.choice(below) if below and sim.chance(0.5) else some_bid(sim)
    if bid is not None:
        event = sim.rng.choice(EVENTS)
        send_laned(sim, Listen(sim.ticket(), bid, event, callback(sim), sim.clock()))


@operation(3, calm=1)
def foreign(sim: Simulation) -> None:
    """Another client's payload, or what is none."""
    jid, name, known = sim.hex(24), sim.queue(), some_bid(sim) or sim.hex(16)
    args = [1, {"retry_count": 2}]
    job = {"retry": True, "queue": name, "class": "Ruby", "args": args, "jid": jid}
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
        dump({"jid": known + "0000fffe", "bid": sim.hex(16), "class": "Ruby", "queue": name}),
        dump({"jid": known + "-0000001", "bid": known, "class": "Ruby", "queue": name}),
        dump({"jid": jid, "args": [{"expiry": 1}], "class": "Ruby", "queue": name}),
        dump({**job, "jid": sim.hex(16) + "00000000", "bid": known}),
        dump({**job, "cb": "no callback"}),
        dump({**job, "timeout": 7, "blamed": [sim.now / 1000 - 0.5, None, "x"]}) + " ",
        write(member_jid(jid[:16], 1), name, bid=jid[:16], expiry=1),
        write(member_jid(jid[:16], 1), name, bid=jid[:16], expiry=1, retry_count=0),
        f"no job {jid}",
        f'"{jid}"',
        str(sim.rng.getrandbits(64)),
        dump({"jid": jid}),
        dump({"jid": 7, "class": "Ruby", "args": [jid]}),
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


@operation(8, calm=5)
def deliver_twice(sim: Simulation) -> None:
    """A copy of a payload turns up on a queue."""
    if not sim.payloads or sim.live() > CROWD:
        return
    held = [held for claims in sim.before.claims.values() for held in claims.values()]
    callbacks = [payload for payload in held if read(payload).callback]
    running = [payload for payload in held if read(payload).member]
    pushed = [payload.encode() for payload in sim.payloads]
    text = sim.rng.choice(sim.rng.choice((callbacks, running, held, pushed)) or pushed)
    sim.send(Deliver(sim.queue(), reordered(text) if sim.chance(0.3) else text.decode()))
