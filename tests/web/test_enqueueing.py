"""Enqueueing over HTTP: only what is registered, called as it can be, and only where allowed."""

from __future__ import annotations

import logging
from datetime import date
from typing import Any

import pytest

from outrider import App, Draft
from outrider.web.principals import Principal
from tests.web.site import Site


def send(number: int, *, when: date | None = None) -> None: ...


@pytest.fixture
def open_site(app: App) -> Site:
    """One where jobs may be enqueued."""
    app.job(name="shop.send", queue="mail")(send)
    return Site(app, allow_anonymous=True, allow_enqueue=True)


def test_a_registered_job(open_site: Site, app: App) -> None:
    """Goes to its own queue, or another one; later, if that is asked for."""
    wish: dict[str, Any] = {"job": "shop.send", "args": [1]}
    made = open_site.post("/jobs", wish)
    assert made["queue"] == "mail"
    assert open_site.get(f"/jobs/{made['jid']}")["args"] == [1]
    other = open_site.post("/jobs", wish | {"queue": "low", "kwargs": {"when": "2026-11-01"}})
    assert [record.jid for record in app.queues["low"]] == [other["jid"]]
    later = open_site.post("/jobs", wish | {"delay": 60})
    assert [record.jid for record in app.scheduled] == [later["jid"]]
    answer = open_site.ask("POST", "/api/v1/jobs", json=wish)
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/api/v1/jobs/{answer.json()['jid']}"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"job": "shop.nothing"}, "wrong-request"),
        ({"args": []}, "wrong-arguments"),
        ({"args": [1, 2]}, "wrong-arguments"),
        ({"kwargs": {"when": "never"}}, "wrong-arguments"),
        ({"kwargs": {"other": 1}}, "wrong-arguments"),
        ({"args": 1}, "wrong-request"),
        ({"queue": "a b"}, "wrong-request"),
        ({"delay": -1}, "wrong-request"),
        ({"retry": 5}, "wrong-request"),
        ({"args": [10**400]}, "wrong-arguments"),
    ],
)
def test_what_does_not_fit(open_site: Site, app: App, changes: Any, problem: str) -> None:
    """Is refused before anything is written."""
    body = {"job": "shop.send", "args": [1]} | changes
    assert open_site.refused("POST", "/jobs", json=body) == (400, problem)
    assert app.queues.size == 0


def test_only_where_it_is_allowed(site: Site, app: App) -> None:
    """And only by who may: it has to be said of the application, and of him."""
    app.job(name="shop.send")(send)
    wish = {"json": {"job": "shop.send", "args": [1]}}
    assert site.refused("POST", "/jobs", **wish) == (403, "forbidden")
    who = Principal("ann", ["read", "jobs.retry"])
    known = Site(app, auth=lambda _: who, allow_enqueue=True)
    assert known.refused("POST", "/jobs", **wish) == (403, "forbidden")
    assert app.queues.size == 0


def test_a_middleware_may_veto(open_site: Site, app: App) -> None:
    """As anywhere."""

    @app.middleware.enqueue
    def veto(draft: Draft, push: Any) -> None: ...

    body = {"json": {"job": "shop.send", "args": [1]}}
    assert open_site.refused("POST", "/jobs", **body) == (409, "vetoed")


def test_arguments_are_in_no_log(open_site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """They may be secrets; what was enqueued is noted."""
    caplog.set_level(logging.INFO, "outrider.web")
    open_site.post("/jobs", {"job": "shop.send", "args": [4711]})
    (line,) = caplog.messages
    assert "enqueue_job job=shop.send" in line
    assert "4711" not in line
