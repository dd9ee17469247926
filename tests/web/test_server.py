"""The server over HTTP: for who may see it, and nothing of it that is secret."""

from __future__ import annotations

import json

import pytest

from outrider import App
from outrider.checkup.judge import CHECKS
from outrider.script import command
from outrider.web.principals import Principal
from tests.web.site import READER, Site


def test_how_the_server_is(site: Site) -> None:
    """Its memory, clients, what it keeps, and what is to be said of that."""
    found = site.get("/redis")
    assert found["kind"] in ("Valkey", "Redis")
    assert (found["role"], found["eviction"]) == ("primary", "noeviction")
    assert found["memory_used"] > 0
    assert found["rtt"] > 0
    assert len(found["findings"]) == len(CHECKS)
    assert {one["level"] for one in found["findings"]} <= {"ok", "warning", "error", "unknown"}


def test_who_may_see_it(app: App) -> None:
    """It takes a permission of its own: reading jobs is another matter."""
    assert Site(app, auth=lambda _: READER).refused("GET", "/redis") == (403, "forbidden")
    who = Principal("ann", ["server.read"])
    assert Site(app, auth=lambda _: who).get("/redis")["clients"] > 0


@pytest.mark.parametrize("secret", ["hunter2hunter2"])
def test_passwords_are_not_told(app: App, secret: str) -> None:
    """Neither that of the URL, nor what the server is set to; the name of its user is."""
    app.perform(command("ACL", "SETUSER", "ann", "on", f">{secret}", "+@all", "~*", decode=bool))
    head, _, tail = app.url.partition("://")
    other = App(f"{head}://ann:{secret}@{tail}")
    try:
        told = json.dumps(Site(other, allow_anonymous=True).get("/redis"))
    finally:
        app.perform(command("ACL", "DELUSER", "ann", decode=int))
        other.close()
    assert "'ann'" in told
    assert secret not in told
