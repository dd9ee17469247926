"""Clients and workers that find their server by sentinels, and follow it when it is another one."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from outrider import App, StoreError, StoreUnavailable
from tests.process.harness import Worker, ask, load_work, measured, until
from tests.process.sentinels import SECRET, SERVICE, Fleet, Pair


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Servers and sentinels that nobody harms for long."""
    found = Fleet(Path(tmp_path_factory.mktemp("fleet")))
    yield found
    found.close()


def size(url: str) -> int:
    """The size of a queue, as read by threads."""
    with closing(App(url, timeout=4.0)) as app:
        return app.queues["q"].size


def asize(url: str) -> int:
    """The same for asyncio."""

    async def read() -> int:
        app = App(url, timeout=4.0)
        try:
            return await app.queues["q"].asize()
        finally:
            await app.aclose()

    return asyncio.run(read())


@pytest.fixture(params=[size, asize])
def read(request: pytest.FixtureRequest) -> Callable[[str], int]:
    """A look at the server, by threads and by asyncio."""
    found: Callable[[str], int] = request.param
    return found


def test_the_primary_is_found(fleet: Fleet, read: Callable[[str], int]) -> None:
    """From any sentinel, by threads and asyncio, with passwords on both kinds of links."""
    fleet.primary.ask("LPUSH", "queue:q", "{}")
    for one in fleet.sentinels:
        assert read(fleet.url_with(one)) == fleet.primary.ask("LLEN", "queue:q")


class Interruption(BaseException):
    """As a signal handler raises it, in the middle of whatever is done."""


def test_an_interrupted_read_leaves_no_answer_behind(fleet: Fleet) -> None:
    """O40: what was asked next is answered by what was asked next."""

    def interrupt(*_: object) -> None:
        raise Interruption

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with closing(App(fleet.url)) as app:
            for i in range(20):
                signal.setitimer(signal.ITIMER_REAL, 0.02 + i / 2000)
                with pytest.raises(Interruption):
                    ask(app, "BLPOP", f"nothing-{i}", 2)
                for text in ("one", "two"):
                    assert ask(app, "ECHO", text) == text.encode()
    finally:
        signal.signal(signal.SIGALRM, before)


def test_sentinels_that_are_dead_or_frozen_are_passed_by(
    fleet: Fleet, tmp_path: Path, read: Callable[[str], int]
) -> None:
    """Whichever is asked first. O43."""
    gone = fleet.add(tmp_path / "gone", "sesame", "requirepass sesame", sentinel=True)
    gone.kill()
    fleet.sentinels[0].freeze()
    try:
        url = fleet.url_with(gone, fleet.sentinels[0], fleet.sentinels[1])
        # The order is drawn anew for each.
        for _ in range(4):
            read(url)
    finally:
        fleet.sentinels[0].thaw()


def test_a_sentinel_that_is_behind_is_passed_by(
    fleet: Fleet, tmp_path: Path, read: Callable[[str], int]
) -> None:
    """It tells a server that is a replica by now. O43."""
    other = Pair(tmp_path / "pair")
    try:
        replica = f"127.0.0.1 {other.replica.port}"
        lines = (f"sentinel monitor {SERVICE} {replica} 3", "requirepass sesame")
        behind = other.add(tmp_path / "behind", "sesame", *lines, sentinel=True)
        for _ in range(4):
            read(fleet.url_with(behind, fleet.sentinels[1]))
        with pytest.raises(StoreUnavailable, match="told a server that is no primary"):
            read(fleet.url_with(behind))
    finally:
        other.close()


def test_what_is_said_where_nobody_knows(fleet: Fleet) -> None:
    """Who was asked, and what each said; no password. The request had no effect."""
    cases = [
        (fleet.url.replace(SERVICE, "nobody"), "there is no 'nobody' here"),
        (fleet.url.replace("=sesame", "=wrong"), "WRONGPASS|invalid username-password"),
        ("sentinel://:open@127.0.0.1:1,127.0.0.1:2/main", "Connection refused"),
    ]
    for url, said in cases:
        app = App(url, timeout=1.0)
        with pytest.raises(StoreUnavailable, match=said) as caught:
            app.enqueue("x")
        assert caught.value.executed is False
        text = str(caught.value)
        assert text.count(" says: ") == url.count("127.0.0.1")
        assert "***" in text
        assert not any(secret in text for secret in ("open", "sesame", "wrong"))


class Producer:
    """Pushes one job after the other on a thread of its own, and notes those acknowledged."""

    def __init__(self, push: Callable[[int], Any], first: int) -> None:
        self.acknowledged: dict[int, float] = {}
        self.failed: list[str] = []
        self._push, self._first = push, first
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        number = self._first
        while not self._over.wait(0.01):
            try:
                self._push(number)
            except StoreError as error:
                self.failed.append(str(error))
            else:
                self.acknowledged[number] = time.monotonic()
            number += 1

    def end(self) -> None:
        """Stop, and wait until it has."""
        self._over.set()
        self._thread.join()

    def gap(self) -> float:
        """The longest time without an acknowledgement, in seconds."""
        times = list(self.acknowledged.values())
        return max(b - a for a, b in pairwise(times))


def traced(path: Path) -> set[int]:
    """The jobs that have left their traces in a file."""
    return {int(line) for line in path.read_text().split()} if path.exists() else set()


@pytest.mark.parametrize(("harm", "cure"), [("kill", "start"), ("freeze", "")])
def test_a_fail_over_under_load(tmp_path: Path, harm: str, cure: str) -> None:
    """Producers, a worker and a join follow the primary; no durable push is lost.

    It is killed, and comes back as a replica, so that durable pushes go on; or it stands still,
    with connections that stay open. O42.
    """
    fleet = Fleet(tmp_path / "fleet")
    producers: list[Producer] = []
    loop = asyncio.new_event_loop()
    filed = load_work(tmp_path, fleet.url, timeout=5.0, name="filed")
    one = Worker(tmp_path, filed.app, "-c", "4", target="filed")
    try:
        one.ready()
        traces = tmp_path / "traces"
        sure = filed.line.using(durability="replicated")
        producers.append(Producer(lambda i: sure.enqueue(i, str(traces)), 0))
        plain = filed.line
        producers.append(Producer(lambda i: plain.enqueue(i, str(traces)), 10_000_000))
        apush = lambda i: loop.run_until_complete(plain.aenqueue(i, str(traces)))  # noqa: E731
        producers.append(Producer(apush, 20_000_000))
        go_on(producers)
        join_over(fleet, filed, harm, traces)
        go_on(producers[1:])
        if cure:
            until(fleet.agreed, "the sentinels agree")
            getattr(fleet.primary, cure)()
            go_on(producers)
        for each in producers:
            each.end()
        until(lambda: producers[0].acknowledged.keys() <= traced(traces), "all of them run", 60)
        assert one.stop() == 0
        left = {record.args[0] for record in filed.app.queues["default"]}
        check(producers, traced(traces) | left, harm)
        assert "Traceback" not in one.log
    finally:
        for each in producers:
            each.end()
        one.end()
        loop.run_until_complete(filed.app.aclose())
        loop.close()
        filed.app.close()
        fleet.close()


def go_on(producers: list[Producer]) -> None:
    """Wait until more of each is acknowledged."""
    wanted = [len(each.acknowledged) + 50 for each in producers]
    until(
        lambda: all(
            len(each.acknowledged) >= want for each, want in zip(producers, wanted, strict=True)
        ),
        "they push",
        60,
    )


def join_over(fleet: Fleet, filed: Any, harm: str, traces: Path) -> None:
    """Harm the primary while a batch is joined, and wait until the join has ended."""
    batch = filed.app.batch()
    with batch.jobs(durability="replicated"):
        filed.line.enqueue_in(4.0, -1, str(traces))
    joined = threading.Event()

    def join() -> None:
        filed.app.batches[batch.bid].join(timeout=60, until="success")
        joined.set()

    threading.Thread(target=join, daemon=True).start()
    getattr(fleet.primary, harm)()
    until(fleet.failed_over, "the replica takes over", 60)
    until(joined.is_set, "the join ends", 60)


def check(producers: list[Producer], kept: set[int], harm: str) -> None:
    """What was lost of what was acknowledged."""
    for kind, each in zip(("durable", "plain", "asyncio"), producers, strict=True):
        measured(
            f"{harm}, {kind}: {len(each.acknowledged)} acknowledged, "
            f"{len(each.acknowledged.keys() - kept)} lost, {len(each.failed)} raised, "
            f"{each.gap():.1f} s without"
        )
    assert producers[0].acknowledged.keys() <= kept
    assert -1 in kept


class Misled:
    """A sentinel that tells a server which stands still at first, and the primary afterwards."""

    def __init__(self, port: int) -> None:
        self._still = socket.create_server(("127.0.0.1", 0))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"sentinel://:{SECRET}@127.0.0.1:{_port(self._listener)}/{SERVICE}"
        self._told = [_port(self._still)]
        self._port = port
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        with suppress(OSError):
            while True:
                link, _ = self._listener.accept()
                with link:
                    link.recv(1000)
                    port = str(self._told.pop() if self._told else self._port)
                    link.sendall(f"*2\r\n$9\r\n127.0.0.1\r\n${len(port)}\r\n{port}\r\n".encode())

    def close(self) -> None:
        """Tell no more."""
        for one in (self._still, self._listener):
            one.shutdown(socket.SHUT_RDWR)
            one.close()


def _port(one: socket.socket) -> int:
    return int(one.getsockname()[1])


def test_a_primary_that_stands_still_leaves_time_for_another(
    fleet: Fleet, read: Callable[[str], int]
) -> None:
    """To connect to it takes a part of the time-out, since its kernel accepts. O43."""
    one = Misled(fleet.primary.port)
    try:
        assert read(one.url) == fleet.primary.ask("LLEN", "queue:q")
    finally:
        one.close()
