"""What is measured, and marks."""

from __future__ import annotations

from typing import Any

from outrider import App
from outrider.script import Call
from outrider.store import metrics
from outrider.store.metrics import Numbers
from tests.app.hands import NOW
from tests.network.case import case

MINUTE = NOW // 60_000
NUMBERS: Numbers = [2, 1, 2000, 1000, 4, 1, 1, 1]


def measured(app: App) -> Call[int]:
    """Add to what is there."""
    entries = [(MINUTE, "a", NUMBERS), (MINUTE + 60, "", NUMBERS)]
    return metrics.measure(app.keys, entries=entries)


def sampled(app: App) -> Call[int]:
    """Note two queues."""
    return metrics.sample(app.keys, minute=MINUTE, queues=[("a", 5, 700), ("b", 0, 0)])


def looks(app: App) -> dict[str, Call[Any]]:
    """Plain commands that look at it."""
    return {
        "metrics.marks": metrics.marks(app.keys),
        "metrics.measured": metrics.measured(app.keys, "minute", MINUTE),
        "metrics.measured_of": metrics.measured_of(app.keys, "hour", MINUTE // 60, "a"),
        "metrics.sampled": metrics.sampled(app.keys, "hour", MINUTE // 60),
        "metrics.sampled_of": metrics.sampled_of(app.keys, "minute", MINUTE, "a"),
        "metrics.totals": metrics.totals(app.keys),
    }


@case("measure")
def _(app: App) -> Call[Any]:
    app.perform(measured(app))
    return measured(app)


@case("sample", again="nobody asks how many queues it was")
def _(app: App) -> Call[Any]:
    app.perform(metrics.sample(app.keys, minute=MINUTE - 1, queues=[("a", 1, 1)]))
    return sampled(app)


@case("mark")
def _(app: App) -> Call[Any]:
    app.perform(metrics.mark(app.keys, label="v1", at=NOW - 100_000))
    return metrics.mark(app.keys, label="v1", at=NOW)
