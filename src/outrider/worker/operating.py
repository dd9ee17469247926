"""Performs operations, which any worker may; one dies, another one goes on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from outrider.errors import StoreError
from outrider.hub import Flow
from outrider.io import Executor
from outrider.keys import Keys
from outrider.operations.driving import drive
from outrider.worker.keeping import IDLE


class Operator:
    """Makes one request a round, for each operation in turn.

    One that fails, since the server is away, is handed over anew after some seconds.
    """

    def __init__(
        self, executor: Executor, keys: Keys, identity: str, now: Callable[[], int]
    ) -> None:
        self._executor = executor
        self._keys = keys
        self._identity = identity
        self._now = now
        self._new: deque[str] = deque()
        self._flows: dict[str, tuple[Flow[None], Any]] = {}

    def add(self, ids: list[str]) -> None:
        """Have these operations performed."""
        self._new.extend(ids)

    def tick(self) -> float:
        """Make one request."""
        while self._new:
            id = self._new.popleft()
            if id not in self._flows:
                self._flows[id] = (
                    drive(self._keys, id, self._identity, self._now),
                    None,
                )
        if not self._flows:
            return IDLE
        id = next(iter(self._flows))
        flow, answer = self._flows.pop(id)
        try:
            call = flow.throw(answer) if isinstance(answer, StoreError) else flow.send(answer)
        except StopIteration:
            return 0.0
        try:
            answer = self._executor.run(call)
        except StoreError as error:
            answer = error
        self._flows[id] = flow, answer
        return 0.0
