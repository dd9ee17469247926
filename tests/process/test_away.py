"""The server is away, in every way, for producers and workers: nothing is lost, it is told once.

The seconds until work goes on are measured, from the moment at which the server answers again.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from outrider import App, StoreError
from outrider.embedded import Server
from outrider.io import Address
from tests.process.harness import Worker, ask, claimed, load_work, measured, outrider, until
from tests.process.proxy import Proxy

DURABLE = {
    "appendonly": "yes",
    "appendfsync": "always",
    "save": "",
    # Its data are loaded so slowly that it is met while it does that.
    "loading-process-events-interval-bytes": "1024",
    "busy-reply-threshold": "100",
}
AWAY = ("does not answer", "cannot serve now", "the server refused")
BACK = "the server is back"
TIMEOUT = 1.0
SECONDS = 3.0
"""Beyond all time-outs of what is tested; `make soak` has a minute."""


class Field:
    """A durable server, a proxy before it, a producer on it, and workers behind the proxy."""

    def __init__(self, folder: Path, server: Server, timeout: float = TIMEOUT) -> None:
        self.server = server
        self.proxy = Proxy(folder / "proxy.sock", server.url)
        self.direct = App(server.url, timeout=20.0)
        self.work = load_work(folder, self.proxy.url, timeout, "filed")
        self.ran = folder / "ran"
        self.ran.touch()
        self.folder = folder
        self.workers: list[Worker] = []
        self.pushed = 0

    def start(self, *options: str) -> Worker:
        """A worker that is registered."""
        self.workers.append(Worker(self.folder, self.direct, *options, target="filed"))
        return self.workers[-1].ready()

    def push(self) -> None:
        """One more job."""
        self.work.line.enqueue(self.pushed, str(self.ran))
        self.pushed += 1

    def runs(self) -> Counter[int]:
        """How often each job has run."""
        return Counter(map(int, self.ran.read_text().split()))

    def has_run(self, count: int) -> bool:
        """Whether so many jobs have."""
        return len(self.runs()) >= count

    def close(self) -> None:
        """End what was started."""
        for one in self.workers:
            one.end()
        self.work.app.close()
        self.direct.close()
        self.proxy.close()


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Field]:
    """A server that the test may harm."""
    with Server.start(tmp_path / "server", options=DURABLE) as server:
        found = Field(tmp_path, server)
        yield found
        found.close()


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[Field]:
    """The same, with the time-outs that users have."""
    with Server.start(tmp_path / "server", options=DURABLE) as server:
        found = Field(tmp_path, server, 5.0)
        yield found
        found.close()


class Producer(threading.Thread):
    """Pushes as fast as it may, and notes what was acknowledged, and what is not known."""

    def __init__(self, field: Field) -> None:
        super().__init__()
        self.field = field
        self.acknowledged: set[int] = set()
        self.refused: set[int] = set()
        self.longest = 0.0
        self._end = threading.Event()
        self.start()

    def run(self) -> None:
        """Push until told to end."""
        number = 1_000_000
        while not self._end.wait(0.01):
            number += 1
            began = time.monotonic()
            try:
                self.field.work.line.enqueue(number, str(self.field.ran))
            except StoreError as error:
                if getattr(error, "executed", False) is False:
                    self.refused.add(number)
            else:
                self.acknowledged.add(number)
            self.longest = max(self.longest, time.monotonic() - began)

    def end(self) -> None:
        """Have it end."""
        self._end.set()
        self.join(30.0)
        assert not self.is_alive()


# -- ways to be away: each goes, and gives what brings it back ------------------------------------


def restarted(field: Field) -> Callable[[], None]:
    """It is stopped in good order, and started again."""
    field.server.stop()
    return field.server.restart


def killed(field: Field) -> Callable[[], None]:
    """It is killed, and started again with its append-only file."""
    field.server.kill()
    return field.server.restart


def stalled(field: Field) -> Callable[[], None]:
    """It is stopped by a signal, and answers nothing: connections stay."""
    pid = field.server.pid
    os.kill(pid, signal.SIGSTOP)
    return lambda: os.kill(pid, signal.SIGCONT)


def half_open(field: Field) -> Callable[[], None]:
    """Nothing arrives on the connections, ever; later ones work."""
    field.proxy.severed = True

    def heal() -> None:
        field.proxy.severed = False

    return heal


def loading(field: Field) -> Callable[[], None]:
    """It is killed, and takes its time to read its append-only file."""
    ask(field.direct, "CONFIG", "SET", "aof-use-rdb-preamble", "no")
    field.server.kill()
    field.server._options["key-load-delay"] = "2000"
    return field.server.restart


def configured(**settings: str) -> Callable[[Field], Callable[[], None]]:
    """It is told to refuse, and to do so no more."""

    def begin(field: Field) -> Callable[[], None]:
        words = [word for pair in settings.items() for word in pair]
        names = [name.replace("_", "-") for name in settings]
        before = ask(field.direct, "CONFIG", "GET", *names)
        ask(field.direct, "CONFIG", "SET", *(word.replace("_", "-") for word in words))
        return lambda: ask(field.direct, "CONFIG", "SET", *before)

    return begin


def no_more_clients(field: Field) -> Callable[[], None]:
    """It throws all clients out, and lets none in."""
    (most,) = ask(field.direct, "CONFIG", "GET", "maxclients")[1:]
    ask(field.direct, "CONFIG", "SET", "maxclients", 1)
    ask(field.direct, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    return lambda: ask(field.direct, "CONFIG", "SET", "maxclients", most)


def replica(stale: str) -> Callable[[Field], Callable[[], None]]:
    """It becomes a replica of a server that is not there."""

    def begin(field: Field) -> Callable[[], None]:
        ask(field.direct, "CONFIG", "SET", "replica-serve-stale-data", stale)
        ask(field.direct, "REPLICAOF", "127.0.0.1", "1")
        return lambda: ask(field.direct, "REPLICAOF", "NO", "ONE")

    return begin


def busy(field: Field) -> Callable[[], None]:
    """Somebody else's script does not end."""
    other = Address(field.server.url).connection()
    other.connect()
    other.send_command("EVAL", "while true do end", 0)

    def kill() -> None:
        ask(field.direct, "SCRIPT", "KILL")
        other.disconnect()

    return kill


def cannot_save(field: Field) -> Callable[[], None]:
    """Its snapshots fail, and it is to take no writes then."""
    place = field.folder / "server" / "dump.rdb"
    place.mkdir()
    ask(field.direct, "CONFIG", "SET", "save", "3600 1")
    ask(field.direct, "BGSAVE")
    until(lambda: b"rdb_last_bgsave_status:err" in ask(field.direct, "INFO", "persistence"))
    return lambda: ask(field.direct, "CONFIG", "SET", "save", "")


def no_rights(field: Field) -> Callable[[], None]:
    """Its users may do nothing any more."""
    ask(field.direct, "ACL", "SETUSER", "default", "-@all", "+acl", "+ping")
    return lambda: ask(field.direct, "ACL", "SETUSER", "default", "+@all")


def says(answer: str) -> Callable[[Field], Callable[[], None]]:
    """It answers this to everybody."""

    def begin(field: Field) -> Callable[[], None]:
        field.proxy.answer = answer

        def heal() -> None:
            field.proxy.answer = ""

        return heal

    return begin


DOWN: dict[str, Callable[[Field], Callable[[], None]]] = {
    "restarted": restarted,
    "killed": killed,
    "stalled": stalled,
    "half-open": half_open,
}
WAYS = {
    **DOWN,
    "LOADING": loading,
    "READONLY": replica("yes"),
    "MASTERDOWN": replica("no"),
    "BUSY": busy,
    "MISCONF": cannot_save,
    "NOREPLICAS": configured(min_replicas_to_write="1"),
    "maxclients": no_more_clients,
    "NOPERM": no_rights,
    # What only a cluster says, or a server whose password was changed.
    "CLUSTERDOWN": says("CLUSTERDOWN The cluster is down"),
    "TRYAGAIN": says("TRYAGAIN Multiple keys request during rehashing of slot"),
    "NOAUTH": says("NOAUTH Authentication required."),
    "WRONGPASS": says("WRONGPASS invalid username-password pair or user is disabled."),
}
BUSY = 300


def away(field: Field, way: str, seconds: float, one: Worker) -> float:
    """Be away for so long, and until a worker says so; the monotonic time at which it is back."""
    back = WAYS[way](field)
    time.sleep(seconds)
    until(lambda: tells(one), "the worker has noticed")
    back()
    ask(field.direct, "PING")
    return time.monotonic()


def tells(one: Worker) -> int:
    """How often a worker has said that the server is away."""
    return sum(one.said(text) for text in AWAY)


def goes_on(field: Field, back: float, what: str) -> None:
    """A job that is pushed now runs; say after how long."""
    before = sum(field.runs().values())
    app = App(field.server.url, timeout=20.0)
    app.enqueue("filed.line", args=[-1, str(field.ran)])
    app.close()
    until(lambda: sum(field.runs().values()) > before, "work goes on")
    measured(f"{what}: work goes on {time.monotonic() - back:.2f} s after its return")


def told_once(one: Worker) -> None:
    """One line when it goes, and one when it is back; nothing has died."""
    until(lambda: one.said(BACK), "the worker says that it is back")
    assert tells(one) == 1, one.messages
    assert one.said(BACK) == 1, one.messages
    assert not one.said("ended with status")
    assert "Traceback" not in one.log, one.log


def all_ran(field: Field, one: Worker, expected: set[int], free: set[int]) -> Counter[int]:
    """Wait until all these jobs have run, and no others but those; how often each did."""
    until(lambda: expected <= field.runs().keys(), "all has run", 60)
    until(lambda: claimed(field.direct) == 0, "all is reported")
    assert one.stop() == 0
    runs = field.runs()
    assert not (runs.keys() & free), "what was certainly not executed has run"
    return runs


@pytest.mark.parametrize("way", WAYS)
def test_busy_producers_and_workers_outlast_it(field: Field, way: str) -> None:
    """Nothing acknowledged is lost or doubled, nothing dies, and it is told once.

    R1, R2, R5, R9, R10.
    """
    for _ in range(BUSY):
        field.push()
    # To the virtual clock the outage will have lasted for a minute.
    ask(field.direct, "HINCRBY", "o:clock", "last", -60_000)
    one = field.start("-c", "4")
    producer = Producer(field)
    until(lambda: len(field.runs()) > 20 and producer.acknowledged, "they work")
    field.direct.close()
    back = away(field, way, SECONDS, one)
    goes_on(field, back, f"{way}, busy")
    until(lambda: max(producer.acknowledged) > max(producer.refused, default=0), "it pushes again")
    producer.end()
    told_once(one)
    runs = all_ran(field, one, {*range(BUSY), *producer.acknowledged}, producer.refused)
    assert {number for number, count in runs.items() if count > 1} <= {-1}
    assert producer.longest < TIMEOUT + 5.0
    measured(
        f"{way}: {len(producer.acknowledged)} acknowledged, {len(producer.refused)} refused, "
        f"the longest push {producer.longest:.2f} s"
    )


@pytest.mark.parametrize("way", [*DOWN, "READONLY", "MASTERDOWN", "NOAUTH"])
def test_an_idle_worker_outlasts_it(field: Field, way: str) -> None:
    """It had nothing to do; a job that is pushed afterwards starts at once (R1, N2)."""
    one = field.start("-p", "2")
    field.direct.close()
    goes_on(field, away(field, way, SECONDS, one), f"{way}, idle")
    told_once(one)
    assert one.stop() == 0


def test_a_quiet_worker_outlasts_it(field: Field) -> None:
    """What it ran is reported afterwards, and it takes nothing new."""
    gate = field.folder / "gate"
    field.work.waiting.enqueue(1, str(gate), str(field.ran))
    one = field.start("-c", "1")  # no slot is free until the child has heard that it is to be quiet
    until(lambda: field.direct.work.size == 1, "it runs")  # what is only claimed would go back
    one.send(signal.SIGTSTP)
    until(lambda: one.said("quiet"), "it is quiet")
    field.push()
    field.direct.close()
    back = killed(field)
    until(lambda: tells(one), "it has noticed")
    gate.touch()
    until(lambda: field.runs() == {1: 1}, "the job ends meanwhile")
    back()
    until(lambda: field.direct.stats.processed == 1, "its outcome arrives")
    told_once(one)
    assert (one.stop(), field.direct.queues["default"].size) == (0, 1)


@pytest.mark.parametrize("way", DOWN)
def test_a_draining_worker_outlasts_it(field: Field, way: str) -> None:
    """It ends when all is done, and not because nobody says that there is something."""
    for _ in range(BUSY):
        field.push()
    one = field.start("--drain", "-c", "2")
    until(lambda: len(field.runs()) > 20, "it works")
    field.direct.close()
    away(field, way, SECONDS, one)
    assert one.wait() == 0
    assert field.runs() == Counter(range(BUSY))
    told_once(one)


@pytest.mark.parametrize("way", [*DOWN, "MASTERDOWN", "NOPERM"])
def test_a_worker_does_not_start_without_its_server(field: Field, way: str) -> None:
    """One clear line, and a status that is not 0."""
    field.push()
    back = WAYS[way](field)
    done = outrider(field.folder, "worker", "filed")
    back()
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("outrider: the server ")
    assert field.direct.queues["default"].size == 1


def test_flapping(field: Field) -> None:
    """Up for a second, down for a second: work goes on, and few connections are tried (N5)."""
    one = field.start("-c", "2", "-p", "2")
    rounds, tried = 5, 0
    for number in range(rounds):
        for _ in range(20):
            field.push()
        until(partial(field.has_run, 20 * (number + 1)), "work goes on")
        before = field.proxy.connections
        field.proxy.refusing = True
        field.proxy.cut()
        time.sleep(1.0)
        tried += field.proxy.connections - before
        field.proxy.refusing = False
    measured(f"{tried / rounds:.0f} connections a second tried by a worker of two processes")
    # Six threads, and each waits longer from one time to the next.
    assert tried / rounds < 100
    assert field.runs() == Counter(range(20 * rounds))
    until(lambda: one.said(BACK) == tells(one), "it is told")
    assert one.stop() == 0
    assert not one.said("ended with status")
    assert one.said(BACK) <= rounds


@pytest.mark.soak
@pytest.mark.parametrize("jobs", [BUSY, 0], ids=["busy", "idle"])
@pytest.mark.parametrize("way", WAYS)
def test_a_minute_away(patient: Field, way: str, jobs: int) -> None:
    """As above, for longer than a lease, with the time-outs that users have."""
    one = patient.start("-c", "4")
    for _ in range(jobs):
        patient.push()
    until(lambda: len(patient.runs()) >= jobs / 10, "it works")
    patient.direct.close()
    goes_on(patient, away(patient, way, 60.0, one), f"{way}, a minute")
    told_once(one)
    runs = all_ran(patient, one, {*range(jobs)}, set())
    assert {number for number, count in runs.items() if count > 1} <= {-1}
