"""Staging: how a block of any size reaches the server bit by bit, and is still all or nothing."""

from __future__ import annotations

from collections.abc import Iterable

from outrider import clock
from outrider.client import Load
from outrider.delivery import send_ahead
from outrider.hub import Flow, Hub
from outrider.ids import new_bid
from outrider.script import Call
from outrider.store import batch as store

MAX_LOAD = 5000
CHUNK = 2000
MAX_BYTES = 4 << 20
RENEW = 60.0


class Staging:
    """What a block has staged: names of lists, and how many jobs each must hold at the commit."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        # What the server has not taken, to be kept with the commit; and whether it has taken any.
        self.kept: list[Call[int]] = []
        self.sent = False
        self._block = new_bid()
        self._sent = 0.0

    def is_full(self, load: Load, more: Load | None = None) -> bool:
        """Whether a load, with one job or `more`, is too much for one script.

        A commit may take long once; of chunks there are many, so they are smaller.
        """
        count, size = (1, 0) if more is None else (more.count, more.size)
        most = CHUNK if self.counts else MAX_LOAD
        return load.count + count > most or load.size + size > MAX_BYTES

    def is_old(self) -> bool:
        """Whether it is time to send something, so that what is staged lives on."""
        return self.sent and clock.now() > self._sent + RENEW

    def send(self, hub: Hub, load: Load, others: Iterable[Staging]) -> Flow[None]:
        """Stage a load; what is staged for the blocks around lives on with it."""
        stage = self.stage(hub, load, others)
        self.sent = yield from send_ahead(hub, stage, self.kept, began=self.sent)

    def stage(self, hub: Hub, load: Load, others: Iterable[Staging] = ()) -> Call[int]:
        """The request that does it."""
        self._sent = clock.now()
        names = [(f"{self._block}:{queue}", len(jobs)) for queue, jobs in load.queues.items()]
        if load.scheduled:
            names.append((self._block, len(load.scheduled) // 2))
        for name, count in names:
            self.counts[name] = self.counts.get(name, 0) + count
        return store.stage(
            hub.keys,
            block=self._block,
            queues=load.groups(),
            scheduled=load.scheduled,
            names=sorted({*self.counts, *(name for one in others for name in one.counts)}),
            life=store.LIFE,
        )

    def merge(self, other: Staging) -> None:
        """Take what another block has staged as one's own."""
        self.counts |= other.counts
        self.kept += other.kept
        self.sent = self.sent or other.sent

    def drop(self, hub: Hub) -> Flow[None]:
        """Forget all of it; what cannot be told to the server lapses by itself."""
        if self.sent:
            yield store.unstage(hub.keys, list(self.counts))
