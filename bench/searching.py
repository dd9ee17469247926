"""Searches of a hundred thousand jobs, of a set and of a queue, by each kind of filter."""

from __future__ import annotations

from functools import partial

from bench.cost import cost
from bench.jobs import app
from bench.rig import Figure, Rig

MANY = 100_000
ROUNDS = 5
SEARCH, SERVER = ("<=", 0.5), ("<=", 1.0)
# Who looks at the bytes of a page as a whole, and who has to look at each job.
SET = (
    "nowhere",
    "error:Timeout",
    "arg.0=123456",
    "tag:*",
    "attempt:>19",
    "age:<1h",
    "before:1h",
    "-image",
    "-error:image",
)
LINE = ("nowhere", "arg.0=99999999", "age:<1h after:2099-01-01", "-job:resize", "-arg.width=640")


def figures(rig: Rig) -> list[Figure]:
    """Few or none of the jobs match. Each search is repeated, and the best of them counts."""
    found = []
    for text in SET:
        found += _figures(rig, f"search retries: {text}", f"state:retrying {text}")
    for text in LINE:
        found += _figures(rig, f"search a queue: {text}", f"state:queued queue:bulk {text}")
    return found


def _figures(rig: Rig, what: str, text: str) -> list[Figure]:
    costs = [cost(rig, partial(_look, text)) for _ in range(ROUNDS)]
    walls = [one.wall for one in costs]
    note = f"{MANY:,} jobs; {min(one.cpu for one in costs):.2f} s of the caller's CPU"
    # A command does the same work in each round: what is more was another program's.
    own = [min(times) for times in zip(*(one.times for one in costs), strict=True)]
    commands = f"{len(own)} commands, {sum(own):.0f} ms in all"
    most = max(one.longest for one in costs)
    return [
        Figure(what, min(walls), "s", min(walls), max(walls), SEARCH, note),
        Figure("  longest command", max(own), "ms", max(own), most, SERVER, commands),
    ]


def _look(text: str) -> None:
    page = app.search(text, limit=MANY, most=MANY)
    assert page.scanned == MANY, page.scanned
