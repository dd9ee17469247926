"""What is known of a batch at one moment, and what follows from it. Reads nothing by itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import msgspec

from outrider import clock
from outrider.errors import BatchNotFound
from outrider.pace import Pace
from outrider.store.look import Picture
from outrider.tally import BatchRecord, CallbackState

__all__ = ["CallbackState", "FailedJob", "Standing", "not_found"]

DEAD = 6
SUCCEEDED, SETTLED = 2, 4  # how a child counts: bits of its mark


class FailedJob(msgspec.Struct, frozen=True, kw_only=True):
    """A member of a batch that is failing or dead now. `failed_at` in seconds since the epoch."""

    jid: str
    job: str
    error_class: str
    error_message: str
    failed_at: float


class Standing(BatchRecord):
    """How a batch stands. Numbers are of its own jobs; times are aware datetimes or None."""

    def __init__(self, bid: str, picture: Picture) -> None:
        super().__init__(bid, picture.fields, picture.expires_at)
        self.pace = Pace()
        self.see(picture)

    def see(self, picture: Picture) -> None:
        """Take a new reading for the one of before."""
        self.picture = picture
        self.fields, self._expires_at = picture.fields, picture.expires_at
        self.read_at = clock.now()
        self.pace.note(self.read_at, self.total - self.pending)

    @property
    def child_bids(self) -> list[str]:
        """The batches made inside it, sorted."""
        return list(self.picture.children)

    @property
    def open_child_bids(self) -> list[str]:
        """The same, those that are not settled first."""
        marks = self.picture.children
        return sorted(marks, key=lambda bid: (marks[bid] & SETTLED, bid))

    @property
    def eta(self) -> float | None:
        """Seconds left when this was read; None when nothing is done yet, and when nothing waits
        for its first run: retries have times of their own.

        By the pace of the last minute where this status was refreshed or watched, else by that
        since the batch was made.
        """
        done = self.total - self.pending
        left = self.waiting + self.failing
        if not done or not self.waiting or self.is_cancelled:
            return None
        pace = self.pace.now(self.read_at, done)
        age = max(0.0, self.read_at - self.created_at.timestamp())
        return age / done * left if pace is None else left / pace

    @property
    def failure_info(self) -> list[FailedJob]:
        """Members that are failing or dead now: up to 1,000 of them."""
        return [one for _, one in self._failed()]

    @property
    def dead_jobs(self) -> list[FailedJob]:
        """Those of `failure_info` that are dead now."""
        states = self.picture.states
        return [one for number, one in self._failed() if states[number] == DEAD]

    def _failed(self) -> Iterator[tuple[int, FailedJob]]:
        """What is noted, by numbers of members; what is no such note is passed by."""
        for number, text in sorted(self.picture.failures.items()):
            with suppress(msgspec.DecodeError, UnicodeDecodeError):
                yield number, msgspec.json.decode(text, type=FailedJob)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data, as the status endpoint gives it; times are float seconds."""
        told = [msgspec.to_builtins(job) for job in self.failure_info]
        return {**super().to_dict(), "fail_info": told}


def not_found(bid: str) -> BatchNotFound:
    """The error for a batch that is not known."""
    return BatchNotFound(f"no batch {bid!r}: it never was, has expired, or was deleted")
