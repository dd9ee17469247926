"""Takes jobs that were claimed ahead from a child whose interpreter is held.

Its own pump gives them back, but it can't while a job holds the interpreter, in C code that does
not let it go. Why no job is lost by it, or runs twice: docs/internals.md, Look-ahead.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from weakref import WeakKeyDictionary

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
    """Looks at the pumps of all children, five times a second.

    A pump may be silent because a job of many megabytes takes long to arrive, and would never have
    it were it taken back each time: so it is given twice as long after each time in vain, until
    something has begun there.
    """

    def __init__(
        self, executor: Executor, keys: Keys, identity: str, children: Callable[[], list[Child]]
    ) -> None:
        self._executor = executor
        self._keys = keys
        self._identity = identity
        self._children = children
        # What had begun when a child was relieved, and how long it may be silent from then on.
        self._relieved: WeakKeyDictionary[Child, tuple[int, float]] = WeakKeyDictionary()

    def tick(self) -> float:
        """Relieve the children whose pump is silent though jobs may wait there."""
        for child in self._children():
            if child.table.silence() > self._patience(child):
                self._relieve(child)
        return PERIOD

    def _patience(self, child: Child) -> float:
        begun, patience = self._relieved.get(child, (0, SILENT))
        return patience if begun == child.table.begun() else SILENT

    def _relieve(self, child: Child) -> None:
        patience = self._patience(child)
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
            self._relieved[child] = (begun, patience * 2)
            log.warning(
                "child %s does not react: %d jobs it had not begun go back", child.name, total
            )
