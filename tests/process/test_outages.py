"""The server goes away, comes back, forgets its scripts, or throws its clients out."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from outrider import App
from outrider.embedded import Server
from tests.process.conftest import StartWorker
from tests.process.harness import (
    Worker,
    ask,
    claimed,
    length,
    listed,
    load_work,
    measured,
    reach,
    until,
)

DURABLE = {"appendonly": "yes", "appendfsync": "always", "save": ""}
AWAY = "does not answer"
BACK = "the server is back"


class Own:
    """A server of this test alone, with an app, jobs and a worker on it."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.server = server
        self.work = load_work(folder, server.url, timeout=1.0)
        self.app: App = self.work.app
        self._folder = folder
        self._workers: list[Worker] = []

    def start(self, *options: str) -> Worker:
        """A worker that is registered."""
        self._workers.append(Worker(self._folder, self.app, *options))
        return self._workers[-1].ready()

    def close(self) -> None:
        """End what was started."""
        for one in self._workers:
            one.end()
        self.app.close()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Own]:
    """A durable server that the test may kill."""
    with Server.start(tmp_path / "server", options=DURABLE) as server:
        found = Own(tmp_path, server)
        yield found
        found.close()


def fill(own: Own, jobs: int) -> str:
    """A batch of brief jobs; its bid."""
    batch = own.work.app.batch().on("success", own.work.fired, tag="success")
    with batch.jobs():
        for i in range(jobs):
            own.work.brief.enqueue(i)
    return str(batch.bid)


def finish(own: Own, one: Worker, bid: str, jobs: int) -> int:
    """Wait for the batch, and check that nothing was lost; how many runs were doubled."""
    until(lambda: own.app.batches[bid].is_success, "the batch succeeds", 60)
    until(lambda: length(own.app, "fired") == 1, "the callback runs")
    runs = Counter(int(i) for i in listed(own.app, "ran"))
    assert set(runs) == set(range(jobs))
    assert one.stop() == 0
    assert claimed(own.app) == 0
    assert listed(own.app, "fired") == ["success"]
    assert "Traceback" not in one.log
    return sum(runs.values()) - jobs


def test_a_killed_server_loses_nothing(own: Own) -> None:
    """kill -9 of the server and a restart within the requests' patience: the work just goes on.

    P25.
    """
    bid = fill(own, 600)
    one = own.start("-c", "4")
    for count in (50, 250):
        reach(own.app, "ran", count)
        own.server.kill()
        own.server.restart()
    doubled = finish(own, one, bid, 600)
    measured(f"doubled by two crashes of the server: {doubled}")
    # A job's own request may have been executed without its answer, and so be sent again.
    assert doubled <= 2 * 4
    assert not one.said("ended with status")


def test_a_long_outage_is_told_once_and_survived(own: Own, tmp_path: Path) -> None:
    """Longer than a request is tried: the worker says so once, and once that it is over."""
    own.work.offline.enqueue(str(tmp_path))
    one = own.start("-c", "2")
    trace = tmp_path / "offline"
    until(trace.exists, "it runs")
    own.app.close()
    own.server.kill()
    until(lambda: one.said(AWAY), "it has noticed", 30)
    (tmp_path / "gate").touch()
    until(lambda: "ended" in trace.read_text(), "the job ends meanwhile")
    own.server.restart()
    started = time.monotonic()
    until(lambda: one.said(BACK), "it is back", 30)
    measured(f"back {time.monotonic() - started:.2f} s after the server")
    own.work.mark.enqueue(2)
    until(lambda: own.app.stats.processed == 2, "outcomes arrive")
    assert one.stop() == 0
    assert (one.said(AWAY), one.said(BACK)) == (1, 1), one.messages
    assert trace.read_text().split() == ["started", "ended"]
    assert not one.said("ended with status")


def test_all_slots_outlast_an_outage(own: Own) -> None:
    """Longer than a request is tried, with all slots at work: afterwards all work again (P115)."""
    one = own.start("-c", "4")
    for i in range(4):
        (own.work.gated if i % 2 else own.work.agated).enqueue(i, "gate")
    reach(own.app, "started", 4)
    own.app.close()
    own.server.kill()
    until(lambda: one.said(AWAY), "it has noticed", 30)
    own.server.restart()
    # What ran has failed, as it asked the server itself; four others at once take every slot.
    for i in range(10, 14):
        (own.work.gated if i % 2 else own.work.agated).enqueue(i, "other gate")
    until(lambda: len({*listed(own.app, "started")} & {"10", "11", "12", "13"}) == 4, "all run", 40)
    ask(own.app, "SET", "other gate", 1)
    until(lambda: {"10", "11", "12", "13"} <= {*listed(own.app, "ran")}, "all end")
    assert one.stop() == 0
    assert not one.said("ended with status")


def test_an_idle_worker_finds_a_server_that_returns(own: Own) -> None:
    """Nothing was running: after the outage a job still starts at once."""
    one = own.start()
    own.app.close()
    own.server.kill()
    own.server.restart()
    own.work.mark.enqueue(1)
    until(lambda: listed(own.app, "ran") == ["1"], "the job runs", 10)
    assert one.stop() == 0


def test_a_stop_during_an_outage_ends_in_time(own: Own) -> None:
    """TERM while the server is away: the worker ends soon after its time, and says what is left.

    P127.
    """
    one = own.start("--timeout", "1")
    own.app.close()
    own.server.kill()
    started = time.monotonic()
    assert one.stop(30) == 0
    assert time.monotonic() - started < 25.0
    assert "Traceback" not in one.log
    own.server.restart()


def test_work_survives_a_server_that_forgets_its_scripts(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """SCRIPT FLUSH, again and again: scripts are sent anew, nothing is lost or doubled (P127)."""
    work.brief.enqueue_many([(i,) for i in range(400)])
    one = worker("-c", "4")
    while length(app, "ran") < 400:
        ask(app, "SCRIPT", "FLUSH")
        time.sleep(0.02)
    assert Counter(map(int, listed(app, "ran"))) == Counter(range(400))
    assert one.stop() == 0
    assert claimed(app) == 0


def test_work_survives_clients_that_are_thrown_out(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """CLIENT KILL TYPE normal, again and again: all reconnect, nothing is lost (O13)."""
    batch = work.app.batch().on("success", work.fired, tag="success")
    with batch.jobs():
        for i in range(600):
            work.brief.enqueue(i)
    one = worker("-c", "4", "-p", "2")
    kills = 0
    while length(app, "ran") < 600:
        ask(app, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        kills += 1
        time.sleep(0.05)
    until(lambda: length(app, "fired") == 1, "the callback runs")
    runs = Counter(int(i) for i in listed(app, "ran"))
    measured(f"{kills} kills, doubled: {sum(runs.values()) - 600}")
    assert set(runs) == set(range(600))
    assert app.batches[batch.bid].is_success
    assert one.stop() == 0
    assert not one.said("ended with status")
    assert claimed(app) == 0
