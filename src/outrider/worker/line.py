"""A child's line to the server: what is sent on it is answered, however long the server is away."""

from __future__ import annotations

import logging
import math
import random
import time
from collections.abc import Callable
from typing import Any

from outrider.errors import StoreError, StoreUnavailable
from outrider.io import Executor
from outrider.script import Call

log = logging.getLogger("outrider.worker")


class Line:
    """`back` is called when the server was away and is there again.

    Until `deadline`, a monotonic time, nothing is given up, whatever the server answers.
    """

    def __init__(self, executor: Executor, back: Callable[[], None]) -> None:
        self._executor = executor
        self._back = back
        self._away = False
        self.deadline = math.inf

    def send(self, *calls: Call[Any]) -> list[Any]:
        """The answers. After the deadline it raises StoreError: the server is away, or refuses."""
        while True:
            try:
                answers = self._executor.run_all(calls)
            except StoreUnavailable as error:
                if time.monotonic() >= self.deadline:
                    raise
                if not self._away:
                    self._away = True
                    log.error("%s; jobs go on, and their outcomes wait", error)
            except StoreError as error:
                left = self.deadline - time.monotonic()
                if left <= 0:
                    raise
                log.error("%s; trying again", error)
                time.sleep(min(1.0, left))
            else:
                if self._away:
                    self._away = False
                    self._back()
                    log.info("the server is back")
                return answers
            time.sleep(random.uniform(0.05, 0.2))
