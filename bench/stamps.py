"""Times that processes tell one another through a mapped file: no server, no locks, no cost."""

from __future__ import annotations

import mmap
import struct
import time
from pathlib import Path

_TIME = struct.Struct("=q")
COUNT = 4096


class Stamps:
    """Numbered times of the monotonic clock, in ns; it is the same in all processes (on Linux)."""

    def __init__(self, path: Path) -> None:
        with path.open("a+b") as file:
            file.truncate(COUNT * _TIME.size)
            self._memory = mmap.mmap(file.fileno(), COUNT * _TIME.size)

    def note(self, number: int, nanoseconds: int) -> None:
        """Write a time."""
        _TIME.pack_into(self._memory, number * _TIME.size, nanoseconds)

    def clear(self) -> None:
        """Forget all times."""
        self._memory[:] = bytes(len(self._memory))

    def all(self) -> list[int]:
        """All times, 0 where none was noted."""
        return [time for (time,) in _TIME.iter_unpack(self._memory)]

    def wait(self, number: int, patience: float = 30.0) -> int:
        """The time of this number, once it is there; TimeoutError after `patience` seconds."""
        deadline = time.monotonic() + patience
        while True:
            found: int = _TIME.unpack_from(self._memory, number * _TIME.size)[0]
            if found:
                return found
            if time.monotonic() > deadline:
                raise TimeoutError(f"nothing noted time {number} within {patience} s")
            time.sleep(0.0005)
