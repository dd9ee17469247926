"""The OpenAPI 3.1 description of the API, made of the endpoints and their msgspec types."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import msgspec

from outrider.version import VERSION
from outrider.web.endpoint import Endpoint
from outrider.web.problems import MEDIA, Problem

_REFERENCE = "#/components/schemas/{name}"
_WORDS = """Look at, and operate, background jobs and batches.

Times are seconds since the epoch. Whole numbers of jobs' arguments beyond 2^53 are texts. Lists go
on after a cursor, `next`, which means nothing but that. Every answer to a GET has an ETag. What
changes anything is refused when a page of another site asks for it."""
KEY_HEADER = "Idempotency-Key"
_KEY = {
    "name": KEY_HEADER,
    "in": "header",
    "description": "With the same key again nothing is begun anew: the answer is about the first.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 100, "pattern": "^[!-~]+$"},
}


def describe(endpoints: Iterable[Endpoint], server: str) -> dict[str, Any]:
    """The description of these endpoints, which are served below the path `server`."""
    listed = list(endpoints)
    types: set[Any] = {one.body for one in listed} | {one.answers for one in listed} | {Problem}
    named = sorted(types - {None}, key=lambda one: str(one.__name__))
    _, components = msgspec.json.schema_components(named, ref_template=_REFERENCE)
    paths: dict[str, Any] = {}
    for one in listed:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, components)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Outrider", "version": VERSION, "description": _WORDS},
        "servers": [{"url": server}],
        "security": [{}, {"bearer": []}, {"basic": []}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(sorted(components.items())),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "basic": {"type": "http", "scheme": "basic"},
            },
        },
    }


def _operation(one: Endpoint, components: dict[str, Any]) -> dict[str, Any]:
    summary, _, more = one.words.partition("\n\n")
    found: dict[str, Any] = {
        "operationId": one.name,
        "tags": [one.path.split("/")[1].partition(":")[0].removesuffix(".json")],
        "summary": " ".join(summary.split()).removesuffix("."),
        "description": " ".join(more.split()),
        "x-permission": one.needs or "",
        "parameters": [*_parameters(one, components), *([_KEY] if one.keyed else [])],
        "responses": {str(one.status): _answer(one), **_problems(one)},
    }
    if one.needs is None:
        found["security"] = []
    if one.body is not None:
        found["requestBody"] = {"required": True, "content": _json(one.body)}
    return found


def _parameters(one: Endpoint, components: dict[str, Any]) -> list[dict[str, Any]]:
    if one.asks is None:
        return []
    _, extra = msgspec.json.schema_components([one.asks], ref_template=_REFERENCE)
    components.update({name: part for name, part in extra.items() if name != one.asks.__name__})
    parts = extra[one.asks.__name__]["properties"]
    needed = extra[one.asks.__name__].get("required", [])
    return [
        {
            "name": name,
            "in": "path" if name in one.in_path else "query",
            "required": name in needed or name in one.in_path,
            **({"description": part.pop("description")} if "description" in part else {}),
            "schema": part,
        }
        for name, part in parts.items()
    ]


def _answer(one: Endpoint) -> dict[str, Any]:
    headers = {"X-Request-Id": {"schema": {"type": "string"}}}
    if one.method == "GET":
        headers["ETag"] = {"schema": {"type": "string"}}
    if one.created is not None:
        headers["Location"] = {"schema": {"type": "string"}}
    return {
        "description": HTTPStatus(one.status).phrase,
        "headers": headers,
        "content": _json(one.answers),
    }


def _problems(one: Endpoint) -> dict[str, Any]:
    """What may go wrong: what may with all, and what is this one's own."""
    found = {*one.problems, 421, 502, 503}
    if one.needs is not None:
        found |= {401, 403}
    if one.asks is not None or one.body is not None:
        found.add(400)
    if one.body is not None:
        found |= {413, 415}
    if one.method != "GET":
        found.add(403)
    schema = {"$ref": _REFERENCE.format(name="Problem")}
    answers = {
        str(status): {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA: {"schema": schema}},
        }
        for status in sorted(found)
    }
    unchanged = {"304": {"description": HTTPStatus(304).phrase}} if one.method == "GET" else {}
    return unchanged | answers


def _json(kind: type) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": _REFERENCE.format(name=kind.__name__)}}}
