"""Dead children's jobs go back, and new children are let in."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable

from outrider.io import Executor
from outrider.keys import Keys
from outrider.store import process
from outrider.worker.crew import Child
from outrider.worker.keeping import IDLE, SLICE

log = logging.getLogger("outrider.worker")
NOT_REGISTERED = 0.1


class Handover:
    """Does on the keeper's thread what the supervisor's main thread must not wait for."""

    def __init__(
        self, executor: Executor, keys: Keys, identity: str, let_in: Callable[[Child], None]
    ) -> None:
        self._executor = executor
        self._keys = keys
        self._identity = identity
        self._let_in = let_in
        self._gone: deque[str] = deque()
        self._new: deque[Child] = deque()

    def bury(self, child: Child) -> None:
        """Have a dead child's jobs given back."""
        self._gone.append(child.name)

    def welcome(self, child: Child) -> None:
        """Have a child registered and started."""
        self._new.append(child)

    def tick(self) -> float:
        """Do all that is asked."""
        while self._gone:
            self._recall(self._gone[0])
            self._gone.popleft()
        while self._new:
            child = self._new[0]
            call = process.enlist(self._keys, identity=self._identity, child=child.name)
            if not self._executor.run(call):
                return NOT_REGISTERED
            self._let_in(child)
            self._new.popleft()
        return IDLE

    def _recall(self, child: str) -> None:
        total, moved = 0, SLICE
        while moved == SLICE:
            call = process.recall(self._keys, identity=self._identity, child=child, limit=SLICE)
            moved = self._executor.run(call)
            total += moved
        if total:
            log.warning("child %s died: %d jobs it held go back to their queues", child, total)
