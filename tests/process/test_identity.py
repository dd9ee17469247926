"""Who a worker is: the same while its children change, another for each start."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from outrider import App
from tests.process.conftest import StartWorker
from tests.process.harness import Worker, ask, claimed, length, listed, until

BEAT = 12.0
_HOST = """
import socket
socket.gethostname = lambda: {name!r}
"""


@pytest.fixture
def on_host(tmp_path: Path, app: App, work: ModuleType) -> Iterator[StartWorker]:
    """Starts a worker on a host of this name."""
    workers: list[Worker] = []

    def start(name: str, *options: str) -> Worker:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        (folder / "sitecustomize.py").write_text(_HOST.format(name=name))
        path = os.pathsep.join(filter(None, [str(folder), *sys.path]))
        workers.append(Worker(tmp_path, app, *options, PYTHONPATH=path))
        return workers[-1].ready()

    yield start
    for one in workers:
        one.end()


def test_a_worker_is_shown_whatever_its_children(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """Children are replaced; worker, slots and jobs are shown under the same name (P110)."""
    one = worker("-c", "1", "-p", "2")
    identity, old = one.identity, one.children
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    until(lambda: len(set(one.children) - set(old)) == 2, "others take their place")
    work.gated.enqueue(1, "gate")
    until(lambda: length(app, "started") == 1, "a job runs")
    until(lambda: ask(app, "HGET", identity, "busy") == b"1", "the next beat shows it", BEAT)
    assert ask(app, "HLEN", f"{identity}:work") == 1
    assert ask(app, "SMEMBERS", "processes") == [identity.encode()]
    assert ask(app, "HGET", identity, "concurrency") == b"2"
    ask(app, "SET", "gate", 1)
    assert one.stop() == 0
    assert ask(app, "SCARD", "processes") == 0


def test_hosts_of_the_same_name(app: App, work: ModuleType, on_host: StartWorker) -> None:
    """A container that comes back under its name is another worker: neither has the other's jobs.

    P130.
    """
    lost = on_host("web", "-c", "1")
    work.gated.enqueue(1, "gate")
    until(lambda: length(app, "started") == 1, "it runs")
    identity = lost.identity
    lost.process.kill()
    lost.wait()
    again = on_host("web", "-c", "1")
    assert again.identity != identity
    assert {identity[:4], again.identity[:4]} == {"web:"}
    work.gated.enqueue(2, "gate")
    until(lambda: length(app, "started") == 2, "the new one has a job of its own")
    ask(app, "ZADD", "o:leases", 0, identity)
    ask(app, "SET", "gate", 1)
    other = on_host("elsewhere", "-c", "1")
    until(lambda: length(app, "ran") == 2, "the lost one's job comes back")
    assert sorted(listed(app, "ran")) == ["1", "2"]
    assert (again.stop(), other.stop()) == (0, 0)
    assert sorted(listed(app, "started")) == ["1", "1", "2"]
    assert claimed(app) == 0
