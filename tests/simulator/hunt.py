"""Plants each fault by itself, and tells how soon the simulator finds it and by which invariant."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from statistics import median
from typing import NamedTuple

from tests.simulator.faults import FAULTS, plant
from tests.simulator.run import Failed, run

_BID = re.compile(r"\b[0-9a-f]{16}\b")


class Found(NamedTuple):
    """A planted fault: the steps that it took to find it, and the invariant that it broke.

    `steps` is None when nothing was found within the bound.
    """

    fault: str
    steps: int | None
    invariant: str


def hunt(url: str, seed: int, bound: int, faults: Iterable[str] = FAULTS) -> Iterator[Found]:
    """Look for each fault in up to `bound` steps of this seed, then in as many of the next two."""
    for fault in faults:
        done = 0
        try:
            for one in (seed, seed + 1, seed + 2):
                run(url, one, bound, plant(fault))
                done += bound
        except Failed as failed:
            steps = done + failed.steps
            yield Found(fault, steps, _BID.sub("a batch", failed.violation.name))
        else:
            yield Found(fault, None, "")


def row(found: Found) -> str:
    """One line of the table."""
    steps = "not found" if found.steps is None else f"{found.steps:,}"
    return f"| {found.fault} | {steps} | {found.invariant} |"


def summary(all_found: list[Found]) -> str:
    """The table in one line."""
    steps = [found.steps for found in all_found if found.steps is not None]
    return (
        f"{len(steps)} of {len(all_found)} faults found, median {median(steps):,.0f} steps, "
        f"at most {max(steps):,}, by {len({found.invariant for found in all_found})} invariants"
    )
