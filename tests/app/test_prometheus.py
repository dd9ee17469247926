"""`app.metrics.prometheus()`: text that Prometheus reads, with the numbers of the server."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from outrider import App, ConfigError
from outrider.metrics.measured import BINS, BOUNDS, bin_of
from outrider.store import metrics as store
from tests.app.conftest import Way
from tests.app.hands import Hands, put, raw, write


def samples(text: str) -> dict[tuple[str, tuple[str, ...]], float]:
    """Every number, by its name and labels."""
    found: dict[tuple[str, tuple[str, ...]], float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            place = sample.name, tuple(sample.labels.values())
            assert place not in found
            found[place] = sample.value
    return found


def test_numbers_are_those_of_the_server(way: Way) -> None:
    """Of jobs ever measured, queues and all of it."""
    app = way.app
    times = (0.001, 0.3, 0.3, 400.0)
    bins = [2 * bin_of(time) for time in times]
    numbers = [4, 1, 700_601_000, 2_000_000, *(word for one in bins for word in (one, 1))]
    numbers += [2 * bin_of(0.5) + 1, 4]
    app.perform(store.measure(app.keys, entries=[(1, "a", numbers), (1, "", [2, 2, 0, 0])]))
    put(app, "low", write("1"), write("2"))
    app.queues["low"].pause()
    worker = Hands(app)
    put(app, "default", write("3"))
    worker.ack(worker.take())
    found = samples(way(app.metrics, "prometheus"))
    assert found["outrider_job_runs_total", ("a",)] == 4
    assert found["outrider_job_failures_total", ("a",)] == 1
    assert found["outrider_job_failures_total", ("other jobs",)] == 2
    assert found["outrider_job_run_seconds_count", ("a",)] == 4
    assert found["outrider_job_run_seconds_sum", ("a",)] == pytest.approx(700.601)
    shown = {
        labels[1]: value
        for (name, labels), value in found.items()
        if name == "outrider_job_run_seconds_bucket" and labels[0] == "a"
    }
    assert shown == {
        **dict.fromkeys(("0.001", "0.005", "0.02", "0.1"), 1),
        **dict.fromkeys(("0.5", "2.5", "13.0", "65.0", "335.0"), 3),
        "+Inf": 4,
    }
    assert found["outrider_job_wait_seconds_bucket", ("a", "0.5")] == 4
    assert found["outrider_queue_jobs", ("low",)] == 2
    assert found["outrider_queue_paused", ("low",)] == 1
    assert found["outrider_queue_paused", ("default",)] == 0
    assert (found["outrider_enqueued", ()], found["outrider_runs_total", ()]) == (2, 1)
    assert found["outrider_processes", ()] == 1


def test_names_of_others_are_harmless(app: App) -> None:
    """Any program may push to a queue of any name; there is an end to how many are shown."""
    names = ['"} x 1\n# HELP', "\\", "\x00", "ü", *(f"q{number:04}" for number in range(1200))]
    raw(app, "SADD", "queues", *names)
    found = samples(app.metrics.prometheus())
    sizes = [labels[0] for name, labels in found if name == "outrider_queue_jobs"]
    assert len(sizes) == 1000
    assert {'"} x 1\n# HELP', "\\"} <= set(sizes)


def test_without_the_package_it_says_what_to_install(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing else needs it."""
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(ConfigError, match=r"pip install 'outrider\[prometheus\]'"):
        app.metrics.prometheus()


def test_bounds_shown_are_bounds_of_bins() -> None:
    """Else counts below them would be guessed."""
    from outrider.metrics import prometheus

    shown: Any = prometheus._SHOWN
    assert set(shown) <= set(BOUNDS)
    assert len(BOUNDS) == BINS - 1
