"""measure, sample and mark: numbers add up once, and what they take is bounded."""

from __future__ import annotations

from typing import Any

import pytest

from outrider import App
from outrider.metrics.measured import SUMS
from outrider.store import metrics
from outrider.store.metrics import Numbers
from tests.app.hands import NOW, raw, twice

MINUTE = NOW // 60_000
HOUR = MINUTE // 60
ONE: Numbers = [1, 0, 2000, 1000, 4, 1, 1, 1]
BAD: Numbers = [2, 1, 50_000, 0, 4, 1, 9, 1]


def add(app: App, *entries: tuple[int, str, Numbers]) -> None:
    assert app.perform(metrics.measure(app.keys, entries=list(entries))) == 1


def by_bin(numbers: Numbers | None) -> tuple[Numbers, dict[int, int]]:
    """The sums, and the counts by bin: bins are in no order."""
    assert numbers is not None
    pairs = numbers[SUMS:]
    bins = dict(zip(pairs[::2], pairs[1::2], strict=True))
    assert len(pairs) == 2 * len(bins)
    return numbers[:SUMS], bins


def everywhere(app: App, name: str, minute: int = MINUTE) -> list[tuple[Numbers, dict[int, int]]]:
    """What lies of a name in a minute, in its hour, and in the totals."""
    keys = app.keys
    spans = (metrics.measured(keys, "minute", minute), metrics.measured(keys, "hour", minute // 60))
    return [by_bin(app.perform(call)[name]) for call in (*spans, metrics.totals(keys))]


def test_numbers_add_up_in_minute_hour_and_total(app: App) -> None:
    """Sums to sums, bins to bins, of one request and of several."""
    add(app, (MINUTE, "a", ONE), (MINUTE, "a", BAD), (MINUTE, "b", ONE))
    add(app, (MINUTE, "a", BAD))
    found = ([5, 2, 102_000, 1000], {4: 3, 1: 1, 9: 2})
    assert everywhere(app, "a") == [found] * 3
    assert everywhere(app, "b") == [([1, 0, 2000, 1000], {4: 1, 1: 1})] * 3


def test_each_minute_is_its_own(app: App) -> None:
    """And so is each hour; the totals have it all."""
    add(app, (MINUTE, "a", ONE), (MINUTE + 1, "a", ONE), (MINUTE + 60, "a", ONE))
    in_hour = sum(minute // 60 == HOUR for minute in (MINUTE, MINUTE + 1))
    counts = [sums[0] for sums, _ in everywhere(app, "a")]
    assert counts == [1, in_hour, 3]
    assert everywhere(app, "a", MINUTE + 60)[0][0][0] == 1
    assert app.perform(metrics.measured_of(app.keys, "minute", MINUTE + 2, "a")) is None


def test_a_request_sent_again_adds_nothing(app: App) -> None:
    """Its lane knows it."""
    assert twice(app, metrics.measure(app.keys, entries=[(MINUTE, "a", ONE)])) == [1, 1]
    assert everywhere(app, "a") == [([1, 0, 2000, 1000], {4: 1, 1: 1})] * 3


def test_names_are_bounded_and_no_run_is_lost(app: App) -> None:
    """Beyond 1,000 names in a hash the others are counted together, known ones under their own."""
    for first in range(0, 1000, 100):
        add(app, *((MINUTE, f"job{number:04}", ONE) for number in range(first, first + 100)))
    add(app, (MINUTE, "late", ONE), (MINUTE, "later", BAD), (MINUTE, "job0007", ONE))
    add(app, (MINUTE, "late", ONE))
    rest = ([4, 1, 54_000, 2000], {4: 3, 1: 2, 9: 1})
    assert everywhere(app, "") == [rest] * 3
    assert everywhere(app, "job0007")[2][0][0] == 2
    for call in (metrics.totals(app.keys), metrics.measured(app.keys, "minute", MINUTE)):
        found = app.perform(call)
        assert len(found) == 1001
        assert sum(numbers[0] for numbers in found.values()) == 1005
    add(app, (MINUTE + 1, "late", ONE))  # where there is room it has its name
    assert app.perform(metrics.measured_of(app.keys, "minute", MINUTE + 1, "late")) is not None


def test_all_but_the_totals_expire(app: App) -> None:
    """Minutes after the eight hours for which they are shown, hours after the week."""
    add(app, (MINUTE, "a", ONE))
    app.perform(metrics.sample(app.keys, minute=MINUTE, queues=[("q", 1, 1)]))
    for kind in ("measured", "sampled"):
        lives = [
            raw(app, "TTL", app.keys(kind, name)) for name in (f"minute:{MINUTE}", f"hour:{HOUR}")
        ]
        assert 8 * 3600 + 60 < lives[0] <= 9 * 3600
        assert 7 * 86_400 + 3000 < lives[1] <= 7 * 86_400 + 3600
    assert raw(app, "TTL", "o:totals") == -1


JUNK = (b"", b"text", b"\x00", b"\xc1", b"\x93\x01\x01\x02", b"\x95\x01\xa1x\x02\x03\x04")


@pytest.mark.parametrize("junk", JUNK, ids=repr)
def test_what_somebody_else_wrote_there_fails_nothing(app: App, junk: bytes) -> None:
    """It counts as nothing, and is written over."""
    for key in (app.keys("measured", f"minute:{MINUTE}"), "o:totals"):
        raw(app, "HSET", key, "a", junk, "b", junk)
    add(app, (MINUTE, "a", ONE))
    assert everywhere(app, "a") == [([1, 0, 2000, 1000], {4: 1, 1: 1})] * 3


def test_sums_outgrow_no_number(app: App) -> None:
    """What is too large for an integer is still one for whoever reads it."""
    add(app, (MINUTE, "a", [1, 0, 2**62, 2**62]), (MINUTE, "a", [1, 0, 2**62, 2**62]))
    assert everywhere(app, "a")[0] == ([2, 0, 2**63, 2**63], {})


# -- queues ---------------------------------------------------------------------------------------


def sampled(app: App, span: metrics.Span, number: int) -> dict[str, Numbers]:
    return app.perform(metrics.sampled(app.keys, span, number))


def test_the_first_look_in_a_minute_counts(app: App) -> None:
    """Workers that come later change nothing, but may add queues; hours have sum and most."""
    first = [("a", 10, 500), ("b", 0, 0)]
    assert app.perform(metrics.sample(app.keys, minute=MINUTE, queues=first)) == 2
    again = [("a", 99, 99), ("c", 7, 70)]
    assert app.perform(metrics.sample(app.keys, minute=MINUTE, queues=again)) == 1
    minute = {"a": [1, 10, 10, 500, 500], "b": [1, 0, 0, 0, 0], "c": [1, 7, 7, 70, 70]}
    assert sampled(app, "minute", MINUTE) == minute
    assert sampled(app, "hour", HOUR) == minute
    call = metrics.sample(app.keys, minute=HOUR * 60 + 59, queues=[("a", 4, 900)])
    assert app.perform(call) == 1
    assert sampled(app, "hour", HOUR)["a"] == [2, 14, 10, 1400, 900]
    assert sampled(app, "hour", HOUR)["b"] == [1, 0, 0, 0, 0]


def test_queues_are_bounded(app: App) -> None:
    """Of more than 1,000 the others are not noted."""
    for first in range(0, 1100, 220):
        queues = [(f"q{number:04}", 1, 1) for number in range(first, first + 220)]
        app.perform(metrics.sample(app.keys, minute=MINUTE, queues=queues))
    assert [len(sampled(app, "hour", HOUR)), len(sampled(app, "minute", MINUTE))] == [1000, 1000]
    known = [("q0000", 3, 3), ("new", 3, 3)]
    assert app.perform(metrics.sample(app.keys, minute=MINUTE + 1, queues=known)) == 1
    assert app.perform(metrics.sample(app.keys, minute=MINUTE + 1, queues=[])) == 0


# -- marks ----------------------------------------------------------------------------------------


def mark(app: App, label: str, at: int) -> Any:
    return app.perform(metrics.mark(app.keys, label=label, at=at))


def test_a_label_within_a_minute_is_one_mark(app: App) -> None:
    """Each host of a deploy may say it; a minute later it is another one."""
    assert mark(app, "v1", NOW) == NOW
    assert mark(app, "v1", NOW + 59_000) == NOW
    assert mark(app, "v1", NOW - 59_000) == NOW
    assert mark(app, "v1 ", NOW) == NOW
    assert mark(app, "v1", NOW + 61_000) == NOW + 61_000
    found = app.perform(metrics.marks(app.keys))
    assert found == [(NOW, "v1"), (NOW, "v1 "), (NOW + 61_000, "v1")]
    assert 89 * 86_400 < raw(app, "TTL", "o:marks") <= 90 * 86_400


def test_marks_are_bounded(app: App) -> None:
    """The newest 1,000 are kept."""
    words: list[Any] = []
    for number in range(1000):
        words += [NOW + number, f"{NOW + number} old{number}"]
    raw(app, "ZADD", "o:marks", *words)
    mark(app, "new", NOW + 10**6)
    found = app.perform(metrics.marks(app.keys))
    assert (len(found), found[0][1], found[-1][1]) == (1000, "old1", "new")
    raw(app, "ZADD", "o:marks", 1, b"\xff\xfe", 2, "no number")
    assert len(app.perform(metrics.marks(app.keys))) == 1000
