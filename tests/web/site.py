"""Asks a web application as a client does, without a network."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx

from outrider import App
from outrider.web import create_app
from outrider.web.principals import READ_ONLY, Principal
from tests.app.conftest import loop

API = "/api/v1"
Response = httpx.Response


class Site:
    """A web application of `create_app(app, **settings)`, asked as `base`."""

    def __init__(self, app: App, base: str = "http://127.0.0.1:7433", **settings: Any) -> None:
        self.app = app
        self.base = base
        self.asgi: Any = create_app(app, **settings)

    def ask(self, method: str, path: str, peer: str = "127.0.0.1", **more: Any) -> Response:
        """One request."""
        return loop(self.app, self._ask(method, path, peer, more))

    async def _ask(self, method: str, path: str, peer: str, more: dict[str, Any]) -> Response:
        transport = httpx.ASGITransport(self.asgi, client=(peer, 5000))
        async with httpx.AsyncClient(transport=transport, base_url=self.base) as client:
            return await client.request(method, path, **more)

    def get(self, path: str, **parameters: Any) -> Any:
        """What the API answers."""
        answer = self.ask("GET", API + path, params=parameters or None)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        """What the API answers to a post."""
        more: dict[str, Any] = {"headers": headers} | ({} if body is None else {"json": body})
        answer = self.ask("POST", API + path, **more)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def refused(self, method: str, path: str, **more: Any) -> tuple[int, str]:
        """The status, and the name of the problem."""
        answer = self.ask(method, API + path, **more)
        assert answer.headers["content-type"] == "application/problem+json", answer.text
        problem = answer.json()
        assert problem["status"] == answer.status_code
        assert problem["request_id"] == answer.headers["x-request-id"]
        return answer.status_code, problem["type"].removeprefix("urn:outrider:problem:")


def path_of(template: str, **names: str) -> str:
    """A path with these names in it, quoted."""
    return template.format(**{name: quote(value, safe="") for name, value in names.items()})


READER = Principal("reader", READ_ONLY)
EVERY_NAME = {
    "name": "x",
    "jid": "0" * 24,
    "bid": "0" * 16,
    "id": "0" * 16,
    "fingerprint": "0" * 16,
    "identity": "host:1:0",
    "set": "dead",
}
"""A value for each parameter that stands in a path."""
