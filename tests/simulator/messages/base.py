"""What a message is: how it is sent, and what must have come of it.

A message can be delivered any number of times, early or late. `expect` is called after each
delivery with the snapshots before and after: it checks the answer and moves the model on.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from outrider.script import Call
from tests.simulator.model import Model
from tests.simulator.payloads import homes
from tests.simulator.world import Snapshot, Violation, Wire


def same(name: str, expected: object, found: object) -> None:
    """Raise a Violation unless both are equal."""
    if expected != found:
        raise Violation(name, f"expected {expected!r}, found {found!r}")


class Message:
    """One request."""

    def call(self) -> Call[Any]:
        """The request as a value."""
        raise NotImplementedError

    def perform(self, wire: Wire) -> Any:
        """Send it once, and give the answer."""
        return wire.run(self.call())

    def repeats(self, answer: Any) -> Any:
        """What of the answer is the same in each run of a seed."""
        return answer

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        """Check one delivery of it, and move the model on."""
        raise NotImplementedError


def within(payloads: list[bytes], limit: int, size: int) -> list[bytes]:
    """So many of them, but no more than fill so many bytes, and one at least."""
    for at, payload in enumerate(payloads[:limit], 1):
        size -= len(payload)
        if size <= 0:
            return payloads[:at]
    return payloads[:limit]


def in_front(before: Snapshot, after: Snapshot, backs: list[list[bytes]]) -> None:
    """Jobs given back lie at the front of their queues, the last first; new ones behind."""
    most = sum(len(back) for back in backs)
    count = Counter(payload for back in backs for payload in back)
    for payload in count:
        if not any(payload in after.queues.get(home, ()) for home in homes(payload)):
            raise Violation("jobs go back to their queues", payload)
    # Copies that are equal to the byte cannot be told apart.
    backs = [[payload for payload in back if count[payload] == 1] for back in backs]
    for name, jobs in after.queues.items():
        old = before.queues.get(name, [])
        grown = range(most + 1)
        if jobs != old and name.encode() not in after.rest["queues"]:
            raise Violation("queues are known by name", name)
        if old and jobs != old and not any(_is_grown(old, jobs, backs, by) for by in grown):
            raise Violation("queues keep their order", (name, old[-3:], jobs[-3:], backs))


def _is_grown(old: list[bytes], jobs: list[bytes], backs: list[list[bytes]], by: int) -> bool:
    end = len(jobs) - by
    start, front = end - len(old), jobs[end:]
    return (
        start >= 0
        and jobs[start:end] == old
        and not any(set(jobs[:start]) & set(back) for back in backs)
        and all(
            [payload for payload in back if payload in front]
            == [payload for payload in front if payload in back]
            for back in backs
        )
    )
