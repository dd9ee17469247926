"""Ways to tell who asks, for `create_app(app, auth=...)`.

Each is a function of an ASGI scope that returns a Principal, or None for whom it does not know; one
of your own may be `async def`. `first_of` asks several, one after the other.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import inspect
import ipaddress
import os
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping
from typing import Any

from outrider.errors import ConfigError
from outrider.web.principals import PERMISSIONS, Principal

Scope = MutableMapping[str, Any]
Auth = Callable[[Scope], "Principal | Awaitable[Principal | None] | None"]

_COST = {"n": 1 << 14, "r": 8, "p": 1}


def header(scope: Scope, name: str) -> str:
    """The value of a request header, "" where there is none or more than one."""
    found = [value for key, value in scope["headers"] if key == name.encode()]
    return found[0].decode("latin-1").strip() if len(found) == 1 else ""


def peer(scope: Scope) -> str:
    """The address that the request came from; "" where that is no network address."""
    client = scope.get("client")
    return str(client[0]) if client else ""


async def ask(auth: Auth, scope: Scope) -> Principal | None:
    """What an auth function says, whether it is a coroutine or not; TypeError for nonsense."""
    answer = auth(scope)
    who = await answer if inspect.isawaitable(answer) else answer
    if not isinstance(who, Principal | None):
        raise TypeError(f"auth has to return a Principal or None, not {type(who).__name__}")
    return who


def first_of(*ways: Auth) -> Auth:
    """Whom the first of these knows that knows anybody."""

    async def first(scope: Scope) -> Principal | None:
        for way in ways:
            if (who := await ask(way, scope)) is not None:
                return who
        return None

    return first


def bearer(tokens: Mapping[str, Principal]) -> Auth:
    """Programs that send `Authorization: Bearer <token>`. Raises ConfigError for a short token."""
    if any(len(token) < 16 for token in tokens):
        raise ConfigError("a token has 16 characters at least: take secrets.token_urlsafe()")
    known = {_digest(token): who for token, who in tokens.items()}

    def look(scope: Scope) -> Principal | None:
        kind, _, token = header(scope, "authorization").partition(" ")
        if kind.lower() != "bearer":
            return None
        # By digest, so that the time it takes says nothing of the token.
        return known.get(_digest(token.strip()))

    return look


def hash_password(password: str) -> str:
    """A password as `basic` takes it: salted and hashed with scrypt."""
    salt = os.urandom(16)
    return f"{salt.hex()}${_scrypt(password, salt).hex()}"


def basic(users: Mapping[str, tuple[str, Collection[str]]]) -> Auth:
    """People who log in by the browser's own dialogue.

    `users` are names with the hash of a password (`hash_password`) and permissions. Use it with TLS
    only: passwords travel with each request. Raises ConfigError for what is no hash.
    """
    people = {name: Principal(name, permissions) for name, (_, permissions) in users.items()}
    hashes = {name: _parts(name, text) for name, (text, _) in users.items()}
    key, proven = os.urandom(32), dict[str, bytes]()

    async def look(scope: Scope) -> Principal | None:
        name, password = _credentials(header(scope, "authorization"))
        # An unknown name takes as long as a known one.
        salt, digest = hashes.get(name, (b"", b""))
        mark = hmac.digest(key, password.encode(), "sha256")
        if not hmac.compare_digest(proven.get(name, b""), mark):
            found = await asyncio.to_thread(_scrypt, password, salt) if name else b""
            if not digest or not hmac.compare_digest(found, digest):
                return None
            proven[name] = mark
        return people[name]

    look.challenge = "Basic"  # type: ignore[attr-defined]
    return look


def proxy(name: str, *, peers: Collection[str], permissions: Collection[str] = PERMISSIONS) -> Auth:
    """Whom a proxy in front has logged in: it says so in the header `name`.

    It is believed only when it connects from one of `peers`, addresses or networks, and it must
    take that header out of what it passes on. Raises ConfigError for what is no network.
    """
    try:
        networks = [ipaddress.ip_network(one) for one in peers]
    except ValueError as error:
        raise ConfigError(f"peers: {error}") from None

    def look(scope: Scope) -> Principal | None:
        try:
            address = ipaddress.ip_address(peer(scope))
        except ValueError:
            return None
        said = header(scope, name.lower())
        trusted = any(address in network for network in networks)
        return Principal(said, permissions) if said and trusted else None

    return look


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _scrypt(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, **_COST)


def _parts(name: str, text: str) -> tuple[bytes, bytes]:
    salt, _, digest = text.partition("$")
    try:
        return bytes.fromhex(salt), bytes.fromhex(digest)
    except ValueError:
        raise ConfigError(f"the password of {name!r} is not hashed: use hash_password") from None


def _credentials(value: str) -> tuple[str, str]:
    kind, _, text = value.partition(" ")
    if kind.lower() != "basic":
        return "", ""
    try:
        name, _, password = base64.b64decode(text.strip(), validate=True).decode().partition(":")
    except ValueError:  # of either: no base64, no UTF-8
        return "", ""
    return name, password
