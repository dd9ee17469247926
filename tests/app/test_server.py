"""`app.server`: what the server says of itself, without what is secret."""

from __future__ import annotations

from dataclasses import fields

import pytest

from outrider import App
from outrider.checkup.judge import CHECKS
from outrider.inspection.server import ServerReading
from outrider.script import Call, command
from tests.app.conftest import Way
from tests.app.hands import raw


def test_what_the_server_is(way: Way, app: App) -> None:
    """Its version, memory, clients, what it keeps, and what is to be said of that."""
    reading: ServerReading = way(app.server, "read")
    assert reading.kind in ("Valkey", "Redis")
    assert reading.version.count(".") == 2
    assert (reading.role, reading.replicas) == ("primary", 0)
    assert reading.clients is not None
    assert reading.clients >= 1
    assert reading.memory_used is not None
    assert reading.memory_used > 100_000
    assert (reading.memory_limit, reading.eviction) == (0, "noeviction")
    assert 0 < reading.rtt < 60
    assert len(reading.findings) == len(CHECKS)
    assert all(getattr(reading, one.name) is not None for one in fields(reading))


def test_what_is_changed_is_told(app: App) -> None:
    """A limit, and a policy that loses jobs."""
    raw(app, "CONFIG", "SET", "maxmemory", "1000000000")
    raw(app, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    try:
        reading = app.server.read()
    finally:
        raw(app, "CONFIG", "SET", "maxmemory", "0")
        raw(app, "CONFIG", "SET", "maxmemory-policy", "noeviction")
    assert (reading.memory_limit, reading.eviction) == (10**9, "allkeys-lru")
    assert {one.level for one in reading.findings if one.check == "eviction"} == {"error"}


@pytest.mark.parametrize("info", [{}, {"redis_version": "x", "used_memory": "-1", "role": "?"}])
def test_a_server_that_tells_nothing(
    app: App, monkeypatch: pytest.MonkeyPatch, info: dict[str, str]
) -> None:
    """What it does not tell is None, and no reason to fail."""

    def told() -> Call[dict[str, str]]:
        return command("INFO", decode=lambda _: info)

    monkeypatch.setattr("outrider.store.server.info", told)
    reading = app.server.read()
    unknown = {one.name for one in fields(reading)} - {"kind", "version", "rtt", "findings"}
    assert {getattr(reading, name) for name in unknown} == {None}
    assert "unknown" in {one.level for one in reading.findings}
