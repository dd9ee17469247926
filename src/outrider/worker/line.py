"""A child's line to the server: what is sent on it is answered, however long the server is away."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from outrider.chance import chance
from outrider.errors import StoreError, StoreUnavailable
from outrider.io import Executor
from outrider.script import Call

REFUSED = 1.0
TWICE = 2
"""A first failure may be that of a connection alone; the second one in a row is told."""


class Line:
    """`back` is called when the server was away and is there again.

    `tell` is called with what is wrong, once, and with "" when it is over; `tried` at each failure.
    Until `deadline`, a
    monotonic time, nothing is given up, whatever the server answers.
    """

    def __init__(
        self,
        executor: Executor,
        back: Callable[[], None],
        tell: Callable[[str], None],
        tried: Callable[[], None],
    ) -> None:
        self._executor = executor
        self._back = back
        self._tell = tell
        self._tried = tried
        self._failures = 0
        self.deadline = math.inf

    def send(self, *calls: Call[Any]) -> list[Any]:
        """The answers. After the deadline it raises StoreError: the server is away, or refuses."""
        while True:
            try:
                answers = self._executor.run_all(calls)
            except StoreError as error:
                left = self.deadline - time.monotonic()
                if left <= 0:
                    raise
                self._failed(error)
                away = isinstance(error, StoreUnavailable)
                time.sleep(min(chance.uniform(0.05, 0.2) if away else REFUSED, left))
            else:
                if self._failures:
                    self._recovered()
                return answers

    def _failed(self, error: StoreError) -> None:
        self._failures += 1
        self._tried()
        if self._failures == TWICE:
            self._tell(str(error))

    def _recovered(self) -> None:
        told, self._failures = self._failures >= TWICE, 0
        self._back()
        if told:
            self._tell("")
