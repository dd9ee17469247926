"""Randomness of our own: a library leaves `random`, whose seed is its users' affair, alone.

It comes from the system, so a forked process does not repeat what its parent draws.
"""

from __future__ import annotations

from random import Random, SystemRandom  # noqa: TID251

chance: Random = SystemRandom()
