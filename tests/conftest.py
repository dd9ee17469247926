"""Fixtures for all tests: a real server, emptied before each test, and an app on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from outrider import App
from outrider.embedded import Server
from outrider.script import command
from tests import least

# Kinds of `o:` keys that live without a time to live and without an owner; see outrider/keys.py.
PERMANENT = (
    *("o:clock", "o:tokens", "o:leases", "o:batches", "o:moving", "o:holds", "o:cancelling"),
    *("o:interrupts", "o:audit", "o:cancelled", "o:deaths", "o:paused", "o:held", "o:totals"),
    *("o:operations", "o:operating", "o:trash"),
)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of this test process."""
    with Server.start(Path(tmp_path_factory.mktemp("server"))) as server:
        yield server


@pytest.fixture(autouse=least.IS_ON)
def least_rights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every script runs under a user who may do no more than it needs."""
    least.put_in_place(monkeypatch.setattr)


@pytest.fixture
def url(server: Server) -> str:
    """The URL of an empty server."""
    app = App(server.url)
    app.perform(command("FLUSHALL", decode=bool))
    app.close()
    return server.url


@pytest.fixture
def app(url: str) -> Iterator[App]:
    """An app on an empty server; after the test no key may have leaked."""
    app = App(url)
    yield app
    leaked = [key for key in keys(app) if _leaks(app, key)]
    app.close()
    assert not leaked, f"keys with neither a time to live nor a live owner: {leaked}"


def keys(app: App) -> list[str]:
    """All keys on the server, sorted."""
    return sorted(
        app.perform(command("KEYS", "*", decode=lambda found: [key.decode() for key in found]))
    )


def _leaks(app: App, key: str) -> bool:
    if not key.startswith("o:") or key in PERMANENT:
        return False
    if app.perform(command("TTL", key, decode=int)) >= 0:
        return False
    owner = key.split(":", 2)[2]
    if key.startswith(("o:batch:", "o:slots:", "o:failures:", "o:kids:")):
        live = app.perform(command("ZSCORE", "o:audit", owner, decode=bool))
        return not live
    if key.startswith("o:staged:"):
        return app.perform(command("ZSCORE", "o:moving", owner, decode=lambda at: at is None))
    if key.startswith("o:operation:"):
        return app.perform(command("ZSCORE", "o:operating", owner, decode=lambda at: at is None))
    if key.startswith("o:held:"):
        return not app.perform(command("SISMEMBER", "o:held", owner, decode=bool))
    identity = ":".join(owner.split(":")[:3])
    return app.perform(command("ZSCORE", "o:leases", identity, decode=bool)) is False
