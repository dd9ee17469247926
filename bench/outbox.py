"""What an outbox costs: jobs that enqueue another, at once or by their outbox, in turns.

The worker serves the first of two queues, so each round ends with as many jobs on the second.
"""

from __future__ import annotations

from bench import drain
from bench.jobs import app, noop, relay, relay_later
from bench.rig import Figure, Rig, spread
from outrider.job import Job

JOBS = 20_000
ROUNDS = 3


def measure(rig: Rig) -> list[Figure]:
    """Alternate the two, and a job that does nothing."""
    speeds: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for name, job in (("noop", noop), ("at once", relay), ("outbox", relay_later)):
            speeds.setdefault(name, []).append(_round(rig, job))
    pairs = zip(speeds["outbox"], speeds["at once"], strict=True)
    return [
        spread("jobs that enqueue nothing", speeds["noop"], "jobs/s"),
        spread("jobs that enqueue one, at once", speeds["at once"], "jobs/s"),
        spread("jobs that enqueue one by their outbox", speeds["outbox"], "jobs/s"),
        spread("  of those that do so at once", [ours / theirs for ours, theirs in pairs], "×"),
    ]


def _round(rig: Rig, job: Job[[int], None]) -> float:
    rig.clear()
    job.enqueue_many([(number,) for number in range(JOBS)])
    rig.wire("RENAME", app.keys("queue", "default"), "bench:full")
    options = ("-c", "10", "-q", "default", "--drain")
    return drain.timed(rig, JOBS, lambda: rig.worker(*options)).steady
