"""Acknowledging: outcomes become requests, and what the server has left of one is reported anew."""

from __future__ import annotations

from collections import deque
from typing import Any

from outrider import clock
from outrider.keys import Keys
from outrider.script import Call
from outrider.store import queue as store
from outrider.store.queue import Acked, Other
from outrider.worker.ledger import Ledger
from outrider.worker.parking import Outcome, Parking, Sent
from outrider.worker.rate import MOST
from outrider.worker.report import report_late

BATCHES = 64
"""How many batches a request may bring on: to end one, with its callbacks, takes 50 µs."""


class Acks:
    """The reports of one child. `jobs` is how many have run and are reported."""

    def __init__(self, keys: Keys, owner: dict[str, str], ledger: Ledger) -> None:
        self.jobs = 0
        self._keys = keys
        self._owner = owner
        self._ledger = ledger
        self._request = 0
        self._done: list[int] = []
        self._others: list[Other] = []

    def gather(self, outcomes: deque[Outcome], parking: Parking) -> list[Call[Any]]:
        """The request that reports these, if one is needed; outboxes are parked till they go."""
        done: list[int] = []
        others: list[Other] = []
        sent: list[int] = []
        for _ in range(min(len(outcomes), MOST)):
            outcome = outcomes.popleft()
            if isinstance(outcome, int):
                done.append(outcome)
            elif isinstance(outcome, Other):
                others.append(outcome)
            elif isinstance(outcome, Sent):
                sent.append(outcome.token)
            else:
                parking.add(outcome)
        self._ended(sent, [])
        if not done and not others:
            return []
        self._done, self._others = done, sorted(others, key=lambda other: other.token)
        self._request += 1
        now = self._ledger.now()
        call = store.ack(
            self._keys,
            **self._owner,
            request=self._request,
            now=now,
            day=clock.utc_day(now),
            done=self._done,
            others=self._others,
            batches=BATCHES,
        )
        return [call]

    def settle(self, acked: Acked, outcomes: deque[Outcome]) -> None:
        """Take the answer; what was not dealt with is to be reported first of all."""
        at = max(0, acked.dealt - len(self._done))
        done, others = self._done[: acked.dealt], self._others[:at]
        outcomes.extendleft(reversed([*self._done[acked.dealt :], *self._others[at:]]))
        self._ended(done, others)
        # What goes back unrun may have been taken from us already.
        released = {other.token for other in others if other.kind == "release"}
        report_late([token for token in acked.late if token not in released])

    def _ended(self, done: list[int], others: list[Other]) -> None:
        self.jobs += len(done) + sum(other.kind != "release" for other in others)
        self._ledger.reported([*done, *(other.token for other in others)])
