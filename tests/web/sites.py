"""Sites that have mounted the status endpoint, on real servers; streams as a browser reads them."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.util import shift_path_info
from wsgiref.validate import validator

import httpx
import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from outrider import App
from tests.process.harness import until


@dataclass
class Message:
    """One event, as a browser has it."""

    name: str
    data: Any
    id: str


class Site:
    """A site whose endpoint is at `base`."""

    def __init__(self, base: str, kind: str) -> None:
        self.base, self.kind = base, kind

    def ask(self, path: str, method: str = "GET", **headers: str) -> httpx.Response:
        """One request."""
        return httpx.request(method, self.base + path, headers=headers, timeout=20)

    @contextmanager
    def stream(self, bid: str, seen: str = "") -> Iterator[Iterator[str]]:
        """The lines of a stream of events."""
        headers = {"Last-Event-ID": seen} if seen else {}
        with httpx.stream("GET", f"{self.base}/{bid}/events", headers=headers, timeout=20) as one:
            assert one.status_code == 200, one.read()
            assert one.headers["content-type"] == "text/event-stream; charset=utf-8"
            yield one.iter_lines()

    def told(self, bid: str, seen: str = "") -> list[Message]:
        """All events of one stream, until it ends."""
        with self.stream(bid, seen) as lines:
            return list(messages(lines))


def messages(lines: Iterator[str]) -> Iterator[Message]:
    """The events of a stream's lines: an empty line ends each; what has no data is none."""
    found: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            found[name] = value
            continue
        if "data" in found:
            data = msgspec.json.decode(found["data"])
            yield Message(found.get("event", "message"), data, found.get("id", ""))
        found = {}


@contextmanager
def uvicorn_site(application: Any, path: str = "", kind: str = "asgi") -> Iterator[Site]:
    """Served by uvicorn, which finds out by itself what it is given."""
    config = uvicorn.Config(application, host="127.0.0.1", port=0, log_level="error", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started, "uvicorn serves")
        port = server.servers[0].sockets[0].getsockname()[1]
        yield Site(f"http://127.0.0.1:{port}{path}", kind)
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


@contextmanager
def starlette_site(app: App, endpoint: Any) -> Iterator[Site]:
    """Mounted below a path of an application with a life of its own."""

    @asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        yield
        await app.aclose()

    mounted = Starlette(routes=[Mount("/of/{user}/batches", app=endpoint)], lifespan=life)
    with uvicorn_site(mounted, "/of/jane/batches") as site:
        yield site


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Handler(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def wsgi_site(endpoint: Any) -> Iterator[Site]:
    """Below a path of a threaded server, which also checks that WSGI is kept to."""

    def mounted(environ: dict[str, Any], start: Any) -> Any:
        shift_path_info(environ)
        environ["wsgi.multithread"] = True  # it says no, as if it were not `_Server`
        return validator(endpoint)(environ, start)

    with make_server("127.0.0.1", 0, mounted, _Server, _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield Site(f"http://127.0.0.1:{server.server_port}/batches", "wsgi")
        finally:
            server.shutdown()
            thread.join(30)


@contextmanager
def serving(kind: str, app: App, endpoint: Any) -> Iterator[Site]:
    """A site of this kind."""
    if kind == "wsgi":
        with wsgi_site(endpoint) as site:
            yield site
    elif kind == "mounted":
        with starlette_site(app, endpoint) as site:
            yield site
    else:
        with uvicorn_site(endpoint) as site:
            yield site


KINDS = ("alone", "mounted", "wsgi")
