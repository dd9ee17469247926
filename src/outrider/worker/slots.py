"""The slot table: what each slot of a child runs since when, in memory shared with the supervisor.

A few bytes are written per job and no server is asked. From it the supervisor knows which jobs had
started when a child dies, shows the running ones with its heartbeat, and sees whose time is over
even while something holds the child's interpreter.
"""

from __future__ import annotations

import mmap
import struct
from typing import NamedTuple

_ENTRY = struct.Struct("=dQQ")
_DEADLINE = struct.Struct("=d")


class Running(NamedTuple):
    """A job that a slot runs. `started_at` in ms since the epoch.

    `deadline` in seconds of the monotonic clock, which all processes of a host share; 0: none.
    """

    slot: int
    token: int
    started_at: int
    deadline: float = 0.0

    def overdue(self, now: float, grace: float = 0.0) -> bool:
        """Whether its deadline was `grace` seconds before `now`, or earlier."""
        return 0 < self.deadline <= now - grace


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
        """Note that a slot begins a job, without a deadline so far."""
        # In an entry that is half written, the new token must not stand beside the old deadline.
        self.limit(slot, 0.0)
        _ENTRY.pack_into(self._memory, slot * _ENTRY.size, 0.0, token, now_ms)

    def limit(self, slot: int, deadline: float) -> None:
        """Note by when the job of a slot must have ended; 0 when its time no longer counts."""
        _DEADLINE.pack_into(self._memory, slot * _ENTRY.size, deadline)

    def clear(self, slot: int) -> None:
        """Note that a slot is free."""
        _ENTRY.pack_into(self._memory, slot * _ENTRY.size, 0.0, 0, 0)

    def running(self) -> list[Running]:
        """What runs now."""
        found = []
        for slot in range(self._slots):
            deadline, token, started_at = _ENTRY.unpack_from(self._memory, slot * _ENTRY.size)
            if token:
                found.append(Running(slot, token, started_at, deadline))
        return found
