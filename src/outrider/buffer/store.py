"""Where entries are kept: what memory and journal have in common."""

from __future__ import annotations

import threading
from typing import NamedTuple, Protocol

from outrider.buffer.entry import Entry
from outrider.buffer.settings import PushBuffer
from outrider.script import Ticket
from outrider.words import count


class Counts(NamedTuple):
    """Jobs and bytes that are kept now; jobs that were ever kept, were sent, were refused."""

    jobs: int = 0
    bytes: int = 0
    spilled: int = 0
    sent: int = 0
    refused: int = 0


class RefusedPush(NamedTuple):
    """Jobs that the server will never take as they are: why, since when (seconds), which."""

    reason: str
    at: float
    jids: list[str]


class CannotKeep(Exception):
    """An entry could not be written down: why."""


class Store(Protocol):
    """Keeps entries in their order. `lock` guards all of it, and is held over a fork."""

    lock: threading.RLock

    def put(self, entry: Entry) -> None:
        """Take an entry, or raise CannotKeep and take nothing."""

    def holds(self) -> bool:
        """Whether what this process pushes next has to wait for what is kept."""

    def is_empty(self) -> bool:
        """Whether nothing is kept, of whichever process."""

    def lead(self) -> bool:
        """Become the one that sends, among all that share this store; whether that succeeded."""

    def follow(self) -> None:
        """Leave the sending to others."""

    def head(self) -> list[Entry]:
        """The first entries, as many as go in one request."""

    def fix(self, group: list[Entry], ticket: Ticket) -> None:
        """Note, for good, that these are sent together with this ticket."""

    def remove(self, group: list[Entry]) -> None:
        """Forget the first entries, which have been sent."""

    def refuse(self, group: list[Entry], reason: str) -> None:
        """Put the first entries aside."""

    def counts(self) -> Counts:
        """What is kept, and has been."""

    def refused(self) -> list[RefusedPush]:
        """What was put aside, the oldest first."""

    def retry_refused(self) -> int:
        """Keep again what was put aside, behind all else; how many jobs."""

    def clear(self) -> None:
        """Forget all that is kept."""

    def close(self) -> None:
        """Leave nothing open; what is needed is opened again."""

    def after_fork(self) -> None:
        """In the child: what was kept is the parent's."""


def check(settings: PushBuffer, now: Counts, jobs: int, size: int) -> None:
    """Raise CannotKeep where so much more would be more than the settings allow."""
    if now.jobs + jobs > settings.jobs or now.bytes + size > settings.bytes:
        raise CannotKeep(
            f"it holds {count(now.jobs, 'job')} ({now.bytes:,} bytes) and may hold "
            f"{settings.jobs:,} ({settings.bytes:,} bytes)"
        )
