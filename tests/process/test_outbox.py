"""Chains of jobs by outboxes, with real processes: killed at any step, cut off, a full server."""

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
    listed,
    load_work,
    measured,
    until,
)
from tests.process.proxy import HARMS, Proxy

JOBS = 20
Start = Callable[..., tuple[ModuleType, Worker]]


@pytest.fixture
def proxy(tmp_path: Path, app: App) -> Iterator[Proxy]:
    """A network of this test's own."""
    proxy = Proxy(tmp_path / "proxy.sock", app.url)
    yield proxy
    proxy.close()


@pytest.fixture
def start(tmp_path: Path, app: App) -> Iterator[Start]:
    """Starts a worker that leaves second links alone; gives its jobs too."""
    modules, workers = [], []

    def start(url: str, *options: str, timeout: float = 5.0) -> tuple[ModuleType, Worker]:
        modules.append(load_work(tmp_path, url, timeout, "chained"))
        words = ("-q", "default", "-q", "other", *options)
        workers.append(Worker(tmp_path, app, *words, target="chained"))
        return modules[-1], workers[-1].ready()

    yield start
    for module in modules:
        module.app.close()
    for worker in workers:
        worker.end()


def pushed(app: App) -> Counter[int]:
    """How many times the second link was pushed for each first one."""
    found = [(job.jid, job.args[0]) for job in app.queues["next"] if job.job.endswith("validate")]
    assert len({jid for jid, _ in found}) == len(found)
    return Counter(number for _, number in found)


@pytest.mark.parametrize("name", ["load", "aload"])
def test_killed_at_any_step_it_hands_over_once(app: App, start: Start, name: str) -> None:
    """Four links are killed, each at another step, and run again: the next is pushed once each."""
    chained, one = start(app.url, "-c", "1")
    ask(app, "SADD", "deadly", *chained.STEPS)
    for number in range(JOBS):
        getattr(chained, name).enqueue(number)
    until(lambda: app.stats.processed == JOBS, "all are reported", 60)
    assert one.stop() == 0
    assert sorted(listed(app, "died")) == sorted(chained.STEPS)
    # One died when all was done, and only its child did not know.
    assert len(listed(app, "ran")) == JOBS + len(chained.STEPS) - 1
    assert pushed(app) == Counter(range(JOBS))
    assert claimed(app) == 0
    batches = [status.total for status in app.batches]
    assert batches == ([] if name == "load" else [1] * JOBS)


def test_cut_requests_and_lost_replies_hand_over_once(app: App, proxy: Proxy, start: Start) -> None:
    """Each fourth request of the worker comes to harm: each next job is pushed once."""
    chained, one = start(proxy.url, "-c", "4")
    proxy.every = 4
    for number in range(10 * JOBS):
        chained.handing.enqueue(number)
    until(lambda: app.stats.processed == 10 * JOBS, "all are reported", 60)
    proxy.every = 0
    assert one.stop() == 0
    measured(f"harmed: {dict(proxy.harmed)}")
    assert min(proxy.harmed[harm] for harm in HARMS) > 10
    assert pushed(app) == Counter(range(10 * JOBS))
    assert claimed(app) == 0
    assert not one.said("ran twice")


@pytest.fixture
def full(app: App) -> Iterator[Callable[..., None]]:
    """Fills the server's memory, or makes room."""

    def set_most(most: int) -> None:
        ask(app, "CONFIG", "SET", "maxmemory", most)

    yield set_most
    set_most(0)


def _fill(app: App, chained: ModuleType, full: Callable[..., None]) -> None:
    """Have two jobs end when the server is full, with others on a queue that is paused."""
    app.queues["other"].pause()
    chained.plain.enqueue_many([(number,) for number in range(JOBS)])
    ask(app, "SET", "closed", 1)
    chained.handing.enqueue_many([(0,), (1,)])
    until(lambda: claimed(app) == 2, "both run")
    full(1)
    ask(app, "DEL", "closed")


def test_a_full_server_is_waited_for_and_drained(
    app: App, start: Start, full: Callable[..., None]
) -> None:
    """Outbox jobs keep their claims while it is full, and others go on; then all is pushed."""
    chained, one = start(app.url, "-c", "2")
    _fill(app, chained, full)
    until(lambda: one.said("jobs whose outbox it does not take wait"), "it is told")
    app.queues["other"].resume()
    until(lambda: app.stats.processed == JOBS, "others go on")
    assert (claimed(app), pushed(app)) == (2, Counter())
    full(0)
    until(lambda: app.stats.processed == JOBS + 2, "they are pushed")
    assert pushed(app) == Counter([0, 1])
    until(lambda: one.said("takes outboxes again"), "that is told too")
    assert one.stop() == 0
    assert one.said("jobs whose outbox it does not take wait") == 1
    assert claimed(app) == 0


def test_stopped_while_the_server_is_full(
    app: App, start: Start, full: Callable[..., None]
) -> None:
    """What could not be pushed when the time is up goes back, and runs again elsewhere."""
    chained, one = start(app.url, "-c", "2", "--timeout", "0.5")
    _fill(app, chained, full)
    until(lambda: one.said("jobs whose outbox it does not take wait"), "it is told")
    assert one.stop() == 0
    assert one.said("2 running jobs go back to their queues")
    assert (claimed(app), app.queues["default"].size, pushed(app)) == (0, 2, Counter())
    full(0)
    _, two = start(app.url)
    until(lambda: app.queues["next"].size == 2, "they run again")
    assert two.stop() == 0
    assert pushed(app) == Counter([0, 1])
