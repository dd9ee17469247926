"""The web application: the JSON API, and what guards it."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from functools import lru_cache
from html import escape
from http import HTTPStatus

import msgspec
from starlette.applications import Starlette
from starlette.convertors import Convertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from outrider import config
from outrider.app import App
from outrider.errors import ConfigError
from outrider.ids import new_jid
from outrider.metrics.prometheus import CONTENT_TYPE, render
from outrider.options import clean_names
from outrider.web import guard
from outrider.web.api import ENDPOINTS
from outrider.web.auth import Auth, Scope
from outrider.web.desk import REQUEST_ID, Desk
from outrider.web.openapi import describe
from outrider.web.principals import PERMISSIONS, Principal
from outrider.web.problems import Refusal, not_there, refusal_of
from outrider.web.serving import Handler, serve, tagged, to_problem
from outrider.web.showing import Redaction
from outrider.web.visit import Act

API = "/api/v1"
_log = logging.getLogger("outrider.web")
_SPELT = re.compile("~((?:[0-9a-fA-F]{2})+)")


class _Name(Convertor[str]):
    """A name in a path, of any characters: others may have pushed to a queue called `a/b`.

    `~` and the hex digits of its UTF-8 stand for any name, as for one that a path can't hold
    (`..`) or that means something else there (`a/jobs`).
    """

    regex = r"[\s\S]+"

    def convert(self, value: str) -> str:
        spelt = _SPELT.fullmatch(value)
        return bytes.fromhex(spelt[1]).decode("utf-8", "replace") if spelt else value

    def to_string(self, value: str) -> str:
        return value


class _Id(_Name):
    """An id of ours: what follows a colon is what to do."""

    regex = "[^/:]+"


register_url_convertor("name", _Name())
register_url_convertor("id", _Id())
_IDS = ("bid", "id", "set")
_IN_PATH = re.compile(r"\{(\w+)\}")


def create_app(
    app: App,
    *,
    auth: Auth | None = None,
    allow_anonymous: bool | Collection[str] | None = None,
    allowed_hosts: Collection[str] | None = None,
    redact: Collection[str] = (),
    on_act: Callable[[Act], None] | None = None,
    allow_enqueue: bool = False,
) -> Starlette:
    """An ASGI application to look at an app's jobs and batches and to operate on them.

    It runs by itself or mounted below any path. Until it is said who may ask, it answers programs
    on this machine that ask it directly, and mounted nobody. `auth` tells who it is (see
    `outrider.web.auth`); `allow_anonymous` lets in whom that does not know, with all permissions or
    with these. `allowed_hosts` are the host names it answers for (`*.example.com`, or `*` for any):
    any, but where somebody need not be known only this machine's. What has one of the words
    `redact` in its name is hidden like a password. `on_act` is told of everything that is changed,
    or refused, beside the log. With `allow_enqueue` registered jobs may be enqueued by who has the
    permission `jobs.enqueue`. Raises ConfigError for a wrong setting.
    """
    is_unsaid = auth is None and allow_anonymous is None
    if is_unsaid and config.is_tested():
        is_unsaid, allow_anonymous, allowed_hosts = False, True, allowed_hosts or ("*",)
    allowed = True if is_unsaid else allow_anonymous
    permissions = PERMISSIONS if allowed is True else allowed or ()
    anonymous = Principal("anonymous", permissions) if permissions else None
    # Who has to be known is no prey of a page whose name leads here.
    hosts = clean_names("allowed_hosts", allowed_hosts or ())
    hosts = hosts or (("*",) if anonymous is None else guard.LOCAL)
    redaction = Redaction(clean_names("redact", redact))
    desk = Desk(
        *(app, auth, anonymous, redaction, on_act),
        only_here=is_unsaid,
        allow_enqueue=allow_enqueue,
    )

    made = Starlette(
        routes=_routes(app, desk),
        lifespan=lambda _: _life(app),
        exception_handlers={HTTPException: _failed},
    )
    made.router.redirect_slashes = False
    made.state.streams = desk.streams
    made.add_middleware(_Guard, hosts=hosts)
    return made


def _routes(app: App, desk: Desk) -> list[Route]:
    async def measured(request: Request) -> Response:
        visit = await desk.welcome(request, "read")
        visit.require("read")
        stats, totals = await app.stats.aread(), await app.metrics.atotals()
        try:
            text = render(stats, totals)
        except ConfigError as error:
            raise Refusal(501, "not-installed", str(error)) from None
        return Response(text, media_type=CONTENT_TYPE)

    routes = [Route("/", _front), Route("/metrics", _Methods({"GET": measured}), methods=["GET"])]
    routes += [Route(path, _described) for path in (f"{API}/openapi.json", "/api/openapi.json")]
    paths: dict[str, dict[str, Handler]] = {}
    for one in ENDPOINTS:
        paths.setdefault(one.path, {})[one.method] = serve(one, desk.welcome, API)
    # The longest first: what ends with a word of its own goes before what takes any name.
    for path in sorted(paths, key=len, reverse=True):
        template = API + _IN_PATH.sub(_with_kind, path)
        routes.append(Route(template, _Methods(paths[path]), methods=[*paths[path]]))
    return routes


def _with_kind(found: re.Match[str]) -> str:
    return f"{{{found[1]}:{'id' if found[1] in _IDS else 'name'}}}"


@asynccontextmanager
async def _life(app: App) -> AsyncIterator[None]:
    yield
    await app.aclose()


class _Methods:
    """The methods of one path: an ASGI application that answers in problems whatever goes wrong."""

    def __init__(self, handlers: dict[str, Handler]) -> None:
        self._handlers = handlers

    async def __call__(self, scope: Scope, receive: guard.Receive, send: guard.Send) -> None:
        request = Request(scope, receive)
        method = "GET" if request.method == "HEAD" else request.method
        try:
            response = await self._handlers[method](request)
        except Exception as error:  # whatever it is, the client is told in the same form
            response = await _failed(request, error)
        await response(scope, receive, send)


class _Guard:
    """What comes before all else: hosts, sites, ids of requests, and headers."""

    def __init__(self, app: guard.ASGI, hosts: Collection[str]) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: guard.Receive, send: guard.Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = new_jid()
        scope[REQUEST_ID] = request_id
        send = guard.with_headers(send, request_id)
        try:
            guard.check_host(scope, self._hosts)
            guard.check_origin(scope)
        except Refusal as refusal:
            await to_problem(refusal, request_id)(scope, receive, send)
            return
        if scope["path"] == scope.get("root_path"):  # mounted, and asked for without its slash
            await RedirectResponse(f"{scope['path']}/")(scope, receive, send)
            return
        await self._app(scope, receive, send)


async def _failed(request: Request, error: Exception) -> Response:
    refusal = refusal_of(error)
    if isinstance(error, HTTPException) and error.status_code == HTTPStatus.NOT_FOUND:
        root = request.scope.get("root_path", "")
        refusal = not_there(f"nothing is at this path: {root}{API}/openapi.json has all there are")
    if refusal is None:
        _log.error("%s %s", request.method, request.url.path, exc_info=error)
        refusal = Refusal(500, "failed", "this was not foreseen: the log of the server has more")
    return to_problem(refusal, request.scope[REQUEST_ID])


async def _front(request: Request) -> Response:
    where = escape(f"{request.scope.get('root_path', '')}{API}/openapi.json")
    return HTMLResponse(
        "<!doctype html><html lang=en><meta charset=utf-8><title>Outrider</title><h1>Outrider</h1>"
        f'<p>The JSON API is described by <a href="{where}">{where}</a>.'
    )


async def _described(request: Request) -> Response:
    text = _description(request.scope.get("root_path", "") + API)
    return tagged(request, Response(text, media_type="application/json"))


@lru_cache(maxsize=16)
def _description(server: str) -> bytes:
    return msgspec.json.encode(describe(ENDPOINTS, server))
