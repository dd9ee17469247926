"""Entries in memory: they end with this process."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import replace

from outrider import clock
from outrider.buffer.entry import Entry, first_group, jids
from outrider.buffer.settings import PushBuffer
from outrider.buffer.store import Counts, RefusedPush, check
from outrider.script import Ticket

REFUSED = 1000


class Memory:
    """A Store of this process alone; a child of a fork begins with an empty one."""

    def __init__(self, settings: PushBuffer) -> None:
        self._settings = settings
        self.after_fork()

    def after_fork(self) -> None:
        """Begin anew."""
        self.lock = threading.RLock()
        self._entries: deque[Entry] = deque()
        self._refused: deque[tuple[RefusedPush, Entry]] = deque(maxlen=REFUSED)
        self._counts = Counts()

    def close(self) -> None:
        """Nothing is open."""

    def put(self, entry: Entry) -> None:
        """Take an entry, or raise CannotKeep and take nothing."""
        with self.lock:
            check(self._settings, self._counts, entry.jobs, entry.size)
            self._entries.append(entry)
            self._count(entry.jobs, entry.size, spilled=entry.jobs)

    def holds(self) -> bool:
        """Whether anything is kept."""
        return bool(self._entries)

    def is_empty(self) -> bool:
        """Whether nothing is kept."""
        return not self._entries

    def lead(self) -> bool:
        """Nobody else could."""
        return True

    def follow(self) -> None:
        """Nobody else could."""

    def head(self) -> list[Entry]:
        """The first entries, as many as go in one request."""
        with self.lock:
            return first_group(self._entries)

    def fix(self, group: list[Entry], ticket: Ticket) -> None:
        """Note that these are sent together with this ticket."""
        for entry in group:
            entry.ticket = ticket

    def remove(self, group: list[Entry]) -> None:
        """Forget the first entries, which have been sent."""
        self._drop(group, sent=sum(entry.jobs for entry in group))

    def refuse(self, group: list[Entry], reason: str) -> None:
        """Put the first entries aside; of too many, the oldest are forgotten."""
        with self.lock:
            self._refused += [
                (RefusedPush(reason, clock.now(), jids([entry])), entry) for entry in group
            ]
            self._drop(group, refused=sum(entry.jobs for entry in group))

    def counts(self) -> Counts:
        """What is kept, and has been."""
        return self._counts

    def refused(self) -> list[RefusedPush]:
        """What was put aside, the oldest first."""
        return [push for push, _ in self._refused]

    def retry_refused(self) -> int:
        """Keep again what was put aside, behind all else; how many jobs."""
        with self.lock:
            jobs = 0
            while self._refused:
                entry = replace(self._refused.popleft()[1], ticket=None)
                self._entries.append(entry)
                self._count(entry.jobs, entry.size, refused=-entry.jobs)
                jobs += entry.jobs
            return jobs

    def clear(self) -> None:
        """Forget all that is kept."""
        with self.lock:
            self._drop(list(self._entries))

    def _drop(self, group: list[Entry], **more: int) -> None:
        with self.lock:
            for entry in group:
                if self._entries and self._entries[0] is entry:
                    self._entries.popleft()
                    self._count(-entry.jobs, -entry.size)
            self._count(0, 0, **more)

    def _count(self, jobs: int, size: int, **more: int) -> None:
        was = self._counts
        changed = {name: getattr(was, name) + by for name, by in more.items()}
        self._counts = was._replace(jobs=was.jobs + jobs, bytes=was.bytes + size, **changed)
