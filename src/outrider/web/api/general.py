"""The whole at a glance, and who asks."""

from __future__ import annotations

import time
from typing import Annotated

from msgspec import Meta

from outrider.errors import StoreError
from outrider.inspection.server import ServerNumbers
from outrider.web import views
from outrider.web.endpoint import endpoint
from outrider.web.problems import Refusal
from outrider.web.shapes.base import Asked, Health, Me, seconds
from outrider.web.shapes.places import Overview
from outrider.web.shapes.server import Finding, Server
from outrider.web.streams import Stream
from outrider.web.visit import Visit


class Every(Asked, kw_only=True):
    """How often to tell."""

    seconds: Annotated[int, Meta(ge=1, le=60)] = 5


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
    return views.overview(await visit.app.stats.aread())


@endpoint("GET", "/stats/stream")
async def stream_stats(visit: Visit, ask: Every) -> Stream[Overview]:
    """The same every few seconds, as server-sent events.

    All who watch share one reading a second. A stream ends after ten minutes, and browsers ask
    again by themselves; while the store is away an event `problem` says so. 100 at most are open
    at a time.
    """
    return visit.streams.open(visit.app.stats.aread, views.overview, ask.seconds)


@endpoint("GET", "/redis", needs="server.read")
async def server(visit: Visit) -> Server:
    """The server that the jobs lie on: how it is, and what is to be said of its settings."""
    found = await visit.app.server.aread()
    numbers = {name: getattr(found, name) for name in ServerNumbers.__slots__}
    findings = [Finding(**one._asdict()) for one in found.findings]
    return Server(**numbers, saved_at=seconds(found.saved_at), findings=findings)
