"""What every request passes: the host it names, the site it comes from, headers of the answer."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any

from outrider.web.auth import Scope, header, peer
from outrider.web.problems import Refusal

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGI = Callable[[Scope, Receive, Send], Awaitable[None]]

LOCAL = ("localhost", "127.0.0.1", "[::1]")
_PROXIED = (b"forwarded", b"via", b"x-real-ip")
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'; object-src 'none'"
)
HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


def check_host(scope: Scope, allowed: Collection[str]) -> None:
    """Refuse a request that names another host.

    Else a foreign page whose name leads to this address (DNS rebinding) could read what is
    open to this machine only.
    """
    host = header(scope, "host")
    name = (host.rpartition(":")[0] if _has_port(host) else host).lower().rstrip(".")
    if not any(_fits(name, one.lower()) for one in allowed):
        raise Refusal(
            421, "wrong-host", f"{host!r} is not a host that this answers for: see allowed_hosts"
        )


def is_here(scope: Scope) -> bool:
    """Whether a program on this machine asks directly.

    Not through a proxy, behind which everybody would be here, nor where this is a part of a site.
    """
    try:
        address = ipaddress.ip_address(peer(scope))
    except ValueError:
        return False
    passed_on = any(
        name in _PROXIED or name.startswith(b"x-forwarded") for name, _ in scope["headers"]
    )
    return address.is_loopback and not passed_on and not scope.get("root_path")


def check_origin(scope: Scope) -> None:
    """Refuse what changes anything when a page of another site asks for it.

    Browsers say so in Sec-Fetch-Site, old ones in Origin; what sends neither is no browser, and no
    page can make it send a user's credentials.
    """
    if scope["method"] in _SAFE_METHODS:
        return
    site = header(scope, "sec-fetch-site")
    if site:
        same = site in ("same-origin", "none")
    else:
        origin = header(scope, "origin").partition("://")[2]
        same = not _has(scope, "origin") or origin == header(scope, "host") != ""
    if not same:
        raise Refusal(403, "cross-origin", "a page of another site asked for this")


def with_headers(send: Send, request_id: str) -> Send:
    """Sends each answer with the headers that all have, unless it says otherwise."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = message.setdefault("headers", [])
            given = {name for name, _ in headers}
            told = HEADERS | {"x-request-id": request_id}
            pairs = ((name.encode(), value.encode()) for name, value in told.items())
            message["headers"] = [*headers, *(pair for pair in pairs if pair[0] not in given)]
        await send(message)

    return sending


def _has(scope: Scope, name: str) -> bool:
    return any(key == name.encode() for key, _ in scope["headers"])


def _has_port(host: str) -> bool:
    return ":" in host and not host.endswith("]")


def _fits(name: str, allowed: str) -> bool:
    if allowed.startswith("*."):
        return name.endswith(allowed[1:])
    return allowed in ("*", name)
