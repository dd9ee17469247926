"""What a fail-over by sentinels loses, and how long it takes, with and without durability.

A primary, a replica and three sentinels (down-after 1 s) on this machine; four threads push as fast
as they can. *killed*: the primary by `kill -9`, and started again once the replica has taken over.
*frozen*: it stands still for 8 s, its connections open. *cut off*: replica and sentinels don't
reach it for 8 s, while these four clients do. A worker and a fifth client, on the side of the
sentinels, tell how long work and pushes stop.
"""

from __future__ import annotations

import asyncio
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from bench.jobs import stamp
from bench.rig import Figure, Rig
from bench.stamps import COUNT
from outrider import App, StoreError
from tests.process.proxy import Proxy, Streams
from tests.process.sentinels import Fleet, until

THREADS = 4
WARM, HARM, AFTER = 2.0, 8.0, 4.0
QUEUE = "ballast"
GUARD = ("min-replicas-to-write 1", "min-replicas-max-lag 1")


class Case(NamedTuple):
    """What happens to the primary, and what the pushes and the servers are told."""

    harm: str
    durability: str = "none"
    settings: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """As the table has it."""
        return f"{self.harm}, {'min-replicas-to-write 1' if self.settings else self.durability}"


CASES = [
    *(
        Case(harm, durability)
        for harm in ("killed", "frozen")
        for durability in ("none", "replicated")
    ),
    Case("cut off"),
    Case("cut off", settings=GUARD),
    Case("cut off", "replicated"),
]


class Door(Proxy):
    """A way to the primary, which can be shut."""

    def __init__(self) -> None:
        self.port = self.target = 0
        super().__init__(None, "")

    def _bind(self) -> socket.socket:
        listener = socket.create_server(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        return listener

    async def _connect(self) -> Streams:
        return await asyncio.open_connection("127.0.0.1", self.target)


class Pushers:
    """Threads that push until the end, and note when each push was acknowledged."""

    def __init__(self, threads: int, push: Callable[[int], object], pause: float = 0.0) -> None:
        self.acknowledged: dict[int, float] = {}
        self.failed = 0
        self._push, self._pause = push, pause
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(first, threads)) for first in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def _run(self, number: int, step: int) -> None:
        while not self._over.wait(self._pause):
            try:
                self._push(number)
            except StoreError:
                self.failed += 1
            else:
                self.acknowledged[number] = time.monotonic()
            number += step

    def end(self) -> None:
        """Stop, and wait until they have."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    def gap(self) -> float:
        """The longest time without an acknowledgement."""
        return _gap(sorted(self.acknowledged.values()))


def measure(rig: Rig) -> list[Figure]:
    """Each case once."""
    return [figure for case in CASES for figure in _run(rig, case)]


def _run(rig: Rig, case: Case) -> Iterator[Figure]:
    rig.clear()
    door = Door() if case.harm == "cut off" else None
    with tempfile.TemporaryDirectory(prefix="outrider-bench-") as folder:
        fleet = Fleet(Path(folder, "fleet"), *case.settings, door=door)
        try:
            with _at_work(rig, fleet) as canary:
                # Whoever is cut off together with the primary has it without asking.
                app = App(fleet.primary.url if door else fleet.url, timeout=4.0)
                pushers = Pushers(
                    THREADS,
                    lambda i: app.enqueue("ballast", [i], queue=QUEUE, durability=case.durability),
                )
                try:
                    time.sleep(WARM)
                    _harm(fleet, case, door, pushers)
                finally:
                    pushers.end()
                yield from _figures(rig, case, fleet, pushers, canary)
                app.close()
        finally:
            fleet.close()
            if door is not None:
                door.close()


@contextmanager
def _at_work(rig: Rig, fleet: Fleet) -> Iterator[Pushers]:
    """A worker behind the sentinels, and a client that has a brief job for it every 20 ms."""
    worker = rig.worker("-q", "default", url=fleet.url)
    app = App(fleet.url, timeout=4.0)
    app.enqueue(stamp.name, [0])
    rig.stamps.wait(0)
    canary = Pushers(1, lambda i: app.enqueue(stamp.name, [1 + i % (COUNT - 1)]), pause=0.02)
    try:
        yield canary
    finally:
        canary.end()
        rig.end(worker)
        app.close()


def _harm(fleet: Fleet, case: Case, door: Door | None, pushers: Pushers) -> None:
    if case.harm == "killed":
        fleet.primary.kill()
        # To whom is told the old address still, an empty server there would be the primary.
        until(fleet.agreed, "fail-over")
        fleet.primary.start()
        before = len(pushers.acknowledged)
        until(lambda: len(pushers.acknowledged) > before + 1000, "pushes go on", 60)
    elif door is None:
        fleet.primary.freeze()
        time.sleep(HARM)
        fleet.primary.thaw()
    else:
        door.shut()
        time.sleep(HARM)
        door.open()
    until(lambda: _role(fleet) == b"slave", "the old primary follows", 60)
    time.sleep(AFTER)


def _role(fleet: Fleet) -> bytes:
    role = fleet.primary.ask("ROLE")
    return bytes(role[0]) if role else b""


def _figures(
    rig: Rig, case: Case, fleet: Fleet, pushers: Pushers, canary: Pushers
) -> Iterator[Figure]:
    kept = App(fleet.replica.url).queues[QUEUE]
    there = [record.args[0] for record in kept]
    lost = len(pushers.acknowledged.keys() - set(there))
    acknowledged = len(pushers.acknowledged)
    note = f"of {acknowledged:,} acknowledged; {pushers.failed:,} raised, {_twice(there)} twice"
    rule = ("<=", 0.0) if case.durability == "replicated" else None
    yield Figure(f"{case.name}: lost", lost, "pushes", rule=rule, note=note)
    if case.harm != "cut off":
        yield Figure("  these pushes stop for", pushers.gap(), "s")
    yield Figure("  plain pushes stop for", canary.gap(), "s")
    begun = sorted(time for time in rig.stamps.all() if time)
    yield Figure("  work stops for", _gap([time / 1e9 for time in begun]), "s")


def _twice(there: list[int]) -> int:
    return len(there) - len(set(there))


def _gap(times: list[float]) -> float:
    return max(later - earlier for earlier, later in pairwise(times))
