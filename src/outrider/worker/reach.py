"""Whether the server can be reached, told once for the whole worker.

Supervisor and children notice an outage each by itself, and each of their threads does; people
want one line when the server goes and one when it is back for all.
"""

from __future__ import annotations

import logging
import threading

log = logging.getLogger("outrider.worker")


class Reach:
    """Who is cut off now. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cut_off: set[str] = set()

    def say(self, who: str, trouble: str) -> None:
        """Note that somebody is in trouble with the server; with "" that it is over."""
        with self._lock:
            before = bool(self._cut_off)
            if trouble:
                self._cut_off.add(who)
            else:
                self._cut_off.discard(who)
            if self._cut_off and not before:
                log.error(
                    "%s; running jobs go on, their outcomes wait, and it is tried on", trouble
                )
            if before and not self._cut_off:
                log.info("the server is back")
