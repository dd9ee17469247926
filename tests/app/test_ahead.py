"""Jobs that a child has claimed ahead and can't start: a real pump in this process."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from outrider import App
from outrider.io import Address, Executor
from outrider.script import Call, command
from outrider.store import process
from outrider.worker import pump as module
from outrider.worker.ledger import Ledger
from outrider.worker.order import QueueOrder
from outrider.worker.perform import Performer
from outrider.worker.pump import Pump
from outrider.worker.rate import MEMORY, Rate
from outrider.worker.runner import Runner
from outrider.worker.slots import SlotTable
from tests.app.hands import IDENTITY, live

PATIENCE = 20.0
SLOTS = 2


class Recorder(Executor):
    """Notes which requests are sent."""

    def __init__(self, url: str, notes: list[str]) -> None:
        super().__init__(Address(url, 5.0), 5.0)
        self._notes = notes

    def run_all(self, calls: Sequence[Call[Any]], *, timeout: float | None = None) -> list[Any]:
        """Note and send them."""
        self._notes.extend(_told(call) for call in calls)
        return super().run_all(calls, timeout=timeout)


def _told(call: Call[Any]) -> str:
    if call.script is None:
        return "wait"
    return "release" if "release" in str(call.words) else call.script.name


def until(condition: Callable[[], object]) -> None:
    """Wait until it holds."""
    deadline, pause = time.monotonic() + PATIENCE, threading.Event()
    while not condition():
        assert time.monotonic() < deadline
        pause.wait(0.002)


@pytest.fixture
def notes() -> list[str]:
    """What happened, in order."""
    return []


@pytest.fixture
def pump(made: tuple[Pump, Callable[[], None]]) -> Callable[[], None]:
    """Starts a child's pump and runner, of two slots, in this process."""
    return made[1]


@pytest.fixture
def made(app: App, notes: list[str], tmp_path: Any) -> Iterator[tuple[Pump, Callable[[], None]]]:
    """The pump, and what starts it."""
    live(app, IDENTITY)
    assert app.perform(process.enlist(app.keys, identity=IDENTITY, child="0"))
    with (tmp_path / "slots").open("w+b") as memory:
        memory.truncate(SlotTable.size_for(SLOTS))
        table = SlotTable(memory.fileno(), SLOTS)
    ledger = Ledger(app.keys, IDENTITY, "0")
    pump = Pump(
        Recorder(app.url, notes),
        app.keys,
        IDENTITY,
        "0",
        QueueOrder.equal(["default"]),
        ledger,
        tell=notes.append,
        tried=table.tried,
        replace=notes.append,
        flush=lambda: math.inf,
        max_jobs=None,
    )
    performer = Performer(app, f"{IDENTITY}:0", ledger.now, table.limit)
    thread = threading.Thread(target=pump.run, args=[Runner(performer, SLOTS, table, pump.notify)])
    yield pump, thread.start
    pump.stop(PATIENCE)
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_what_goes_back_is_not_claimed_again_by_who_is_busy(
    app: App, pump: Callable[[], None], notes: list[str]
) -> None:
    """It was neither run nor quick, so it says nothing of how much will start soon."""
    gate, size = threading.Event(), command("LLEN", "queue:default", decode=int)

    @app.job
    def quick(i: int) -> None: ...

    @app.job
    def slow(i: int) -> None:
        notes.append("slow")
        assert gate.wait(PATIENCE)

    quick.enqueue_many([(i,) for i in range(1000)])
    slow.enqueue_many([(i,) for i in range(SLOTS)])
    quick.enqueue_many([(i,) for i in range(50)])
    pump()
    until(lambda: notes.count("slow") == SLOTS and app.perform(size) == 50)
    busy = [i for i, note in enumerate(notes) if note == "slow"][-1]
    after = notes[busy:]
    if "release" in after:
        assert "claim" not in after[after.index("release") :]
    gate.set()
    until(lambda: app.stats.processed == 1050 + SLOTS)


def test_who_is_woken_all_the_time_claims_too(
    made: tuple[Pump, Callable[[], None]], notes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Jobs may end one after the other for minutes: a child is well only while it claims (O60)."""
    monkeypatch.setattr(module, "FALLBACK", 0.5)
    pump, start = made

    def woken() -> bool:
        pump.notify()
        return notes.count("claim") > 5

    start()
    until(woken)


def test_a_rate_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that was idle takes no more than it has slots: nobody knows how long jobs take."""

    class Idle:
        slots, active, ready = 10, 0, ()

    runner: Any = Idle()
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    rate = Rate()
    for _ in range(100):
        now += 0.01
        rate.measure(100)
    assert rate.want(runner) > 100
    now += MEMORY / 2
    assert rate.want(runner) > 100
    now += MEMORY
    assert rate.want(runner) == 10
