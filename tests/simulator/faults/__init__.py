"""Faults to plant in the Lua sources: the simulator must find each of them.

A fault is a list of replacements. Each old text must stand exactly once in every script that has
it, and in one script at least: a fault that fits no longer is an error, not a silent pass.
"""

from __future__ import annotations

from outrider.script import Script
from tests.simulator.faults.batches import BATCHES
from tests.simulator.faults.jobs import JOBS
from tests.simulator.faults.looking import LOOKING
from tests.simulator.faults.measuring import MEASURING
from tests.simulator.faults.operating import OPERATING
from tests.simulator.faults.plant import Faults, replace

FAULTS: Faults = JOBS | BATCHES | LOOKING | MEASURING | OPERATING
# Those that take more than 10,000 steps: together twice as long as all others.
RARE = frozenset(
    (
        "a copy of what is over brought back",
        "blame of any age counts",
        "claim does not void an audit",
        "claimed callback does not void an audit",
        "clear tells no callback",
        "first board read for all",
        "foreign jobs scheduled for nowhere",
        "handed back without bounds",
        "held job restored to nowhere",
        "members may not add to what was settled",
        "more than a script may read",
        "new jobs do not void an audit",
        "newer worker reaped",
        "operation retries dead jobs of cancelled batches",
        "operation retries what is refused",
        "operation tells of the dead once more",
        "page sought by the last job alone",
        "recall leaves the number of the last ack",
        "what is on its way looked through from behind",
        "who is gone counted as a worker",
    )
)


def plant(name: str) -> dict[str, Script]:
    """The scripts that are different with this fault, by name."""
    return replace(FAULTS[name])
