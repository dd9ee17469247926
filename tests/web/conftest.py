"""Fixtures for tests of the web application."""

from __future__ import annotations

import pytest

from outrider import App
from tests.app.conftest import hands, job
from tests.web.site import Site

__all__ = ["hands", "job", "site"]


@pytest.fixture
def site(app: App) -> Site:
    """The web application, open to this machine."""
    return Site(app, allow_anonymous=True)
