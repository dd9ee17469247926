"""The whole at a glance, and who asks."""

from __future__ import annotations

import time

from outrider.errors import StoreError
from outrider.inspection.stats import Numbers
from outrider.web import views
from outrider.web.endpoint import endpoint
from outrider.web.problems import Refusal
from outrider.web.shapes.base import Health, Me
from outrider.web.shapes.places import Overview
from outrider.web.visit import Visit


@endpoint("GET", "/health", needs=None)
async def health(visit: Visit) -> Health:
    """Whether the API and the server behind it answer; nothing else is told."""
    began = time.monotonic()
    try:
        await visit.app.queues["default"].apaused()
    except StoreError:  # its message names the server, which is not for everybody
        raise Refusal(503, "store-unavailable", "the server does not answer") from None
    return Health(seconds=round(time.monotonic() - began, 6))


@endpoint("GET", "/me")
async def me(visit: Visit) -> Me:
    """Who asks, and what he may do."""
    return Me(name=visit.who.name, permissions=sorted(visit.who.permissions))


@endpoint("GET", "/overview")
async def overview(visit: Visit) -> Overview:
    """Numbers of one moment, and all queues."""
    found = await visit.app.stats.aread()
    numbers = {name: getattr(found, name) for name in Numbers.__slots__}
    return Overview(**numbers, queues=views.queues(found))
