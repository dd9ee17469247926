"""The loops of a supervisor: woken at any time, and never held up by a child that does not read."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from outrider.errors import StoreUnavailable
from outrider.keys import Keys
from outrider.script import Call
from outrider.store.life import Marked
from outrider.worker.channel import Channel
from outrider.worker.crew import TOLD_AT_ONCE, Child
from outrider.worker.keeping import IDLE, Canceller, Keeper
from outrider.worker.reach import Reach

PATIENCE = 10.0


class Sleeper:
    """A loop with an hour to go, held in the middle of its round until it is let go."""

    def __init__(self) -> None:
        self.rounds = 0
        self.begun, self.again, self.go = threading.Event(), threading.Event(), threading.Event()

    def tick(self) -> float:
        """One round."""
        self.rounds += 1
        (self.begun if self.rounds == 1 else self.again).set()
        assert self.go.wait(PATIENCE)
        return IDLE


def test_woken_in_the_middle_of_a_round() -> None:
    """What came after the loop had looked is not left for an hour."""
    loop = Sleeper()
    keeper = Keeper([loop], Reach(), "test-keeper")
    keeper.start()
    assert loop.begun.wait(PATIENCE)
    keeper.wake(loop)
    loop.go.set()
    assert loop.again.wait(PATIENCE)
    keeper.stop()
    keeper.join(time.monotonic() + PATIENCE)


def test_who_stops_is_not_held_up_by_a_round() -> None:
    """It may wait for a server that is away: the others are told to stop meanwhile."""
    loop = Sleeper()
    keeper = Keeper([loop], Reach(), "test-keeper")
    keeper.start()
    assert loop.begun.wait(PATIENCE)
    keeper.stop()
    keeper.join(time.monotonic())
    assert keeper._thread.is_alive()
    loop.go.set()
    keeper.join(time.monotonic() + PATIENCE)
    assert not keeper._thread.is_alive()
    assert loop.rounds == 1


class Server:
    """Answers what a cancelling asks; the request number `fails` raises."""

    def __init__(self, fails: int = 0) -> None:
        self.asked: list[str] = []
        self._fails = fails

    def run(self, call: Call[Any]) -> Any:
        """Answer: no children, no workers, nothing left."""
        name = call.script.name if call.script else str(call.words[0])
        self.asked.append(name)
        if len(self.asked) == self._fails:
            raise StoreUnavailable("away", executed=None)
        answers: dict[str, Any] = {
            "cancel": Marked(1, "7", False),
            "HSCAN": (0, []),
            "ZRANGE": [],
            "purge": (0, 0),
        }
        return answers.get(name, 0)


STEPS = ["cancel", "HSCAN", "ZRANGE", "cancel_members", "purge", "purge", "cancelled"]


def test_a_cancelling_is_finished_step_by_step() -> None:
    """One request a round, so that a stop, or another loop, need not wait."""
    server = Server()
    canceller = Canceller(server, Keys())  # type: ignore[arg-type]
    assert canceller.tick() == IDLE
    canceller.add(["a" * 16])
    for count in range(1, len(STEPS) + 1):
        assert canceller.tick() == 0.0
        assert server.asked == STEPS[:count]
    assert [canceller.tick(), canceller.tick()] == [0.0, IDLE]


def test_a_cancelling_that_fails_is_left_to_the_next_worker() -> None:
    """It is noted on the server; what was added meanwhile is done."""
    server = Server(fails=3)
    canceller = Canceller(server, Keys())  # type: ignore[arg-type]
    canceller.add(["a" * 16])
    canceller.tick()
    canceller.add(["b" * 16])
    canceller.tick()
    with pytest.raises(StoreUnavailable):
        canceller.tick()
    while canceller.tick() != IDLE:
        pass
    assert server.asked == STEPS[:3] + STEPS


def test_what_was_added_meanwhile_is_finished_together() -> None:
    """One that takes long is handed over again and again: each is done once more, not each time."""
    server = Server()
    canceller = Canceller(server, Keys())  # type: ignore[arg-type]
    canceller.add(["a" * 16])
    canceller.tick()
    for _ in range(3):
        canceller.add(["a" * 16, "b" * 16])
    while canceller.tick() != IDLE:
        pass
    assert [server.asked.count(name) for name in ("cancelled", "purge")] == [3, 4]


@pytest.fixture
def pair() -> Iterator[tuple[Child, Channel]]:
    """A child without a process, and its end of the channel."""
    ours, theirs = socket.socketpair()
    child = Child.__new__(Child)
    child.channel, child.started, child._untold = Channel(ours), True, []
    yield child, Channel(theirs)
    ours.close()
    theirs.close()


def told(channel: Channel) -> list[str]:
    """What a child finds in its channel."""
    return [bid for message in channel.receive() or [] for bid in message.get("interrupt", [])]


def test_a_child_that_does_not_read_holds_nobody_up(pair: tuple[Child, Channel]) -> None:
    """It is told all when it reads again, in order, each once."""
    child, channel = pair
    bids = [f"{number:016x}" for number in range(200 * TOLD_AT_ONCE)]
    for at in range(0, len(bids), 250):
        child.interrupt(bids[at : at + 250])
    assert child._untold, "the channel is full"
    heard: list[str] = []
    while len(heard) < len(bids):
        heard += told(channel)
        child.interrupt([])
    assert heard == bids


def test_a_child_that_has_not_started_is_told_nothing(pair: tuple[Child, Channel]) -> None:
    """It holds no jobs; and its first message must say who it is."""
    child, channel = pair
    child.started = False
    child.interrupt(["a" * 16])
    child.started = True
    child.interrupt(["b" * 16])
    assert told(channel) == ["b" * 16]
    child.channel.close()
    child.interrupt(["c" * 16])
