"""What must be true when all the work of `steady.py` is done, whoever came and went."""

from __future__ import annotations

from collections import Counter

from outrider import App
from tests.process.harness import Worker, ask, claimed, listed, measured

DOOMED_EVERY = 5  # as in steady.py, which only imports where a server is named
PLAIN = (*(f"plain {i}" for i in range(4)), "async", "delayed")
MEMBERS = ("long", "flaky", "inner brief", "inner async", "along")
CALLBACKS = ("outer complete", "inner complete", "outer settled", "inner settled")
GOOD = ("outer success", "inner success")
SLOW = {"long", "along"}


def expected(rounds: int) -> tuple[set[str], set[str]]:
    """Names of the jobs that run and of the callbacks that fire, after so many rounds."""
    jobs, callbacks = set(), set()
    for number in range(rounds):
        bad = number % DOOMED_EVERY == 0
        jobs |= {f"{number} {name}" for name in (*PLAIN, *MEMBERS, *(["doomed"] if bad else []))}
        callbacks |= {f"{number} {name}" for name in (*CALLBACKS, *([] if bad else GOOD))}
        callbacks |= {f"{number} inner death"} if bad else set()
    return jobs, callbacks


def check(app: App, rounds: int) -> Counter[str]:
    """Nothing is lost, the batches are right, nothing is left; what ran or fired more than once."""
    fed = [line.split() for line in listed(app, "fed")]
    assert sorted(int(number) for number, _, _ in fed) == list(range(rounds))
    jobs, callbacks = expected(rounds)
    ran, fired = Counter(listed(app, "ran")), Counter(listed(app, "fired"))
    missing, foreign = jobs - set(ran), set(ran) - jobs
    assert (missing, foreign) == (set(), set()), f"missing {missing}, foreign {foreign}"
    missing, foreign = callbacks - set(fired), set(fired) - callbacks
    assert (missing, foreign) == (set(), set()), f"missing {missing}, foreign {foreign}"
    for number, outer, inner in fed:
        _check_batches(app, outer, inner, dead=int(int(number) % DOOMED_EVERY == 0))
    assert ask(app, "ZCARD", "dead") == len(
        [1 for number in range(rounds) if not number % DOOMED_EVERY]
    )
    check_nothing_left(app)
    return Counter({name: n - 1 for name, n in (ran + fired).items() if n > 1})


def _check_batches(app: App, outer: str, inner: str, dead: int) -> None:
    above, below = app.batches[outer], app.batches[inner]
    assert (above.total, above.pending, above.failures) == (2, 0, 0)
    assert (below.total, below.pending, below.dead) == (3 + dead, dead, dead)
    assert (above.is_settled, above.is_success) == (True, not dead)
    assert (below.is_settled, below.is_success, below.is_dead) == (True, not dead, bool(dead))
    ended = {one.state for status in (above, below) for one in status.callbacks}
    assert ended <= {"succeeded", "waiting"}


def check_nothing_left(app: App) -> None:
    """No job, claim, lease or worker is left."""
    assert claimed(app) == 0
    kinds = ("processes", "o:owners:*", "o:claims:*", "*:work", "*-signals", "o:leases", "queue:*")
    assert [key for kind in kinds for key in ask(app, "KEYS", kind)] == []
    assert ask(app, "EXISTS", "schedule", "retry", "o:batches", "o:audit", "o:moving") == 0


def complaints(one: Worker) -> list[str]:
    """What it wrote that a worker without trouble does not, once it has begun."""
    if not one.messages:
        return []
    return [line for line in one.log.splitlines() if not line.startswith('{"time"')] + [
        line for line in one.log.splitlines() if '"level": "error"' in line
    ]


def cut_off(workers: list[Worker]) -> int:
    """How many jobs these workers gave back while they ran, by their own account."""
    told = (message for one in workers for message in one.messages)
    return sum(int(text.split()[3]) for text in told if text.startswith("time is up: "))


def is_slow(name: str) -> bool:
    """Whether it is a job that may run longer than a worker's --timeout."""
    return name.partition(" ")[2] in SLOW


def tell(what: str, rounds: int, doubled: Counter[str]) -> None:
    """Say what was seen."""
    measured(f"{what}: {rounds} rounds of work, doubled: {dict(doubled)}")
