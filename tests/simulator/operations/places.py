"""What people do through our inspection API."""

from __future__ import annotations

from outrider.store.place import Place
from tests.simulator.messages.base import Message
from tests.simulator.messages.places import (
    Clear,
    LookAlong,
    LookByTime,
    Remove,
    Requeue,
    by_time,
    coming,
    jid_of,
    line,
    names,
)
from tests.simulator.operations.people import is_awaited
from tests.simulator.operations.producers import send_laned
from tests.simulator.operations.table import operation
from tests.simulator.payloads import NAMES, read, retried
from tests.simulator.simulation import SERVED, Simulation

SETS = (Place("schedule"), Place("retry"), Place("dead"))
LINES = (*(Place("queue", name) for name in SERVED), *(Place("held", name) for name in NAMES))


def awaiting(sim: Simulation, places: list[Place]) -> Place:
    """One of these places, rather one to which jobs are on their way, and best from two blocks."""
    there = sorted(places, key=lambda where: len(names(sim.before, where)))
    return there[-1] if sim.chance(0.5) else sim.rng.choice(places)


def pick(sim: Simulation, places: list[Place]) -> tuple[Place, bytes] | None:
    """A job of one of these places, of a tree that is not settled if there is one."""
    filled = [where for where in places if line(sim.before, where)]
    if not filled:
        return None
    on_way = [where for where in filled if coming(sim.before, where)]
    if on_way and sim.chance(0.4):
        where = sim.rng.choice(on_way)
        return where, sim.rng.choice(coming(sim.before, where))
    where = sim.rng.choice(filled)
    payloads = line(sim.before, where)
    below = [payload for payload in payloads if is_awaited(sim, payload)]
    return where, sim.rng.choice(below if below and sim.chance(0.6) else payloads)


def deliver(sim: Simulation, message: Message) -> None:
    """Send it, perhaps twice, perhaps once more later."""
    sim.send(message)
    if sim.chance(0.2):
        sim.send(message, "again: ")
    if sim.chance(0.1):
        sim.sent.append(message)


@operation(4, calm=2)
def remove(sim: Simulation) -> None:
    """Somebody deletes or kills a job."""
    if found := pick(sim, [*LINES, *SETS]):
        where, payload = found
        kills = where.kind != "dead" and sim.chance(0.5)
        failure = '{"by":"hand"}' if kills and sim.chance(0.7) else ""
        at = max(0, line(sim.before, where).index(payload) + sim.rng.choice((0, 0, -3, 400)))
        deliver(sim, Remove(where, payload, at, "dead" if kills else "trash", failure, sim.clock()))


@operation(4, calm=6)
def requeue(sim: Simulation) -> None:
    """Somebody retries a job."""
    if found := pick(sim, [*SETS]):
        where, payload = found
        rewrites = read(payload).readable and sim.chance(0.5)
        changed = retried(payload).encode() if rewrites else payload
        deliver(sim, Requeue(where, payload, changed or payload, sim.clock()))


@operation(1, calm=0)
def clear(sim: Simulation) -> None:
    """Somebody clears a queue or a set, or begins to."""
    where = sim.rng.choice([*LINES, *SETS])
    message = Clear(sim.ticket(), where, sim.rng.choice((1, 2, 5, 250)), sim.clock())
    send_laned(sim, message)


@operation(4, calm=2)
def look_along(sim: Simulation) -> None:
    """Somebody looks through a queue, or what is held."""
    where = awaiting(sim, [*LINES])
    jobs = line(sim.before, where)
    start = sim.rng.choice((0, sim.rng.randint(0, len(jobs) + 2)))
    length = len(jobs) + sim.rng.choice((0, 0, 1, -1, 3))
    known = [jid_of(payload) for payload in jobs[max(0, start - 3) : start]]
    if sim.chance(0.4):
        known = [sim.rng.choice(("gone", *map(jid_of, jobs))) for _ in range(sim.rng.randint(0, 3))]
    marks = [(jid, sim.rng.choice((0, 0, 1))) for jid in dict.fromkeys(reversed(known)) if jid]
    sim.send(
        LookAlong(
            where,
            start,
            max(0, length),
            marks,
            sim.rng.choice((1, 8, 99)),
            sim.rng.choice((2, 250)),
        )
    )


@operation(3, calm=1)
def look_by_time(sim: Simulation) -> None:
    """Somebody looks through a set; where they were, a job may have gone."""
    where = awaiting(sim, [*SETS])
    own = sim.before.scored(where.kind)
    jobs = own | (sim.before.delayed() if where.kind == "schedule" else {})
    score, payload, ties = float("-inf"), b"", 0
    if jobs and sim.chance(0.8):
        payload = sim.rng.choice(sorted(jobs))
        score = jobs[payload]
        equal = [one for one in by_time(own) if own[one] == score]
        is_told_apart = [jid_of(one) for one in equal].count(jid_of(payload)) == 1
        if payload in own and is_told_apart and jid_of(payload) and sim.chance(0.4):
            ties = sim.rng.randint(1, len(equal) + 1)
        else:
            payload = sim.rng.choice((payload, payload[:-1], payload + b"~"))
    sim.send(
        LookByTime(
            where, score, payload, ties, sim.rng.choice((1, 8, 99)), sim.rng.choice((1, 3, 250))
        )
    )
