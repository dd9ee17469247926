"""Operations on many jobs, and the trash."""

from __future__ import annotations

from outrider.store.place import Place
from tests.simulator.messages.operating import ACTS, Begin, Halt, Operate, Recent
from tests.simulator.messages.places import lying
from tests.simulator.messages.trash import Dispose, Restore, Rummage
from tests.simulator.operations.places import LINES, SETS, deliver
from tests.simulator.operations.table import operation
from tests.simulator.payloads import read, retried
from tests.simulator.simulation import Simulation
from tests.simulator.world import kept

VERBS = (*ACTS, "undo")


def some_id(sim: Simulation, *verbs: str) -> str | None:
    """An operation of one of these kinds, rather one that runs."""
    known = [id for id, one in sim.model.operations.items() if one.verb in verbs]
    running = [id for id in known if sim.model.operations[id].state == "running"]
    if running and sim.chance(0.9):
        return sim.rng.choice(running)
    return sim.rng.choice(known) if known else None


@operation(1)
def begin(sim: Simulation) -> None:
    """Somebody begins an operation, or asks for the same one again."""
    id = sim.rng.choice(sorted(sim.model.operations) or [""]) if sim.chance(0.2) else ""
    deliver(sim, Begin(id or sim.hex(16), sim.rng.choice(VERBS), sim.clock()))


@operation(1, calm=0)
def halt(sim: Simulation) -> None:
    """Somebody cancels one."""
    if id := some_id(sim, *VERBS):
        deliver(sim, Halt(id, sim.clock()))
    sim.send(Recent(sim.rng.choice((1, 50))))


@operation(4, calm=3)
def operate(sim: Simulation) -> None:
    """Whoever performs an operation does a step; another may have done it before."""
    id = some_id(sim, *ACTS)
    if id is None:
        return
    known = sim.model.operations[id]
    where = some_place(sim, known.verb)
    texts = lying(sim.before, where)
    share = sim.rng.choice((0.6, 1))
    # All but the last of a line may have moved, or be gone.
    shift = sim.rng.choice((0, 0, 2, 450))
    jobs = [
        (text, changed(sim, known.verb, text), at + shift)
        for at, text in enumerate(texts)
        if sim.chance(share)
    ]
    if jobs and sim.chance(0.3):
        jobs.insert(0, (b"gone", b"", jobs[0][2]))
    step = known.step if sim.chance(0.9) else known.step - 1
    note = '{"by":"hand"}' if known.verb == "kill" and sim.chance(0.7) else ""
    ends = sim.rng.choice(("done", "failed")) if sim.chance(0.1) else ""
    deliver(sim, Operate(id, step, ACTS[known.verb], where, jobs, note, ends, sim.clock()))


def some_place(sim: Simulation, verb: str) -> Place:
    """A place of one kind or another, rather one where jobs lie."""
    kinds = ["schedule", "retry", "dead"] if verb == "retry" else ["schedule", "retry", "queue"]
    kinds += {"retry": ["dead"], "kill": ["held"], "delete": ["held", "dead"]}[verb]
    kind = sim.rng.choice(kinds)
    places = [where for where in (*SETS, *LINES) if where.kind == kind]
    filled = [where for where in places if lying(sim.before, where)]
    return sim.rng.choice(filled if filled and sim.chance(0.9) else places)


def changed(sim: Simulation, verb: str, text: bytes) -> bytes:
    """What becomes of a job on its queue; nothing if that can't be said."""
    if verb != "retry" or not read(text).readable:
        return b""
    return retried(text).encode() if sim.chance(0.5) else text


@operation(2)
def restore(sim: Simulation) -> None:
    """Somebody puts back what was deleted, or an operation does."""
    id = (some_id(sim, "undo") or "") if sim.chance(0.5) else ""
    there = [one.at for one in reversed(kept(sim.before)) if sim.chance(0.5)]
    if sim.chance(0.2):
        there.insert(0, 7)
    step = sim.model.operations[id].step if id else 0
    ends = "done" if id and sim.chance(0.1) else ""
    deliver(sim, Restore(id, step, sorted(there, reverse=True)[:250], ends, sim.clock()))


@operation(1)
def rummage(sim: Simulation) -> None:
    """Somebody looks at the trash, and empties it perhaps."""
    times = [str(one.at) for one in kept(sim.before)]
    last = sim.rng.choice(["+inf", *times])
    operation = sim.rng.choice(["", *(one.operation for one in kept(sim.before))])
    sim.send(Rummage(last, operation, sim.rng.choice((1, 3, 250))))
    if sim.chance(0.2):
        before = sim.now - sim.rng.choice((-1000, 0, 60_000))
        deliver(sim, Dispose(before, sim.rng.choice((1, 2, 250))))
