"""What a child holds by its own account, and whose time it goes by."""

from __future__ import annotations

import time

import pytest

from outrider import clock
from outrider.keys import Keys
from outrider.store.process import Checked
from outrider.store.queue import Claimed
from outrider.worker.ledger import PERIOD, Ledger


@pytest.fixture
def ledger() -> Ledger:
    return Ledger(Keys(), "host:1:ab", "0")


def taken(first: int, *payloads: bytes) -> Claimed:
    return Claimed(False, first, list(payloads))


def test_what_is_unknown(ledger: Ledger) -> None:
    """What the server holds for us, less what we were given and have not reported."""
    ledger.took(taken(5, b"a", b"b", b"c"))
    ledger.took(taken(8))
    ledger.reported([6])
    assert ledger.compare(Checked(True, 1, {4, 5, 6, 7, 9})) == [4, 6, 9]
    assert ledger.compare(Checked(True, 1, {5})) == []


def test_what_a_repeated_claim_no_longer_held(ledger: Ledger) -> None:
    """An empty payload is none that we hold, but its token was given out."""
    ledger.took(taken(5, b"a", b""))
    assert ledger.seen == 6
    assert ledger.compare(Checked(True, 1, {5, 6})) == [6]
    ledger.took(taken(3))
    assert ledger.seen == 6


def test_when_to_compare(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything else, then each period, and once the server was away."""
    assert ledger.is_due()
    ledger.compare(Checked(True, 1, set()))
    assert not ledger.is_due()
    ledger.doubt()
    assert ledger.is_due()
    ledger.compare(Checked(True, 1, set()))
    later = time.monotonic() + PERIOD
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert ledger.is_due()


def test_the_servers_time(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """This host's clock serves until the first answer; then it may say anything."""
    assert abs(ledger.now() - clock.now_ms()) < 60_000
    ledger.compare(Checked(True, 1_000_000, set()))
    monkeypatch.setattr(clock, "now_ms", lambda: 7)
    assert 1_000_000 <= ledger.now() < 1_060_000
