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

    Until `deadline`, a monotonic time, nothing is given up.
    """

    def __init__(self, executor: Executor, back: Callable[[], None]) -> None:
        self._executor = executor
        self._back = back
        self._away = False
        self.deadline = math.inf

    def send(self, *calls: Call[Any]) -> list[Any]:
        """The answers. Raises StoreUnavailable when the server is away after the deadline."""
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
                log.error("%s; trying again", error)
                time.sleep(1.0)
            else:
                if self._away:
                    self._away = False
                    self._back()
                    log.info("the server is back")
                return answers
            time.sleep(random.uniform(0.05, 0.2))
