"""Notes once a minute how long queues are, and for how long their jobs wait."""

from __future__ import annotations

from collections.abc import Callable

from outrider.chance import chance
from outrider.inspection.queues import waited
from outrider.io import Executor
from outrider.keys import Keys
from outrider.store import metrics, overview
from outrider.store.overview import QueueView

MINUTE = 60_000
SPREAD = 5.0
"""Workers come at different times, in seconds, so that one of them is the first."""


class Sampler:
    """Whichever worker comes first in a minute does it; the others find it done."""

    def __init__(self, executor: Executor, keys: Keys, now: Callable[[], int]) -> None:
        self._executor = executor
        self._keys = keys
        self._now = now

    def tick(self) -> float:
        """Note what there is in this minute."""
        minute = self._now() // MINUTE
        cursor = overview.BEGIN
        while cursor != overview.NOWHERE:
            page = self._executor.run(overview.page(self._keys, cursor, overview.NOWHERE))
            if not self._note(minute, page.queues):
                break
            cursor = page.next_queues
        left = (minute + 1) * MINUTE - self._now()
        return max(0.0, left / 1000) + chance.uniform(0.0, SPREAD)

    def _note(self, minute: int, views: list[QueueView]) -> bool:
        """Note these queues; False when another worker has done so."""
        found = {
            view.name: (view.name, view.size, int(waited(view.first) * 1000)) for view in views
        }
        queues = [*found.values()]
        for at in range(0, len(queues), metrics.QUEUES):
            part = queues[at : at + metrics.QUEUES]
            if not self._executor.run(metrics.sample(self._keys, minute=minute, queues=part)):
                return False
        return True
