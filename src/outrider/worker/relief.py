"""Takes jobs that were claimed ahead from a child whose interpreter is held.

Its own pump gives them back, but it can't while a job holds the interpreter, in C code that does
not let it go. Why no job is lost by it, or runs twice: docs/internals.md, Look-ahead.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from outrider.io import Executor
from outrider.keys import Keys
from outrider.script import BYTES
from outrider.store import process
from outrider.worker.crew import Child
from outrider.worker.keeping import SLICE, exhaust

log = logging.getLogger("outrider.worker")
PERIOD, SILENT = 0.2, 0.5
SETTLE = 0.002


class Relief:
    """Looks at the pumps of all children, five times a second."""

    def __init__(
        self, executor: Executor, keys: Keys, identity: str, children: Callable[[], list[Child]]
    ) -> None:
        self._executor = executor
        self._keys = keys
        self._identity = identity
        self._children = children

    def tick(self) -> float:
        """Relieve the children whose pump is silent though jobs may wait there."""
        for child in self._children():
            if child.table.silence() > SILENT:
                self._relieve(child)
        return PERIOD

    def _relieve(self, child: Child) -> None:
        # Whatever it holds, or is about to hear of, has a token by now; what it claims later has a
        # higher one.
        revoked = self._executor.run(process.last_token(self._keys))
        child.table.revoke(revoked)
        time.sleep(SETTLE)  # until another core sees it
        begun = child.table.begun()
        call = process.relieve(
            self._keys,
            identity=self._identity,
            child=child.name,
            begun=begun,
            revoked=revoked,
            limit=SLICE,
            bytes=BYTES,
        )
        if total := exhaust(self._executor, call):
            log.warning(
                "child %s does not react: %d jobs it had not begun go back", child.name, total
            )
