"""Workers measure, and people mark."""

from __future__ import annotations

from outrider.store.metrics import Numbers
from tests.simulator.messages.measuring import Fade, Mark, MarkOften, Measure, Sample
from tests.simulator.operations.producers import send_laned
from tests.simulator.operations.table import operation
from tests.simulator.simulation import QUEUES, Simulation

CROWD = 600


def numbers(sim: Simulation) -> Numbers:
    """What some runs came to."""
    bins = {sim.rng.randrange(6): sim.rng.randint(1, 3) for _ in range(sim.rng.randint(0, 3))}
    sums = [sim.rng.randint(1, 9), sim.rng.randint(0, 3), sim.rng.randint(0, 9**9), 7]
    return [*sums, *(word for pair in bins.items() for word in pair)]


def minute(sim: Simulation) -> int:
    """Now, or a little earlier: a flush may come late."""
    return sim.clock() // 60_000 - sim.rng.choice((0, 0, 0, 1, 30))


@operation(2, calm=1)
def measure(sim: Simulation) -> None:
    """A child sends what it has measured, perhaps twice."""
    names = ["", *"abcdef"]
    entries = [
        (minute(sim), sim.rng.choice(names), numbers(sim)) for _ in range(sim.rng.randint(0, 4))
    ]
    send_laned(sim, Measure(sim.ticket(), entries))
    if sim.chance(0.05):
        crowd(sim)


def crowd(sim: Simulation) -> None:
    """For once there are very many jobs, queues and marks; not for long, to be quick."""
    now = minute(sim)
    for name in ("job", "late"):
        entries = [(now, f"{name}{number}", [1, 0, 0, 0]) for number in range(CROWD)]
        send_laned(sim, Measure(sim.ticket(), entries))
        sim.send(Sample(now, [(f"{name}{number}", 1, 2) for number in range(CROWD)]))
    sim.send(MarkOften(sim.clock() - 10**8, 1000))
    mark(sim)
    sim.send(Fade())


@operation(1)
def sample(sim: Simulation) -> None:
    """Some workers note how long queues are."""
    queues = [(name, sim.rng.randint(0, 9), sim.rng.randint(0, 9999)) for name in QUEUES]
    sim.send(Sample(minute(sim), sim.rng.sample(queues, sim.rng.randint(0, len(queues)))))


@operation(1)
def mark(sim: Simulation) -> None:
    """Somebody marks a deploy, perhaps on several hosts."""
    for _ in range(sim.rng.randint(1, 2)):
        at = sim.clock() + sim.rng.choice((0, 50_000))
        sim.send(Mark(sim.rng.choice(("v1", "v2", "v 3")), at))
