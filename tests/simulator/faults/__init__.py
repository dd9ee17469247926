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


def plant(name: str) -> dict[str, Script]:
    """The scripts that are different with this fault, by name."""
    return replace(FAULTS[name])
