"""Clients and workers that find their server by sentinels, and follow it when it is another one."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from outrider import App, StoreError, StoreUnavailable
from tests.process.harness import Worker, load_work, measured, until
from tests.process.sentinels import SERVICE, Fleet, Pair


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Servers and sentinels that nobody harms for long."""
    found = Fleet(Path(tmp_path_factory.mktemp("fleet")))
    yield found
    found.close()


def size(url: str) -> tuple[int, int]:
    """The size of a queue, as read by threads and by asyncio."""
    with closing(App(url, timeout=4.0)) as app:

        async def read() -> int:
            try:
                return await app.queues["q"].asize()
            finally:
                await app.aclose()

        return app.queues["q"].size, asyncio.run(read())


def test_the_primary_is_found(fleet: Fleet) -> None:
    """From any sentinel, by threads and asyncio, with passwords on both kinds of links."""
    with closing(App(fleet.url)) as app:
        app.enqueue("x", queue="q")
    for one in fleet.sentinels:
        assert size(fleet.url_with(one)) == (1, 1)
    assert fleet.primary.ask("LLEN", "queue:q") == 1


def test_sentinels_that_are_dead_or_frozen_are_passed_by(fleet: Fleet, tmp_path: Path) -> None:
    """N6: whichever is asked first."""
    gone = fleet.add(tmp_path / "gone", "sesame", "requirepass sesame", sentinel=True)
    gone.kill()
    fleet.sentinels[0].freeze()
    try:
        url = fleet.url_with(gone, fleet.sentinels[0], fleet.sentinels[1])
        # The order is drawn anew for each.
        for _ in range(6):
            size(url)
    finally:
        fleet.sentinels[0].thaw()


def test_a_sentinel_that_is_behind_is_passed_by(fleet: Fleet, tmp_path: Path) -> None:
    """N6: it tells a server that is a replica by now."""
    other = Pair(tmp_path / "pair")
    try:
        replica = f"127.0.0.1 {other.replica.port}"
        lines = (f"sentinel monitor {SERVICE} {replica} 3", "requirepass sesame")
        behind = other.add(tmp_path / "behind", "sesame", *lines, sentinel=True)
        for _ in range(6):
            size(fleet.url_with(behind, fleet.sentinels[1]))
        with pytest.raises(StoreUnavailable, match="told a server that is no primary"):
            size(fleet.url_with(behind))
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


def read(path: Path) -> set[int]:
    """The jobs that have left their traces in a file."""
    return {int(line) for line in path.read_text().split()} if path.exists() else set()


@pytest.mark.parametrize(("harm", "cure"), [("kill", "start"), ("freeze", "thaw")])
def test_a_fail_over_under_load(tmp_path: Path, harm: str, cure: str) -> None:
    """Producers, a worker and a join follow the primary; no durable push is lost.

    R3: it is killed. R4: it is cut off, with connections that stay open. Later it comes back, as a
    replica, and durable pushes go on.
    """
    fleet = Fleet(tmp_path / "fleet")
    producers: list[Producer] = []
    filed = load_work(tmp_path, fleet.url, timeout=5.0, name="filed")
    one = Worker(tmp_path, filed.app, "-c", "4", target="filed")
    try:
        one.ready()
        traces = tmp_path / "traces"
        sure = filed.line.using(durability="replicated")
        producers.append(Producer(lambda i: sure.enqueue(i, str(traces)), 0))
        producers.append(Producer(lambda i: filed.line.enqueue(i, str(traces)), 10_000_000))
        go_on(producers)
        join_over(fleet, filed, harm, traces)
        go_on(producers[1:])
        getattr(fleet.primary, cure)()
        go_on(producers)
        for each in producers:
            each.end()
        until(lambda: producers[0].acknowledged.keys() <= read(traces), "all of them run", 60)
        assert one.stop() == 0
        left = {record.args[0] for record in filed.app.queues["default"]}
        check(producers, read(traces) | left, harm)
        assert "Traceback" not in one.log
    finally:
        for each in producers:
            each.end()
        one.end()
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
    sure, plain = producers
    lost = [len(each.acknowledged.keys() - kept) for each in producers]
    measured(
        f"{harm}: durable {len(sure.acknowledged)} acknowledged, {lost[0]} lost, "
        f"{len(sure.failed)} failed, {sure.gap():.1f} s without; plain {len(plain.acknowledged)}, "
        f"{lost[1]} lost, {len(plain.failed)} failed, {plain.gap():.1f} s"
    )
    assert lost[0] == 0
    assert -1 in kept
