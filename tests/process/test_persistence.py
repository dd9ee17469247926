"""What a server forgets when it is killed, and a server whose memory is full."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from outrider import App, StoreError
from outrider.embedded import Server
from tests.process.harness import Worker, ask, claimed, load_work, measured, until

# What appendfsync promises: how many seconds of acknowledged writes a killed server may forget.
POLICIES = {"always": 0.0, "everysec": 2.0}
SECONDS = 1.5


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Starts a server of this test alone, with options."""
    servers: list[Server] = []

    def start(**options: str) -> Server:
        servers.append(Server.start(tmp_path / "server", options=options))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.mark.parametrize("policy", POLICIES)
def test_a_killed_server_forgets_no_more_than_it_says(
    start: Callable[..., Server], tmp_path: Path, policy: str
) -> None:
    """With appendfsync always nothing; with everysec the newest two seconds at most, no others."""
    server = start(appendonly="yes", appendfsync=policy)
    work = load_work(tmp_path, server.url, name="filed")
    pushed: list[float] = []
    while not pushed or pushed[-1] < pushed[0] + SECONDS:
        work.line.enqueue(len(pushed), "")
        pushed.append(time.monotonic())
    server.kill()
    killed = time.monotonic()
    server.restart()
    newest_first = [
        json.loads(job)["args"][0] for job in ask(work.app, "LRANGE", "queue:default", 0, -1)
    ]
    kept = len(newest_first)
    measured(f"{policy}: {len(pushed)} pushed, {len(pushed) - kept} forgotten")
    assert newest_first == list(reversed(range(kept)))
    assert all(killed - at <= POLICIES[policy] for at in pushed[kept:])
    work.app.close()


def test_a_full_server_is_drained(start: Callable[..., Server], tmp_path: Path) -> None:
    """Pushes are refused; what is there runs, fails, is retried, calls back all the same (R6)."""
    server = start()
    work = load_work(tmp_path, server.url, name="filed")
    app: App = work.app
    ran, fired = tmp_path / "ran", tmp_path / "fired"
    batch = app.batch().on("success", work.trace, path=str(fired))
    with batch.jobs():
        work.line.enqueue_many([(i, str(ran)) for i in range(200)])
        work.line.enqueue_in(1.0, 200, str(ran))
        work.shaky.enqueue(201, str(ran))
    ask(app, "CONFIG", "SET", "maxmemory", "1mb")
    with pytest.raises(StoreError, match="maxmemory"):
        work.line.enqueue(999, str(ran))
    one = Worker(tmp_path, app, "-c", "4", target="filed")
    try:
        one.ready()
        until(fired.exists, "the callback runs")
        assert one.stop() == 0
    finally:
        one.end()
    assert Counter(map(int, ran.read_text().split())) == Counter(range(202))
    assert fired.read_text().split() == [batch.bid]
    status = app.batches[batch.bid]
    assert (status.is_success, status.pending, claimed(app)) == (True, 0, 0)
    ask(app, "CONFIG", "SET", "maxmemory", "0")
    work.line.enqueue(999, str(ran))
    assert app.queues["default"].size == 1
    app.close()
