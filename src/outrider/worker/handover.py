"""Dead children's jobs go back, and new children are let in."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from outrider import words
from outrider.io import Executor
from outrider.keys import Keys
from outrider.store import process
from outrider.worker.crew import Child
from outrider.worker.keeping import IDLE, SLICE, exhaust

log = logging.getLogger("outrider.worker")
NOT_REGISTERED = 0.1


class Gone(NamedTuple):
    """A dead child, and the tokens of jobs that are told of its death."""

    child: str
    blamed: list[int]
    timed_out: list[int]


class Handover:
    """Does on the keeper's thread what the supervisor's main thread must not wait for."""

    def __init__(
        self,
        executor: Executor,
        keys: Keys,
        identity: str,
        now: Callable[[], int],
        let_in: Callable[[Child], None],
    ) -> None:
        self._executor = executor
        self._keys = keys
        self._identity = identity
        self._now = now
        self._let_in = let_in
        self._gone: deque[Gone] = deque()
        self._new: deque[Child] = deque()

    def bury(self, child: Child, blamed: list[int], timed_out: list[int]) -> None:
        """Have a dead child's jobs given back.

        `blamed` are the tokens of those that ran when it died, `timed_out` of those that it was
        killed for.
        """
        self._gone.append(Gone(child.name, blamed, timed_out))

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

    def _recall(self, gone: Gone) -> None:
        call = process.recall(
            self._keys,
            identity=self._identity,
            child=gone.child,
            limit=SLICE,
            blamed=gone.blamed,
            timed_out=gone.timed_out,
            now=self._now(),
        )
        if total := exhaust(self._executor, call):
            log.warning(
                "child %s died; back to their queues: %s", gone.child, words.count(total, "job")
            )
