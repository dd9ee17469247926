"""The server as the simulator sees it: a wire to send scripts by, and snapshots of all its keys."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from outrider.events import BY_SERVER
from outrider.io import Address
from outrider.keys import Keys
from outrider.script import Call, Script, Word
from tests.simulator.payloads import read

KEYS = Keys("sim:")
DAY = "2026-11-21"
_CHANNEL = f"{KEYS.prefix}batch-"
_NEWS = f"{KEYS.prefix}o:news:"

_SNAPSHOT = """#!lua
local read = {
  string = function(key) return redis.call('GET', key) end,
  list = function(key) return redis.call('LRANGE', key, 0, -1) end,
  set = function(key) return redis.call('SMEMBERS', key) end,
  hash = function(key) return redis.call('HGETALL', key) end,
  zset = function(key) return redis.call('ZRANGE', key, 0, -1, 'WITHSCORES') end,
}
local all = {}
for _, key in ipairs(redis.call('KEYS', ARGV[1] .. '*')) do
  local kind = redis.call('TYPE', key)['ok']
  table.insert(all, { key, redis.call('TTL', key), read[kind](key) })
end
return all
"""


class Violation(AssertionError):
    """An invariant does not hold; `name` says which one."""

    def __init__(self, name: str, detail: object = "") -> None:
        super().__init__(f"{name}: {detail}")
        self.name = name


class Ticket(NamedTuple):
    """The place of a request in its producer lane."""

    lane: str
    number: int


class Wire:
    """One connection. `faulty` replaces scripts by name, so that faults can be planted."""

    def __init__(self, url: str, faulty: Mapping[str, Script] | None = None) -> None:
        self.address = Address(url)
        self._connection = self.address.connection()
        self._connection.connect()
        self._faulty = faulty or {}
        self._loaded: set[str] = set()
        self.snapshot_sha = self.command("SCRIPT", "LOAD", _SNAPSHOT)

    def command(self, *words: Word) -> Any:
        """Send a plain command. A refusal is a violation: nothing we send may be refused."""
        from redis.exceptions import ResponseError

        self._connection.send_packed_command(self._connection.pack_command(*words))
        try:
            return self._connection.read_response(disable_decoding=True)
        except ResponseError as error:
            raise Violation("no script fails", error) from None

    def run(self, call: Call[Any], ticket: Ticket | None = None) -> Any:
        """Perform a Call, and give its answer as the stub decodes it."""
        if call.script is None:
            return call.decode(self.command(*call.words))
        script = self._faulty.get(call.script.name, call.script)
        if script.sha not in self._loaded:
            self.command("SCRIPT", "LOAD", script.source)
            self._loaded.add(script.sha)
        lane = (*ticket, digest(call)) if ticket else ()
        words = (*call.words[:2], *lane, *call.words[2:])
        return call.decode(self.command("EVALSHA", script.sha, 2, *words))

    def close(self) -> None:
        """Close the connection."""
        self._connection.disconnect()


Said = Counter[tuple[str, str]]


class Ear:
    """Listens to the progress of batches, and to news of jobs."""

    def __init__(self, wire: Wire) -> None:
        self._connection = wire.address.connection()
        self._connection.connect()
        self._send("SUBSCRIBE", *(_NEWS + name for name in BY_SERVER))

    def follow(self, bid: str = "") -> None:
        """Listen to one batch, or to all."""
        if bid:
            self._send("SUBSCRIBE", _CHANNEL + bid)
        else:
            self._send("PSUBSCRIBE", _CHANNEL + "*")

    def _send(self, *words: str) -> None:
        self._connection.send_command(*words)
        for _ in words[1:]:
            self._connection.read_response(disable_decoding=True)

    def heard(self) -> tuple[Said, Said]:
        """What was said since the last time, and how often.

        Of batches (bid, token), and of jobs (event, id and claim).
        """
        said, told = Said(), Said()
        self._connection.send_command("PING")
        while (answer := self._connection.read_response(disable_decoding=True))[0] != b"pong":
            channel, message = answer[-2].decode(), answer[-1]
            if channel.startswith(_NEWS):
                told.update(_news(channel.removeprefix(_NEWS), message))
            else:
                said[channel.removeprefix(_CHANNEL), message.decode()] += 1
        return said, told

    def close(self) -> None:
        """Stop listening."""
        self._connection.disconnect()


def _news(event: str, message: bytes) -> Iterator[tuple[str, str]]:
    head, jobs = message.split(b"\n", 1)
    for word in head.decode().split(" "):
        size, _, claim = word.partition(":")
        payload, jobs = jobs[: int(size)], jobs[int(size) :]
        yield event, f"{read(payload).id} {claim}"
    if jobs:
        raise Violation("news say where each job ends", message)


def digest(call: Call[Any]) -> str:
    """What a lane remembers of a request."""
    return hashlib.blake2b(repr(call.words).encode(), digest_size=8).hexdigest()


Child = tuple[str, str]
Scored = dict[bytes, float]


@dataclass
class Snapshot:
    """All keys at one instant, by kind; `ttl` by whole key, without the prefix."""

    ttl: dict[str, int] = field(default_factory=dict)
    queues: dict[str, list[bytes]] = field(default_factory=dict)
    sets: dict[str, Scored] = field(default_factory=dict)
    claims: dict[Child, dict[int, bytes]] = field(default_factory=dict)
    owners: dict[str, dict[str, bytes]] = field(default_factory=dict)
    batches: dict[str, dict[str, bytes]] = field(default_factory=dict)
    slots: dict[str, bytes] = field(default_factory=dict)
    failures: dict[str, dict[str, bytes]] = field(default_factory=dict)
    kids: dict[str, dict[str, bytes]] = field(default_factory=dict)
    staged: dict[str, list[bytes]] = field(default_factory=dict)
    aside: dict[str, list[bytes]] = field(default_factory=dict)
    operations: dict[str, dict[str, bytes]] = field(default_factory=dict)
    rest: dict[str, Any] = field(default_factory=dict)

    def held(self, child: Child) -> dict[int, bytes]:
        """The claims of one child, by token."""
        return self.claims.get(child, {})

    def moving(self, home: str) -> int:
        """How many jobs are on their way to a queue."""
        names = [name.decode() for name in self.scored("o:moving")]
        return sum(len(self.staged[name]) for name in names if name.partition(":")[2] == home)

    def delayed(self) -> Scored:
        """Jobs on their way to the schedule."""
        return {
            payload: score
            for name in self.scored("o:moving")
            for payload, score in self.sets.get(f"o:staged:{name.decode()}", {}).items()
        }

    def scored(self, name: str) -> Scored:
        """A time-ordered set: payload -> score."""
        return self.sets.get(name, {})


def snapshot(wire: Wire) -> Snapshot:
    """Read everything in one round trip."""
    now = Snapshot()
    prefix = len(KEYS.prefix)
    # The server lists keys and fields in an order that differs from one start to the next.
    for raw, ttl, value in sorted(wire.command("EVALSHA", wire.snapshot_sha, 0, KEYS.prefix)):
        key = raw.decode()[prefix:]
        now.ttl[key] = ttl
        _file(now, key, value)
    return now


def _file(now: Snapshot, key: str, value: Any) -> None:
    head, _, name = key.removeprefix("o:").partition(":")
    ours = key.startswith("o:")
    if key.startswith("queue:"):
        now.queues[key[6:]] = value
    elif key in {
        *("schedule", "retry", "dead"),
        *("o:leases", "o:batches", "o:moving", "o:holds", "o:cancelling", "o:audit", "o:cancelled"),
        *("o:interrupts", "o:deaths", "o:operations", "o:operating", "o:trash"),
    }:
        now.sets[key] = {word: float(score) for word, score in pairs(value)}
    elif ours and head == "claims":
        identity, _, child = name.rpartition(":")
        held = {int(token): payload for token, payload in pairs(value)}
        now.claims[identity, child] = dict(sorted(held.items()))
    elif ours and head in {"owners", "batch", "failures", "kids", "operation"}:
        kinds = {"owners": now.owners, "batch": now.batches, "failures": now.failures}
        kinds |= {"kids": now.kids, "operation": now.operations}
        kinds[head][name] = {word.decode(): payload for word, payload in pairs(value)}
    elif ours and head == "staged":
        # A sorted set is listed with its scores.
        now.staged[name] = value if ":" in name else value[::2]
        if ":" not in name:
            now.sets[key] = {word: float(score) for word, score in pairs(value)}
    elif ours and head == "held" and name:
        now.aside[name] = value
    elif ours and head == "slots":
        now.slots[name] = value
    else:
        now.rest[key] = value


class Kept(NamedTuple):
    """A job in the trash; `kind` and `name` say where it lay, `score` under which time."""

    at: int
    kind: str
    score: str
    operation: str
    name: str
    payload: bytes


def kept(now: Snapshot) -> list[Kept]:
    """What lies in the trash, the first to be deleted first."""
    found = []
    for entry, score in now.scored("o:trash").items():
        at, kind, time, operation, length, rest = entry.split(b":", 5)
        if int(at) != score:
            raise Violation("what is in the trash is known by its time", entry)
        words = (kind.decode(), time.decode(), operation.decode(), rest[: int(length)].decode())
        found.append(Kept(int(at), *words, rest[int(length) :]))
    return sorted(found)


def pairs(flat: list[Any]) -> zip[tuple[Any, Any]]:
    """A hash or scored set as the server lists it, as pairs."""
    words = iter(flat)
    return zip(words, words, strict=True)
