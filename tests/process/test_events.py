"""Handlers of events in real workers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from outrider import App
from tests import least
from tests.process.conftest import worker_url
from tests.process.harness import Worker, listed, load_work, until


@pytest.fixture
def handled(tmp_path: Path, app: App) -> Iterator[ModuleType]:
    """The jobs module `handled`."""
    url = worker_url(app) if least.IS_ON else app.url
    module = load_work(tmp_path, url, name="handled")
    yield module
    module.app.close()


def start(folder: Path, app: App, *options: str) -> Worker:
    """A worker of these jobs."""
    return Worker(folder, app, *options, target="handled").ready()


def test_each_run_is_told_where_it_ran(tmp_path: Path, app: App, handled: ModuleType) -> None:
    """A handler that fails is logged, and harms neither the job nor those behind it (O62)."""
    worker = start(tmp_path, app, "-c", "1")
    try:
        handled.quick.enqueue()
        until(lambda: len(listed(app, "events")) == 3, "the first has ended")
        handled.hopeless.enqueue()
        until(lambda: len(listed(app, "events")) == 6, "both have ended")
        assert listed(app, "events") == [
            "job.enqueued quick",
            "job.started quick",
            "job.succeeded quick",
            "job.enqueued hopeless",
            "job.started hopeless",
            "job.died hopeless",
        ]
        assert worker.stop() == 0
        assert worker.said("a handler of job.started failed") == 2
    finally:
        worker.end()


def test_batches_are_told_in_each_process(tmp_path: Path, app: App, handled: ModuleType) -> None:
    """The server tells all who listen: with two processes a handler is called twice."""
    worker = start(tmp_path, app, "-p", "2")
    try:
        until(lambda: listed(app, "batches") == ["watch.began "] * 2, "both listen")
        batch = handled.app.batch()
        with batch.jobs():
            handled.quick.enqueue()
        until(lambda: len(listed(app, "batches")) == 6, "both were told of both")
        assert sorted(listed(app, "batches")[2:]) == [
            *[f"batch.complete {batch.bid}"] * 2,
            *[f"batch.success {batch.bid}"] * 2,
        ]
        assert worker.stop() == 0
    finally:
        worker.end()


def test_a_lost_process_is_told_in_the_others(
    tmp_path: Path, app: App, handled: ModuleType
) -> None:
    """The child beside it hears what came back, with the token of the run that was lost (O170)."""
    worker = start(tmp_path, app, "-p", "2")
    try:
        until(lambda: listed(app, "batches") == ["watch.began "] * 2, "both listen")
        handled.once.enqueue()
        until(lambda: "once" in " ".join(listed(app, "recovered")), "it was told")
        assert listed(app, "recovered") == [f"once {listed(app, 'runs')[0]} True"]
        until(lambda: "job.succeeded once" in listed(app, "events"), "it has run again")
        assert worker.stop() == 0
    finally:
        worker.end()


@pytest.mark.parametrize("name", ["long", "along"])
def test_what_goes_back_at_a_stop_is_told(
    tmp_path: Path, app: App, handled: ModuleType, name: str
) -> None:
    """A job that has begun and not ended when the time is up: its run ends in `job.released`."""
    worker = start(tmp_path, app, "--timeout", "0.1")
    try:
        getattr(handled, name).enqueue()
        until(lambda: f"job.started {name}" in listed(app, "events"), "it runs")
        assert worker.stop() == 0
        assert listed(app, "events")[-1] == f"job.released {name}"
        assert len(listed(app, "events")) == 3
        assert app.queues["default"].size == 1
    finally:
        worker.end()
