"""Outboxes that the server does not take: each is tried again, and none holds up the others."""

from __future__ import annotations

from functools import partial
from queue import SimpleQueue

from outrider.errors import StoreFull
from outrider.worker.parking import Outcome, Parking, Sent, Unsent

PATIENCE = 20.0


def test_one_that_does_not_fit_holds_up_no_other() -> None:
    """It needs more room than there is, and waits; those behind it are sent."""
    reported: SimpleQueue[Outcome] = SimpleQueue()
    parking = Parking(reported.put)
    room: list[bool] = []

    def large() -> Outcome:
        return Sent(1) if room else unsent

    unsent = Unsent(1, StoreFull("no room"), large)
    parking.add(unsent)
    for token in (2, 3):
        parking.add(Unsent(token, StoreFull("no room"), partial(Sent, token)))
    assert [reported.get(timeout=PATIENCE) for _ in range(2)] == [Sent(2), Sent(3)]
    room.append(True)
    assert reported.get(timeout=PATIENCE) == Sent(1)
