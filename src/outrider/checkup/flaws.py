"""Releases of the server with known holes, through which a user who may run scripts takes it over.

The last number of a release line is the first that is repaired. A line that is not named is either
newer than the flaw (`since`), older than it (`before`), or was never repaired by its makers.
"""

from __future__ import annotations

from typing import NamedTuple

Version = tuple[int, ...]


class Flaw(NamedTuple):
    """A hole: its name, what it is, and by kind of server, where it is repaired."""

    name: str
    what: str
    repaired: dict[str, dict[Version, int]]
    since: dict[str, Version]
    before: Version


FLAWS = (
    Flaw(
        "CVE-2025-49844",
        "a script can run code on the server",
        {
            "Redis": {(7, 2): 11, (7, 4): 6, (8, 0): 4, (8, 2): 2},
            "Valkey": {(7, 2): 11, (8, 0): 6, (8, 1): 4},
        },
        {"Redis": (8, 3), "Valkey": (9, 0)},
        (0,),
    ),
    Flaw(
        "CVE-2026-23479",
        "a client that waits can run code on the server",
        {
            "Redis": {(7, 2): 14, (7, 4): 9, (8, 2): 6, (8, 4): 3, (8, 6): 3},
            "Valkey": {(7, 2): 13, (8, 0): 8, (8, 1): 7, (9, 0): 4},
        },
        {"Redis": (8, 7), "Valkey": (9, 1)},
        (7, 2),
    ),
)


def flaws_of(kind: str, version: Version) -> list[Flaw]:
    """The flaws that this release has, as far as its version tells: a distributor may have repaired
    it and kept the number.
    """
    return [flaw for flaw in FLAWS if kind in flaw.repaired and _has(flaw, kind, version)]


def _has(flaw: Flaw, kind: str, version: Version) -> bool:
    if version < flaw.before or version >= flaw.since[kind]:
        return False
    first = flaw.repaired[kind].get(version[:2])
    return first is None or version < (*version[:2], first)
