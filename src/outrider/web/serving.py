"""Endpoints over HTTP: a request becomes msgspec types, an answer becomes JSON with an ETag."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from outrider.web.endpoint import Endpoint
from outrider.web.openapi import KEY_HEADER
from outrider.web.problems import MEDIA, Refusal, wrong
from outrider.web.streams import EventStream
from outrider.web.visit import Visit

MOST = 1 << 20
"""Bytes of a request's body."""

_KEY = re.compile(r"[!-~]{1,100}")
Welcome = Callable[[Request, str | None], Awaitable[Visit]]
Handler = Callable[[Request], Awaitable[Response]]


def serve(endpoint: Endpoint, welcome: Welcome, below: str) -> Handler:
    """A handler for one endpoint. `welcome` finds out who asks; `below` is the path of the API."""

    async def handle(request: Request) -> Response:
        visit = await welcome(request, endpoint.needs)
        visit.key = _key(request) if endpoint.keyed else ""
        ask = _asked(request, endpoint)
        body = None if endpoint.body is None else await _posted(request, endpoint.body)
        answer = await endpoint(visit, ask, body)
        if endpoint.streams:
            return EventStream(visit.streams, answer, visit.request_id)
        response = to_json(answer, endpoint.status)
        if endpoint.created is not None:
            root = request.scope.get("root_path", "")
            response.headers["location"] = f"{root}{below}{endpoint.created(answer)}"
        return response if endpoint.method != "GET" else tagged(request, response)

    return handle


def to_json(answer: Any, status: int = 200, media: str = "application/json") -> Response:
    """An answer as it is sent."""
    return Response(msgspec.json.encode(answer), status, media_type=media)


def to_problem(refusal: Refusal, request_id: str) -> Response:
    """A refusal as it is sent."""
    response = to_json(refusal.problem(request_id), refusal.status, MEDIA)
    response.headers.update(refusal.headers)
    return response


def _asked(request: Request, endpoint: Endpoint) -> msgspec.Struct | None:
    """The parameters of path and query, each once, and none that there is not."""
    query = _query(request)
    if endpoint.asks is None:
        if query:
            raise wrong(f"there is no parameter {query[0][0]!r} here")
        return None
    given = dict(query)
    # What is mounted below a path with parameters is given these, too.
    in_path = {name: request.path_params[name] for name in endpoint.in_path}
    if len(given) != len(query) or given.keys() & in_path.keys():
        raise wrong("a parameter is given twice")
    return msgspec.convert(given | in_path, endpoint.asks, strict=False)


def _query(request: Request) -> list[tuple[str, str]]:
    try:
        text = request.scope["query_string"].decode("ascii")
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=20)
    except ValueError as error:
        raise wrong(f"the query can't be read: {error}") from None


async def _posted(request: Request, kind: type[msgspec.Struct]) -> msgspec.Struct:
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    text = bytearray()
    try:
        async for chunk in request.stream():
            text += chunk
            if len(text) > MOST:
                raise Refusal(413, "too-large", f"a body has {MOST:,} bytes at most")
    except ClientDisconnect:  # no fault of ours: nobody is there to read this
        raise wrong("the body ends too early") from None
    if not text and not media:
        text += b"{}"  # who posts nothing asks for nothing but what is needed
    elif media != "application/json":
        raise Refusal(415, "wrong-media-type", "post JSON, as application/json")
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise wrong(f"the body is no JSON: {error}") from None


def _key(request: Request) -> str:
    key = request.headers.get(KEY_HEADER, "")
    if KEY_HEADER in request.headers and not _KEY.fullmatch(key):
        raise wrong(f"{KEY_HEADER} has 1 to 100 visible characters")
    return key


def tagged(request: Request, response: Response) -> Response:
    """An answer with its ETag; without a body where the client has it."""
    tag = f'"{hashlib.blake2b(response.body, digest_size=16).hexdigest()}"'
    given = request.headers.get("if-none-match", "").split(",")
    known = [one.strip().removeprefix("W/") for one in given]
    if tag in known or known == ["*"]:
        return Response(status_code=304, headers={"etag": tag})
    response.headers["etag"] = tag
    return response
