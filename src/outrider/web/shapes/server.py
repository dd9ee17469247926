"""The server that the jobs lie on."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from outrider.inspection.server import ServerNumbers


class Finding(msgspec.Struct, kw_only=True):
    """What one check found: `level` is ok, warning, error or unknown."""

    check: str
    level: str
    what: str
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Server(ServerNumbers):
    """A server at one moment; what it does not tell is null. Memory is in bytes, times in seconds.

    `rtt` is how long one request took. `memory_limit` is 0 where there is none, `eviction` the
    policy for when it is reached, `evicted` how many keys it has thrown away. With `append_only`
    each write is appended to a file; all was saved last at `saved_at`, `unsaved` writes ago.
    """

    saved_at: float | None
    findings: list[Finding]
