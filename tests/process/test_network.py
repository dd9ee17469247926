"""The network between workers and server: requests that are cut, answers that are lost, silence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from outrider import App
from tests.process.harness import (
    Worker,
    ask,
    claimed,
    length,
    load_work,
    measured,
    until,
)
from tests.process.proxy import HARMS, Proxy

JOBS = 400


@pytest.fixture
def proxy(tmp_path: Path, app: App) -> Iterator[Proxy]:
    """A network of this test's own."""
    proxy = Proxy(tmp_path / "proxy.sock", app.url)
    yield proxy
    proxy.close()


@pytest.fixture
def start(tmp_path: Path, app: App) -> Iterator[Callable[..., tuple[ModuleType, Worker]]]:
    """Starts a worker that reaches the server by a URL; gives its jobs too."""
    modules, workers = [], []

    def start(
        url: str, *options: str, name: str = "work", timeout: float = 5.0
    ) -> tuple[ModuleType, Worker]:
        modules.append(load_work(tmp_path, url, timeout, name))
        workers.append(Worker(tmp_path, app, *options, target=name))
        return modules[-1], workers[-1].ready()

    yield start
    for module in modules:
        module.app.close()
    for worker in workers:
        worker.end()


def test_cut_requests_and_lost_replies_count_once(
    app: App, proxy: Proxy, start: Callable[..., tuple[ModuleType, Worker]], tmp_path: Path
) -> None:
    """Each fifth request comes to harm, producers' too: each job is there once, and runs once.

    N1.
    """
    work, one = start(proxy.url, "-c", "4", name="filed")
    proxy.every = 5
    batch = work.app.batch().on("success", work.trace, path=str(tmp_path / "fired"))
    with batch.jobs():
        work.line.enqueue_many([(i, str(tmp_path / "ran")) for i in range(JOBS // 2)])
    for i in range(JOBS // 2, JOBS):
        work.line.enqueue(i, str(tmp_path / "ran"))
    until(lambda: app.stats.processed == JOBS + 1, "all outcomes have arrived", 60)
    proxy.every = 0
    assert one.stop() == 0
    measured(f"harmed: {dict(proxy.harmed)}")
    assert min(proxy.harmed[harm] for harm in HARMS) > 10
    runs = Counter(map(int, (tmp_path / "ran").read_text().split()))
    assert runs == Counter(range(JOBS))
    assert (tmp_path / "fired").read_text().split() == [batch.bid]
    assert not one.said("ended with status")
    assert claimed(app) == 0


def test_a_worker_without_its_network_is_replaced_and_fenced(
    app: App, proxy: Proxy, start: Callable[..., tuple[ModuleType, Worker]], tmp_path: Path
) -> None:
    """Its job runs elsewhere once its lease is over; what it reports afterwards changes nothing."""
    work, lost = start(proxy.url, "-c", "1", timeout=1.0)
    trace = tmp_path / "offline"
    work.offline.enqueue(str(tmp_path))
    until(trace.exists, "it runs")
    proxy.severed = True
    _, other = start(app.url, "-c", "1")
    # Thirty seconds of the virtual clock, in a moment: only that this lease is in the past.
    ask(app, "ZADD", "o:leases", 0, lost.identity)
    until(lambda: trace.read_text().count("started") == 2, "it runs elsewhere")
    (tmp_path / "gate").touch()
    until(lambda: trace.read_text().count("ended") == 2, "both have ended")
    until(lambda: app.stats.processed == 1, "one has reported")
    proxy.severed = False
    until(lambda: lost.said("lease had lapsed"), "the other one hears that it was replaced")
    assert other.stop() == 0
    until(lambda: lost.identity, "it has registered again")
    work.mark.enqueue(7)
    until(lambda: length(app, "ran") == 1, "it works again")
    assert lost.stop() == 0
    assert (app.stats.processed, app.stats.failed, claimed(app)) == (2, 0, 0)
