"""What a child reports, and what it reports anew because the server has left it."""

from __future__ import annotations

from collections import deque

import pytest

from outrider.keys import Keys
from outrider.store.process import Checked
from outrider.store.queue import Acked, Claimed, Other
from outrider.worker.acks import Acks
from outrider.worker.ledger import Ledger
from outrider.worker.parking import Outcome, Parking

DEAD, RELEASED = Other("dead", 4), Other("release", 3)


@pytest.mark.parametrize("dealt", range(5))
def test_what_is_left_comes_first(dealt: int) -> None:
    """It is still held, and counts when it is reported; then comes what has ended meanwhile."""
    ledger = Ledger(Keys(), "host:1:ab", "0")
    ledger.took(Claimed(False, 1, [b"a", b"b", b"c", b"d", b"e"]))
    acks = Acks(Keys(), {"identity": "host:1:ab", "child": "0"}, ledger)
    outcomes: deque[Outcome] = deque([1, DEAD, 2, RELEASED])
    (call,) = acks.gather(outcomes, Parking(outcomes.append))
    sent = call.arguments
    assert (sent["done"], sent["others"]) == ([1, 2], [RELEASED, DEAD])
    outcomes.append(5)
    acks.settle(Acked(dealt, []), outcomes)
    order = [1, 2, RELEASED, DEAD]
    assert list(outcomes) == [*order[dealt:], 5]
    assert acks.jobs == [0, 1, 2, 2, 3][dealt]
    left = {1, 2, 3, 4, 5} - {[1, 2, 3, 4][at] for at in range(dealt)}
    assert ledger.compare(Checked(True, 1, {1, 2, 3, 4, 5})) == sorted({1, 2, 3, 4, 5} - left)
