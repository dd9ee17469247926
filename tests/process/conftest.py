"""Fixtures for tests of real processes."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType

import pytest

from outrider import App
from outrider.checkup.roles import rights_of
from tests import least
from tests.process.harness import Worker, load_work

# What jobs here do besides: they leave traces in keys of their own.
TRACES = "(~[a-np-z]* +rpush +exists +lrange +llen)"
StartWorker = Callable[..., Worker]

# A shell that starts us in the background has it ignored, and so would the workers: then the one
# that stops a worker before it listens to signals does nothing, and is waited for in vain.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def worker_url(app: App) -> str:
    """The URL for a user who may do what a worker must, and write traces."""
    app.perform(least.make_user("worker", rights_of("worker"), app.keys, TRACES))
    return least.as_user(app.url, "worker")


@pytest.fixture
def work(tmp_path: Path, app: App) -> Iterator[ModuleType]:
    """The jobs module `work`, in the folder where workers run."""
    module = load_work(tmp_path, worker_url(app) if least.IS_ON else app.url)
    yield module
    module.app.close()


@pytest.fixture
def worker(tmp_path: Path, app: App, work: ModuleType) -> Iterator[StartWorker]:
    """Starts a worker with options and waits until it is registered; ends it after the test."""
    workers: list[Worker] = []

    def start(
        *options: str, ready: bool = True, hasty: bool = False, command: Sequence[str] = ()
    ) -> Worker:
        target = work.__name__
        workers.append(Worker(tmp_path, app, *options, target=target, hasty=hasty, command=command))
        return workers[-1].ready() if ready else workers[-1]

    yield start
    for one in workers:
        one.end()
