"""What went wrong, as RFC 9457 has it: `application/problem+json`."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.exceptions import HTTPException

from outrider.errors import (
    BatchCancelled,
    BatchFinished,
    BatchNotFound,
    BatchUnfinished,
    ConfigError,
    NotRestorable,
    OperationNotFound,
    StoreError,
    StoreFull,
    StoreUnavailable,
    UnreadablePayload,
)

MEDIA = "application/problem+json"


class Problem(msgspec.Struct, kw_only=True):
    """What went wrong. `type` is stable; `detail` is for people."""

    type: Annotated[str, Meta(pattern="^urn:outrider:problem:[a-z-]+$")]
    title: str
    status: Annotated[int, Meta(ge=400, le=599)]
    detail: str
    request_id: str


class Refusal(Exception):
    """The request can't be done as it is: a status, a stable name, and words for people."""

    def __init__(self, status: int, name: str, detail: str, **headers: str) -> None:
        super().__init__(detail)
        self.status = status
        self.name = name
        self.headers = {key.replace("_", "-"): value for key, value in headers.items()}

    def problem(self, request_id: str) -> Problem:
        """What is sent."""
        return Problem(
            type=f"urn:outrider:problem:{self.name}",
            title=HTTPStatus(self.status).phrase,
            status=self.status,
            detail=str(self),
            request_id=request_id,
        )


def not_there(what: str) -> Refusal:
    """What was asked for is not there."""
    return Refusal(404, "not-found", what)


def wrong(detail: str) -> Refusal:
    """The request is not one that there is."""
    return Refusal(400, "wrong-request", detail)


def forbidden(detail: str) -> Refusal:
    """Who asks may not do that."""
    return Refusal(403, "forbidden", detail)


def refusal_of(error: Exception) -> Refusal | None:
    """The refusal that an error means; None when nobody foresaw it."""
    for kinds, status, name in _MEANINGS:
        if isinstance(error, kinds):
            return Refusal(status, name, str(error))
    if isinstance(error, Refusal):
        return error
    if isinstance(error, StoreUnavailable | StoreFull):
        name = "store-full" if isinstance(error, StoreFull) else "store-unavailable"
        return Refusal(503, name, str(error), Retry_After="1")
    if isinstance(error, StoreError):
        return Refusal(502, "store-refused", str(error))
    if isinstance(error, HTTPException):
        name = HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
        refusal = Refusal(error.status_code, name, str(error.detail))
        refusal.headers.update(error.headers or {})
        return refusal
    return None


_MEANINGS: tuple[tuple[tuple[type[Exception], ...], int, str], ...] = (
    ((BatchNotFound,), 404, "not-found"),
    ((BatchCancelled,), 409, "batch-cancelled"),
    ((BatchFinished,), 409, "batch-finished"),
    ((BatchUnfinished,), 409, "batch-unfinished"),
    ((OperationNotFound,), 404, "not-found"),
    ((NotRestorable,), 409, "not-restorable"),
    ((UnreadablePayload,), 409, "unreadable-job"),
    ((ConfigError, msgspec.ValidationError), 400, "wrong-request"),
)
