"""`app.processes`: the workers that live, ours and Ruby's."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from outrider.hub import Flow, Hub
from outrider.inspection.counted import Counted
from outrider.inspection.record import decode, moment, texts
from outrider.keys import Keys
from outrider.script import Call
from outrider.store import board
from outrider.store.board import Listed, Roll

Time = TypeVar("Time")
_NUMBER = re.compile(rb"\d{1,15}(\.\d{1,9})?")


@dataclass(frozen=True, slots=True)
class Described(Generic[Time]):
    """What is known of a worker, with times of one kind or another."""

    identity: str
    hostname: str
    pid: int | None
    started_at: Time | None
    tag: str
    concurrency: int
    queues: dict[str, int]
    busy: int
    claimed: int
    is_quiet: bool
    rss: int
    rtt: float
    beat: Time | None
    labels: list[str]
    version: str


@dataclass(frozen=True, slots=True)
class Process(Described[datetime]):
    """A worker as it described itself at its last beat, up to 5 s ago (Ruby's: 10 s).

    `queues` are names with weights, 0 where they are served strictly in their order; `rss` is in
    bytes, `rtt` (one round trip to the server) in seconds. `claimed`, read now, is how many jobs it
    holds, begun or not. What a worker of another kind or version does not say is None, 0 or empty.
    """

    _hub: Hub = field(repr=False, compare=False)

    def quiet(self) -> bool:
        """Have it take no more jobs, from its next beat on; False when it is gone.

        What it has taken it finishes.
        """
        return self._hub.perform(self._signal("TSTP"))

    async def aquiet(self) -> bool:
        """The same for asyncio."""
        return await self._hub.aperform(self._signal("TSTP"))

    def stop(self) -> bool:
        """Have it stop in good order, from its next beat on; False when it is gone."""
        return self._hub.perform(self._signal("TERM"))

    async def astop(self) -> bool:
        """The same for asyncio."""
        return await self._hub.aperform(self._signal("TERM"))

    def dump(self) -> bool:
        """Have it write its stacks to its log, at its next beat; False when it is gone."""
        return self._hub.perform(self._signal("TTIN"))

    async def adump(self) -> bool:
        """The same for asyncio."""
        return await self._hub.aperform(self._signal("TTIN"))

    def _signal(self, name: str) -> Flow[bool]:
        sent: bool = yield board.signal(self._hub.keys, identity=self.identity, name=name)
        return sent


class Processes(Counted):
    """All workers that live, by identity; iterating gives them in its order.

    One that has said nothing for a minute is gone, and is taken off the list.
    """

    def __iter__(self) -> Iterator[Process]:
        return iter(self._hub.perform(self._all()))

    async def __aiter__(self) -> AsyncIterator[Process]:
        for process in await self._hub.aperform(self._all()):
            yield process

    def __getitem__(self, identity: str) -> Process:
        process = self.get(identity)
        if process is None:
            raise KeyError(f"no process {identity!r}: it never was, has stopped, or is dead")
        return process

    def __contains__(self, identity: object) -> bool:
        return isinstance(identity, str) and self.get(identity) is not None

    def get(self, identity: str) -> Process | None:
        """The process of this identity; None when there is none, or it is gone."""
        return self._hub.perform(self._one(identity))

    async def aget(self, identity: str) -> Process | None:
        """The same for asyncio."""
        return await self._hub.aperform(self._one(identity))

    def _count(self) -> Flow[int]:
        return len((yield from self._all()))

    def _all(self) -> Flow[list[Process]]:
        listed = yield from roll_call(self._hub.keys)
        gone = [one.identity for one in listed if one.says is None]
        for first in range(0, len(gone), board.PAGE):
            yield board.prune(self._hub.keys, identities=gone[first : first + board.PAGE])
        return self._living(listed)

    def _one(self, identity: str) -> Flow[Process | None]:
        if not identity:
            return None
        page: Roll = yield _page(self._hub.keys, only=identity)
        return next(iter(self._living(page.listed)), None)

    def _living(self, listed: list[Listed]) -> list[Process]:
        return [_read(self._hub, one, one.says) for one in listed if one.says is not None]


def roll_call(keys: Keys) -> Flow[list[Listed]]:
    """All workers that are listed, those that are gone too, sorted."""
    found: dict[str, Listed] = {}
    cursor = ""
    while cursor != "0":
        page: Roll = yield _page(keys, cursor=cursor or "0")
        found |= {one.identity: one for one in page.listed}
        cursor = page.cursor
    return [found[identity] for identity in sorted(found)]


def whole(value: bytes | None) -> int:
    """A number that a worker says, or 0."""
    return int(_number(value))


def _page(keys: Keys, *, only: str = "", cursor: str = "0") -> Call[Roll]:
    return board.roll(keys, only=only, cursor=cursor, count=board.PAGE, fields=board.FIELDS)


def _read(hub: Hub, listed: Listed, says: dict[str, bytes]) -> Process:
    info = decode(says.get("info", b""))
    pid, concurrency = info.get("pid"), info.get("concurrency")
    return Process(
        _hub=hub,
        identity=listed.identity,
        hostname=_text(info.get("hostname")),
        pid=pid if type(pid) is int else None,
        started_at=moment(info.get("started_at")),
        tag=_text(info.get("tag")),
        # Beside `info` since Sidekiq 8.1, in it before.
        concurrency=whole(says.get("concurrency"))
        or (concurrency if type(concurrency) is int else 0),
        queues=_queues(info),
        busy=whole(says.get("busy")),
        claimed=listed.held,
        is_quiet=says.get("quiet") == b"true",
        rss=whole(says.get("rss")) * 1024,
        rtt=whole(says.get("rtt_us")) / 1e6,
        beat=moment(_number(says.get("beat")) or None),
        labels=texts(info.get("labels")),
        version=_text(info.get("version")),
    )


def _queues(info: dict[str, Any]) -> dict[str, int]:
    """From `queues` and `weights`, or from `capsules`, as versions of Sidekiq have them."""
    found = dict.fromkeys(texts(info.get("queues")), 0)
    weights, capsules = info.get("weights"), info.get("capsules")
    groups = list(weights) if isinstance(weights, list) else [weights]
    if isinstance(capsules, dict):
        groups += [one.get("weights") for one in capsules.values() if isinstance(one, dict)]
    for group in groups:
        if isinstance(group, dict):
            found |= {name: one if type(one) is int else 0 for name, one in group.items()}
    return found


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _number(value: bytes | None) -> float:
    return float(value) if value is not None and _NUMBER.fullmatch(value) else 0.0
