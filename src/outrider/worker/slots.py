"""The slot table: what each slot of a child runs since when, in memory shared with the supervisor.

A few bytes are written per job and no server is asked. From it the supervisor knows which jobs had
started when a child dies, and shows the running ones with its heartbeat.
"""

from __future__ import annotations

import mmap
import struct
from typing import NamedTuple

_ENTRY = struct.Struct("=QQ")


class Running(NamedTuple):
    """A job that a slot runs. `started_at` in ms since the epoch."""

    slot: int
    token: int
    started_at: int


class SlotTable:
    """A table over an open file of at least `size_for(slots)` bytes, shared by its descriptor."""

    def __init__(self, fd: int, slots: int) -> None:
        self._memory = mmap.mmap(fd, self.size_for(slots))
        self._slots = slots

    @staticmethod
    def size_for(slots: int) -> int:
        """Bytes that a table of so many slots takes."""
        return slots * _ENTRY.size

    def start(self, slot: int, token: int, now_ms: int) -> None:
        """Note that a slot begins a job."""
        _ENTRY.pack_into(self._memory, slot * _ENTRY.size, token, now_ms)

    def clear(self, slot: int) -> None:
        """Note that a slot is free."""
        _ENTRY.pack_into(self._memory, slot * _ENTRY.size, 0, 0)

    def running(self) -> list[Running]:
        """What runs now."""
        found = []
        for slot in range(self._slots):
            token, started_at = _ENTRY.unpack_from(self._memory, slot * _ENTRY.size)
            if token:
                found.append(Running(slot, token, started_at))
        return found
