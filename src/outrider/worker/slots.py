"""The slot table: what each slot of a child runs since when, in memory shared with the supervisor.

A few bytes are written per job and no server is asked. From it the supervisor knows which jobs had
started when a child dies, shows the running ones with its heartbeat, and sees whose time is over
even while something holds the child's interpreter. Its header says when the pump looked last, which
jobs the supervisor has taken back, and when the child claimed last: see docs/internals.md,
Look-ahead and Liveness.
"""

from __future__ import annotations

import mmap
import os
import struct
import tempfile
import time
from collections.abc import Iterator
from typing import IO, NamedTuple

_HEAD = struct.Struct("=QQ")
_REVOKED = struct.Struct("=Q")
_ENTRY = struct.Struct("=dQQ")
_DEADLINE = struct.Struct("=d")
_PULSE = struct.Struct("=Q")
_CLAIMED, _TRIED = _HEAD.size + _REVOKED.size, _HEAD.size + _REVOKED.size + _PULSE.size
_FIRST = _TRIED + _PULSE.size


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
        return _FIRST + slots * _ENTRY.size

    @staticmethod
    def memory(slots: int) -> IO[bytes]:
        """An open file for a table of so many slots, without a name.

        Raises OSError where there is no room: on a full disk the first write to a mapped hole
        would end the process.
        """
        size = SlotTable.size_for(slots)
        if hasattr(os, "memfd_create"):
            file: IO[bytes] = os.fdopen(os.memfd_create("outrider-slots"), "w+b")
        else:
            file = tempfile.TemporaryFile()  # noqa: SIM115  (it is the caller's)
        file.write(bytes(size))
        file.flush()
        return file

    def start(self, slot: int, token: int, now_ms: int) -> bool:
        """Note that a slot begins a job, without a deadline so far.

        False when the job was revoked, and must not run.
        """
        # In an entry that is half written, the new token must not stand beside the old deadline.
        self.limit(slot, 0.0)
        _ENTRY.pack_into(self._memory, _at(slot), 0.0, token, now_ms)
        # In this order: who revokes looks at what has begun after he has written.
        return token > self._revoked()

    def limit(self, slot: int, deadline: float) -> None:
        """Note by when the job of a slot must have ended; 0 when its time no longer counts."""
        _DEADLINE.pack_into(self._memory, _at(slot), deadline)

    def clear(self, slot: int) -> None:
        """Note that a slot is free. Its last token stays: what has ended has begun."""
        _, token, _ = _ENTRY.unpack_from(self._memory, _at(slot))
        _ENTRY.pack_into(self._memory, _at(slot), 0.0, token, 0)

    def running(self) -> list[Running]:
        """What runs now."""
        return [one for one in self._entries() if one.started_at]

    def begun(self) -> int:
        """The highest token that has begun. Jobs begin in order, so all lower ones have too."""
        return max(one.token for one in self._entries())

    def look(self, waiting: int) -> None:
        """Note that the pump is at work, and how many jobs wait for a slot, or may have come."""
        _HEAD.pack_into(self._memory, 0, time.monotonic_ns(), waiting)

    def silence(self) -> float:
        """For how many seconds jobs may have waited without a look of the pump."""
        looked, waiting = _HEAD.unpack_from(self._memory, 0)
        return (time.monotonic_ns() - looked) / 1e9 if waiting else 0.0

    def claims(self) -> None:
        """Note that the server has answered a claim, or that there is good reason to make none."""
        _PULSE.pack_into(self._memory, _CLAIMED, time.monotonic_ns())

    def tried(self) -> None:
        """Note that the pump does its work, but the server has not answered."""
        _PULSE.pack_into(self._memory, _TRIED, time.monotonic_ns())

    def since_claim(self) -> float:
        """Seconds since the child claimed, or had a good reason not to."""
        return self._since(_CLAIMED)

    def since_try(self) -> float:
        """Seconds since the pump failed to reach the server."""
        return self._since(_TRIED)

    def _since(self, at: int) -> float:
        return (time.monotonic_ns() - int(_PULSE.unpack_from(self._memory, at)[0])) / 1e9

    def revoke(self, token: int) -> None:
        """Have no job begin any more that was claimed under this token or a lower one.

        For good: a server that has lost its data may count tokens anew, from a lower one.
        """
        _REVOKED.pack_into(self._memory, _HEAD.size, max(token, self._revoked()))

    def _revoked(self) -> int:
        return int(_REVOKED.unpack_from(self._memory, _HEAD.size)[0])

    def _entries(self) -> Iterator[Running]:
        for slot in range(self._slots):
            deadline, token, started_at = _ENTRY.unpack_from(self._memory, _at(slot))
            yield Running(slot, token, started_at, deadline)


def _at(slot: int) -> int:
    return _FIRST + slot * _ENTRY.size
