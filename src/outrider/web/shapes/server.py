"""The server that the jobs lie on."""

from __future__ import annotations

import msgspec


class Finding(msgspec.Struct, kw_only=True):
    """What one check found: `level` is ok, warning, error or unknown."""

    check: str
    level: str
    what: str
    advice: str


class Server(msgspec.Struct, kw_only=True):
    """A server at one moment; what it does not tell is null. Memory is in bytes, times in seconds.

    `rtt` is how long one request took. `memory_limit` is 0 where there is none, `eviction` the
    policy for when it is reached, `evicted` how many keys it has thrown away. With `append_only`
    each write is appended to a file; all was saved last at `saved_at`, `unsaved` writes ago.
    """

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
    saved_at: float | None
    unsaved: int | None
    findings: list[Finding]
