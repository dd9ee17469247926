"""One schedule: the outside world's own memory, its clocks and dice, and the step that checks."""

from __future__ import annotations

import hashlib
import random
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from outrider.store.queue import Claimed
from tests.simulator import invariants
from tests.simulator.messages.base import Message, same
from tests.simulator.messages.workers import Claim
from tests.simulator.model import Model
from tests.simulator.world import Ear, Snapshot, Ticket, Wire, snapshot

QUEUES = ("low", "high", "bulk")
SERVED = (*QUEUES, "default")
LIFE = 30_000
HISTORY = 15


@dataclass
class Worker:
    """A child as it sees itself: what it believes to hold, and its numbers."""

    key: tuple[str, str]
    request: int = 0
    seen: int = 0
    acked: int = 0
    held: dict[int, bytes] = field(default_factory=dict)


class Simulation:
    """One schedule on an emptied server."""

    def __init__(self, wire: Wire, rng: random.Random) -> None:
        self.wire, self.rng, self.ear = wire, rng, Ear(wire)
        wire.command("FLUSHALL")
        self.model = Model(followed=None if self.chance(0.3) else set())
        if self.model.followed is None:
            self.ear.follow()
        self.before = Snapshot()
        self.log: deque[str] = deque(maxlen=HISTORY)
        self.calm = self.chance(0.5)
        self.haunted = self.chance(0.5)
        self.steps = 0
        self.trail = hashlib.blake2b(digest_size=8)
        self.now = 1_700_000_000_000
        self.server_ahead = 0
        self.hosts: list[str] = []
        self.lost: list[str] = []
        self.workers: list[Worker] = []
        self.leavers: list[Worker] = []
        self.lanes: dict[str, int] = {}
        self.sent: deque[Message] = deque(maxlen=12)
        self.reserved: list[tuple[str, int, int]] = []
        self.blocks: list[Any] = []
        self.slices: list[Message] = []
        self.heard: dict[str, int] = {}
        self.signals: dict[str, str] = {}
        self.audits: list[Any] = []
        self.payloads: deque[str] = deque(maxlen=40)

    def send(self, message: Message, note: str = "") -> Any:
        """Deliver a message once, check everything, and give its answer."""
        self.steps += 1
        self.log.append(f"{self.steps}: {note}{message}")
        answer = message.perform(self.wire)
        self.trail.update(repr((message, message.repeats(answer))).encode())
        after = snapshot(self.wire)
        message.expect(self.model, self.before, after, answer)
        invariants.check(self.before, after, self.model)
        said, told = self.ear.heard()
        same("progress is announced", +self.model.said, said)
        same("news are told", +self.model.told, told)
        self.model.said.clear()
        self.model.told.clear()
        self.before = after
        return answer

    def close(self) -> None:
        """Stop listening."""
        self.ear.close()

    def follow(self, bid: str) -> None:
        """Listen to the progress of one batch."""
        if self.model.followed is not None:
            self.ear.follow(bid)
            self.model.followed.add(bid)

    def hex(self, digits: int) -> str:
        """A new identifier."""
        return f"{self.rng.getrandbits(4 * digits):0{digits}x}"

    def chance(self, probability: float) -> bool:
        """Throw dice."""
        return self.rng.random() < probability

    def queue(self) -> str:
        """Some queue."""
        return self.rng.choice(QUEUES)

    def clock(self) -> int:
        """The time on some host: clocks differ."""
        return self.now + self.rng.choice((0, 0, 0, -700, 900))

    def server_clock(self) -> int:
        """The server's own time."""
        return self.now + self.server_ahead

    def ticket(self) -> Ticket:
        """The next place in some producer's lane."""
        lane = self.rng.choice(("lane-a", "lane-b", "lane-c"))
        self.lanes[lane] = self.lanes.get(lane, 0) + 1
        return Ticket(lane, self.lanes[lane])

    def live(self) -> int:
        """How many jobs there are, the dead and deleted left out."""
        gone = len(self.before.scored("dead")) + len(self.before.scored("o:trash"))
        return sum(self.model.places.values()) - gone

    def claim(self, worker: Worker, message: Claim, note: str = "") -> Claimed:
        """Deliver a claim, and let the child know what it got."""
        answer: Claimed = self.send(message, note)
        jobs = enumerate(answer.payloads, start=answer.first)
        worker.seen = max(worker.seen, answer.first + len(answer.payloads) - 1)
        worker.held.update({token: payload for token, payload in jobs if payload})
        return answer

    def next_claim(self, worker: Worker, want: int, queues: list[str]) -> Claim:
        """The next request of a child."""
        worker.request += 1
        return Claim(worker.key, worker.request, worker.seen, self.clock(), queues, want)
