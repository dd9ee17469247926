"""Waiting for a batch, written once: how long to listen, what a reading means, when it is over.

What listens and reads is in `status.py`. Whoever has begun to listen reads after that, so nothing
is missed; a slow poll stands in for messages that a server or a proxy has lost.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable
from typing import Literal

from outrider import barring
from outrider.context import running
from outrider.errors import BatchFailed
from outrider.hub import Flow, Hub
from outrider.standing import Standing
from outrider.store import batch as store

Milestone = Literal["complete", "success", "settled"]
Kind = Literal["progress", "death", "complete", "success", "settled"]
MILESTONES, ALL = "!$x.", "!$x.+-"
POLL = 2.0
GAP = 0.05
_ORDER: tuple[Kind, ...] = ("death", "complete", "success", "settled")


def not_from_inside(hub: Hub, awaited: str) -> Flow[None]:
    """A job would wait for ever for its own batch, or one above it. Raises RuntimeError."""
    job = running.get()
    bid = None if job is None else job.bid or job.callback_of
    while job is not None and bid is not None:
        if bid == awaited:
            raise RuntimeError(f"job {job.jid} would wait for batch {bid}, which waits for it")
        bid = yield store.parent(hub.keys, bid)


def waits(batch: Standing, timeout: float | None, until: Milestone) -> Generator[float, None, None]:
    """How many seconds to listen before `batch` is read again, until it is so far; first 0.0.

    Raises TimeoutError, and BatchFailed when it can't come any more.
    """
    if until not in ("complete", "success", "settled"):
        raise ValueError(f"join waits until complete, success or settled, not {until!r}")
    deadline = None if timeout is None else time.monotonic() + timeout
    if batch.at(until) is None:
        yield 0.0  # what was read when this was made may be old
    while batch.at(until) is None:
        if until == "success":
            check(batch)
        left = POLL if deadline is None else deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError(
                f"batch {batch.bid} is not {until} after {timeout} s: "
                f"{batch.pending} of {batch.total} pending"
            )
        yield min(POLL, left)


def check(batch: Standing) -> None:
    """Raise BatchFailed when success can't come, as far as the batch itself tells."""
    reasons = barring.final(batch)
    if batch.is_at_rest and not batch.is_success:
        why = "; ".join([*reasons, *barring.mendable(batch)])
        raise BatchFailed(f"batch {batch.bid} is settled without success: {why}")
    if reasons:
        raise BatchFailed(f"batch {batch.bid} can't succeed any more: {'; '.join(reasons)}")


def check_below(hub: Hub, batch: Standing, until: Milestone) -> Flow[None]:
    """Raise BatchFailed when a batch below bars success for good."""
    if until == "success" and (why := (yield from barring.final_below(hub, batch))):
        raise BatchFailed(f"batch {batch.bid} can't succeed any more: {why}")


class Watch:
    """Turns readings of a batch into events: each milestone once, `settled` last.

    `numbers` and `told` are what was told last, and all milestones so far: another watch that is
    given them goes on from there.
    """

    def __init__(self, numbers: tuple[int, ...] = (), told: Iterable[Kind] = ()) -> None:
        self.numbers = numbers
        self.told: set[Kind] = set(told)

    @property
    def is_over(self) -> bool:
        """Whether the last event was told."""
        return "settled" in self.told

    def news(self, batch: Standing) -> list[Kind]:
        """What has happened since the reading before; the first one is always progress."""
        numbers = (batch.total, batch.pending, batch.failures, batch.dead, batch.cancelled)
        found: list[Kind] = ["progress"] if numbers != self.numbers else []
        self.numbers = numbers
        come = [(at, kind) for kind in _ORDER if (at := batch.at(kind)) and kind not in self.told]
        come.sort(key=lambda one: (one[1] == "settled", one[0]))
        found += [kind for _, kind in come]
        self.told.update(found)
        return found
