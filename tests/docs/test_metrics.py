"""docs/metrics.md names what there is, and how much of it."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from outrider import App
from outrider.metrics.looks import MOST
from outrider.metrics.measured import BINS, OTHERS
from outrider.metrics.metrics import Metrics
from outrider.store import metrics as store

PAGE = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text("utf-8")


def test_every_method_named_is_there() -> None:
    """And each that is there is named, but the twins for asyncio."""
    named = set(re.findall(r"app\.metrics\.(\w+)\(", PAGE))
    there = {name for name in dir(Metrics) if not name.startswith("_")}
    assert named <= there
    assert {name for name in there if f"a{name}" in there} - named == {"queue"}


def test_numbers_are_those_of_the_code() -> None:
    """How far back, how fine, and what the others are called."""
    assert f"`minutes=` up to {MOST['minute']}" in PAGE
    assert f"`hours=` up to {MOST['hour']}" in PAGE
    assert f"{BINS} bins" in PAGE
    assert f'"{OTHERS}"' in PAGE


def test_what_prometheus_gets_is_listed(app: App) -> None:
    """No metric is missing there, and none too many."""
    app.perform(store.measure(app.keys, entries=[(1, "a", [1, 0, 1, 1])]))
    _, _, table = PAGE.partition("| metric | labels |")
    named = {name.removesuffix("_total") for name in re.findall(r"`(outrider_\w+)`", table)}
    found = text_string_to_metric_families(app.metrics.prometheus())
    assert named == {family.name for family in found}
