"""What a child holds by its own account, and what time it is by the server's.

Every 10 seconds, and when the server was away, it is compared with the server's account. A claim
that the child knows nothing of was left by an answer that never came, or by a server that crashed
and lost an acknowledgement: nobody works on it, so it goes back to its queue.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from itertools import compress, count

from outrider import clock
from outrider.keys import Keys
from outrider.script import Call
from outrider.store import process
from outrider.store.process import LIFE_MS, Checked
from outrider.store.queue import Claimed

PERIOD = 10.0


class Ledger:
    """The account of one child. `seen` is the highest token that it was ever given."""

    def __init__(self, keys: Keys, identity: str, child: str) -> None:
        self._keys = keys
        self._identity = identity
        self._child = child
        self._held: set[int] = set()
        self._checked_at = -math.inf
        self._ahead = clock.now_ms() - _monotonic_ms()
        self.seen = 0

    def now(self) -> int:
        """The server's time in ms, as of the last comparison: this host's clock may be wrong."""
        return self._ahead + _monotonic_ms()

    def took(self, claimed: Claimed) -> None:
        """Note what a claim has brought."""
        self.seen = max(self.seen, claimed.first + len(claimed.payloads) - 1)
        self._held.update(compress(count(claimed.first), claimed.payloads))

    def reported(self, tokens: Iterable[int]) -> None:
        """Note what is reported, and so held no more."""
        self._held.difference_update(tokens)

    def is_due(self) -> bool:
        """Whether it is time to compare."""
        return time.monotonic() >= self._checked_at + PERIOD

    def doubt(self) -> None:
        """Compare as soon as possible: the server was away."""
        self._checked_at = -math.inf

    def check(self) -> Call[Checked]:
        """Ask for the server's account."""
        return process.check(
            self._keys, identity=self._identity, child=self._child, life=LIFE_MS, override=0
        )

    def compare(self, checked: Checked) -> list[int]:
        """Take the time from an answer; tokens that are held here without being known."""
        self._checked_at = time.monotonic()
        self._ahead = checked.now - _monotonic_ms()
        return sorted(checked.tokens - self._held)


def _monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000
