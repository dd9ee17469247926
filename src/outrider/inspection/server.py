"""`app.server`: the server that the jobs lie on, as it describes itself, and what is to be said."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from outrider.checkup.facts import gather
from outrider.checkup.judge import Finding, judge, kind_of
from outrider.clock import utc
from outrider.hub import Flow, Hub
from outrider.store.server import permitted

_ROLE = "console"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerNumbers:
    """A server at one moment. What it does not tell is None; see `ServerReading`."""

    kind: str
    version: str
    uptime: int | None
    role: str | None
    replicas: int | None
    rtt: float
    clients: int | None
    blocked_clients: int | None
    operations_per_second: int | None
    memory_used: int | None
    memory_peak: int | None
    memory_limit: int | None
    eviction: str | None
    evicted: int | None
    append_only: bool | None
    unsaved: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerReading(ServerNumbers):
    """A server at one moment. What it does not tell is None.

    `kind` is Valkey or Redis, `rtt` how long a request takes, in seconds. Memory is in bytes;
    `memory_limit` is 0 where there is none, and `eviction` is the policy for when it is reached.
    With `append_only` each write is appended to a file; `saved_at` is when all was saved last,
    `unsaved` how many writes came after it. `findings` are those of `outrider doctor`, but for what
    few users may ask.
    """

    saved_at: datetime | None
    findings: list[Finding]


class ServerState:
    """`app.server`: what the server says of itself; nothing of its settings that is secret."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def read(self) -> ServerReading:
        """How the server is, in three round trips."""
        return self._hub.perform(self._read())

    async def aread(self) -> ServerReading:
        """The same for asyncio."""
        return await self._hub.aperform(self._read())

    def _read(self) -> Flow[ServerReading]:
        facts = yield from gather(self._hub.keys, self._hub.url, [_ROLE])
        begun = time.monotonic()
        yield permitted(self._hub.keys, attempts=[])
        rtt = time.monotonic() - begun
        info = facts.info
        kind, version = kind_of(facts)
        saved_at = _number(info, "rdb_last_save_time")
        append_only = info.get("aof_enabled")
        return ServerReading(
            kind=kind,
            version=".".join(map(str, version)),
            uptime=_number(info, "uptime_in_seconds"),
            role={"master": "primary", "slave": "replica"}.get(info.get("role", "")),
            replicas=_number(info, "connected_slaves"),
            rtt=rtt,
            clients=_number(info, "connected_clients"),
            blocked_clients=_number(info, "blocked_clients"),
            operations_per_second=_number(info, "instantaneous_ops_per_sec"),
            memory_used=_number(info, "used_memory"),
            memory_peak=_number(info, "used_memory_peak"),
            memory_limit=_number(info, "maxmemory"),
            eviction=info.get("maxmemory_policy"),
            evicted=_number(info, "evicted_keys"),
            append_only=None if append_only is None else append_only == "1",
            saved_at=utc(saved_at) if saved_at else None,
            unsaved=_number(info, "rdb_changes_since_last_save"),
            findings=judge(facts),
        )


def _number(info: Mapping[str, str], name: str) -> int | None:
    text = info.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() else None
