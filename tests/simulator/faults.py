"""Faults to plant in the Lua sources: the simulator must find each of them."""
from __future__ import annotations
from outrider.script import Script
FAULTS: dict[str, list[tuple[str, str]]] = {}
def plant(name: str) -> dict[str, Script]:
    return {}
