"""What the status endpoint answers, for ASGI and WSGI alike: nothing here waits for anything."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, NamedTuple

import msgspec

from outrider.app import App
from outrider.errors import StoreError
from outrider.standing import not_found
from outrider.status import BatchStatus
from outrider.web.status_events import Tale, retry, told

Authorize = Callable[[Any, str], bool | Awaitable[bool]]
AWAY = 5.0
_ALL = 1000
# A path is read from its end: under what the endpoint is mounted is no matter.
_PATH = re.compile(r"(?:.*/)?([^/]*?)(\.json|/events)", re.DOTALL)
_BID = re.compile(r"[0-9a-f]{16}")
_JSON, _EVENTS = "application/json", "text/event-stream; charset=utf-8"
# What they tell is of a moment and for whoever asked; nginx would collect events before it sends.
_HEADERS = (
    ("Cache-Control", "no-store, no-transform"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Accel-Buffering", "no"),
)
_log = logging.getLogger("outrider.web")


class Asked(NamedTuple):
    """A request: of which batch, for its events or once, and the last event that was seen."""

    bid: str
    is_stream: bool
    seen: str


class Answer(NamedTuple):
    """An answer; with a `tale` it goes on with what is to be told of the batch."""

    status: HTTPStatus
    body: bytes = b""
    kind: str = _JSON
    allow: str = ""
    tale: Tale | None = None

    @property
    def headers(self) -> list[tuple[str, str]]:
        """All of its headers."""
        if self.status == HTTPStatus.NO_CONTENT:
            return [*_HEADERS]
        allow = [("Allow", self.allow)] if self.allow else []
        length = [("Content-Length", str(len(self.body)))] if self.tale is None else []
        return [("Content-Type", self.kind), *_HEADERS, *allow, *length]


class Rules:
    """How requests are answered; `app` and `authorize` are for those who wait."""

    def __init__(self, app: App, authorize: Authorize | None, *, errors: bool) -> None:
        self.app = app
        self.authorize = authorize
        self._errors = errors

    def asked(self, method: str, path: str, seen: str) -> Asked | Answer:
        """What is asked for, or why that can't be answered."""
        found = _PATH.fullmatch(path)
        if found is None:
            return _refusal(HTTPStatus.NOT_FOUND, "ask for /<bid>.json or /<bid>/events")
        if method not in ("GET", "HEAD"):
            what = f"{method} is not possible here: a batch can only be read"
            return _refusal(HTTPStatus.METHOD_NOT_ALLOWED, what)._replace(allow="GET, HEAD")
        if not _BID.fullmatch(found[1]):
            return _refusal(HTTPStatus.NOT_FOUND, "no batch: a bid is 16 digits from 0 to f")
        return Asked(found[1], found[2] == "/events", seen)

    def found(self, asked: Asked, status: BatchStatus | None) -> Answer:
        """How the batch stands, now that it was read."""
        if status is None:
            return _refusal(HTTPStatus.NOT_FOUND, str(not_found(asked.bid)))
        if not asked.is_stream:
            data = told(status, _ALL if self._errors else 0)
            return Answer(HTTPStatus.OK, msgspec.json.encode(data))
        tale = Tale(status, asked.seen, errors=self._errors)
        if tale.is_over:  # to a browser that comes again this says: no more
            return Answer(HTTPStatus.NO_CONTENT)
        return Answer(HTTPStatus.OK, kind=_EVENTS, tale=tale)

    def forbidden(self, asked: Asked) -> Answer:
        """`authorize` said no; whether there is such a batch is not told."""
        return _refusal(HTTPStatus.FORBIDDEN, f"batch {asked.bid} is not yours to read")

    def away(self, asked: Asked, error: StoreError) -> Answer:
        """The server can't be asked. A browser would give up for ever after any other status."""
        _log.warning("status of batch %s: %s", asked.bid, error)
        if asked.is_stream:
            return Answer(HTTPStatus.OK, retry(AWAY), kind=_EVENTS)
        return _refusal(HTTPStatus.SERVICE_UNAVAILABLE, "the batches can't be read now: try again")


def _refusal(status: HTTPStatus, what: str) -> Answer:
    return Answer(status, msgspec.json.encode({"error": what}))
