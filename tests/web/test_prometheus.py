"""`GET /metrics`, for Prometheus."""

from __future__ import annotations

import sys

import pytest

from outrider import App
from outrider.job import Job
from outrider.web import auth
from tests.web.site import READER, Site


def test_prometheus_reads_numbers(site: Site, job: Job[..., None]) -> None:
    """How things stand, as its text."""
    job.enqueue_many([(number,) for number in range(3)])
    answer = site.ask("GET", "/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert 'outrider_queue_jobs{queue="default"} 3.0' in answer.text


def test_what_is_not_installed_is_no_fault_of_who_asks(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says what to install."""
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    answer = site.ask("GET", "/metrics")
    assert answer.status_code == 501
    assert "pip install 'outrider[prometheus]'" in answer.json()["detail"]


def test_prometheus_needs_the_right_to_read(app: App) -> None:
    """As everything that tells of jobs; a token will do."""
    token = "t" * 20
    site = Site(app, auth=auth.bearer({token: READER}))
    assert site.ask("GET", "/metrics").status_code == 401
    known = {"authorization": f"Bearer {token}"}
    assert site.ask("GET", "/metrics", headers=known).status_code == 200
    assert site.ask("POST", "/metrics", headers=known).status_code == 405
