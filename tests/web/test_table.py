"""The routes, their description, and what each needs, are one table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from starlette.routing import Route

from outrider import App
from outrider.web.api import ENDPOINTS
from outrider.web.endpoint import Endpoint
from outrider.web.openapi import describe
from outrider.web.principals import PERMISSIONS
from tests.web.site import API, EVERY_NAME, READER, Site, path_of

CHANGES = [one for one in ENDPOINTS if one.method != "GET"]


def named(one: Endpoint) -> str:
    return f"{one.method} {one.path}"


def test_the_description_has_all_routes_and_no_other(site: Site) -> None:
    """Whatever is routed below the API is described, and the reverse."""
    routes = {
        (method, re.sub(r":\w+}", "}", route.path.removeprefix(API)))
        for route in site.asgi.routes
        if isinstance(route, Route) and route.path.startswith(API)
        for method in route.methods or ()
        if method != "HEAD"
    }
    found = site.get("/openapi.json")
    described = {
        (method.upper(), path) for path, methods in found["paths"].items() for method in methods
    }
    assert described == routes - {("GET", "/openapi.json")}
    assert found["openapi"].startswith("3.1")


def test_the_description_is_found_below_api_too(site: Site) -> None:
    """Who knows no version asks for the description at `/api/openapi.json`."""
    assert site.ask("GET", "/api/openapi.json").json() == site.get("/openapi.json")


def test_every_reference_of_the_description_leads_somewhere() -> None:
    """No schema names one that is not there, and every parameter of a path is told."""
    found = describe(ENDPOINTS, API)
    wanted = set(_references(found))
    there = {f"#/components/schemas/{name}" for name in found["components"]["schemas"]}
    assert wanted <= there
    assert {"#/components/schemas/Problem", "#/components/schemas/Job"} <= wanted
    for path, methods in found["paths"].items():
        for method in methods.values():
            told = {one["name"] for one in method["parameters"] if one["in"] == "path"}
            assert told == set(re.findall(r"{(\w+)}", path))


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        yield from ([part["$ref"]] if "$ref" in part else [])
        for inner in part.values():
            yield from _references(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _references(inner)


def test_names_of_operations_differ() -> None:
    """Clients are made with these names."""
    names = [one.name for one in ENDPOINTS]
    assert len(names) == len(set(names))


def test_all_has_words() -> None:
    """Every endpoint says what it does, in a sentence."""
    assert [named(one) for one in ENDPOINTS if not one.words.partition("\n")[0].endswith(".")] == []


def test_permissions_are_needed_by_somebody() -> None:
    """No permission is there for nothing; verbs of operations need those of single jobs."""
    needed = {one.needs for one in ENDPOINTS} | {"jobs.reveal"}
    assert needed - {None} == PERMISSIONS


@pytest.mark.parametrize("one", CHANGES, ids=named)
def test_who_may_only_read_changes_nothing(app: App, one: Endpoint) -> None:
    """Each endpoint that changes anything is refused to a reader, by itself (O160)."""
    site = Site(app, auth=lambda _: READER)
    wish = {"verb": "delete", "filter": "state:dead", "label": "x", "job": "x"}
    body = wish if one.name in _BODIES else {}
    more = {"json": _body(one, body)} if one.body else {}
    path = path_of(one.path, **{name: EVERY_NAME[name] for name in one.in_path})
    assert site.refused("POST", path, **more) == (403, "forbidden")


_BODIES = ("start_operation", "make_mark", "enqueue_job")


def _body(one: Endpoint, values: dict[str, str]) -> dict[str, str]:
    assert one.body is not None
    names = {field.name for field in msgspec.structs.fields(one.body)}
    return {name: value for name, value in values.items() if name in names}


def test_reading_changes_nothing() -> None:
    """No GET needs more than a right to read: what changes anything is posted."""
    needed = {one.needs for one in ENDPOINTS if one.method == "GET"}
    assert needed == {"read", "server.read", None}
