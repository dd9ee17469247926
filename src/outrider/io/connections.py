"""How a URL becomes a connection of redis-py, with nothing left to its defaults.

redis-py sends a command again when the reply was lost (one RPUSH became three jobs, measured), so
its retries are off; `exchange.py` has our own, for requests that may be sent twice.
"""

from __future__ import annotations

import re
from typing import Any

from outrider.errors import ConfigError
from outrider.io import sentinel
from outrider.io.primary import asynchronous, threaded

SCHEMES = ("redis", "rediss", "valkey", "valkeys", "unix", "sentinel", "sentinels")
# Up to the last @: an unquoted sign in a password must not bring the rest of it to light.
_PASSWORD = re.compile(r"(://[^:@]*:).*(?=@)|([?&](?:sentinel_)?password=)[^&#]*")
_OURS_TO_THEIRS = {"valkey": "redis", "valkeys": "rediss"}


class Address:
    """Where the server is, and how long a single answer may take (`timeout`, seconds).

    Behind sentinels each try takes a part of it, so that another server may be found in time.
    Raises ConfigError when the URL cannot be understood.
    """

    def __init__(self, url: str, timeout: float = 5.0) -> None:
        scheme, _, rest = url.partition("://")
        if scheme not in SCHEMES or not rest:
            known = ", ".join(f"{name}://" for name in SCHEMES)
            raise ConfigError(f"{hide_password(url)!r} is no server URL; it begins with {known}")
        self._shown = hide_password(url)
        self.url = f"{_OURS_TO_THEIRS.get(scheme, scheme)}://{rest}"
        self._sentinels: sentinel.Sentinels | None = None
        if scheme.startswith("sentinel"):
            self.url, self._sentinels = sentinel.parse(rest, secure=scheme == "sentinels")
        self.timeout = timeout
        # How long an answer may take, and connecting.
        self.answering = timeout if self._sentinels is None else timeout / 2
        self.connecting = timeout if self._sentinels is None else timeout / 4

    def __str__(self) -> str:
        return self._shown

    def connection(self) -> Any:
        """A new connection for threads, not yet connected."""
        from redis import connection

        return self._make(connection, threaded)

    def async_connection(self) -> Any:
        """A new connection for asyncio, not yet connected."""
        from redis.asyncio import connection

        return self._make(connection, asynchronous)

    def _make(self, theirs: Any, refined: Any) -> Any:
        from redis.exceptions import RedisError

        try:
            options = theirs.parse_url(self.url)
            kind = options.pop("connection_class", theirs.Connection)
            options |= self._fixed(self.answering, self.connecting)
            if "path" not in options:
                options["socket_keepalive"] = True
            if self._sentinels is None:
                return kind(**options)
            return refined(kind)(self._sentinels, *self._link(theirs, options), **options)
        except (ValueError, TypeError, RedisError) as error:
            # After "as" stands a piece of the URL, which may be of the password.
            reason = str(error).partition(" as ")[0]
            raise ConfigError(f"cannot use the server URL {self}: {reason}") from None

    def _link(self, theirs: Any, options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Class and options of connections to the sentinels."""
        assert self._sentinels is not None
        linking = self._fixed(self.connecting, self.connecting) | self._sentinels.login
        if not self._sentinels.secure:
            return theirs.Connection, linking
        tls = {name: value for name, value in options.items() if name.startswith("ssl_")}
        return theirs.SSLConnection, linking | tls

    @staticmethod
    def _fixed(answer: float, connect: float) -> dict[str, Any]:
        return {
            "socket_timeout": answer,
            "socket_connect_timeout": connect,
            "protocol": 2,
            "retry": None,
            "health_check_interval": 0,
            "driver_info": None,
        }


def hide_password(url: str) -> str:
    """The URL as it may be shown and logged."""
    return _PASSWORD.sub(lambda found: f"{found[1] or found[2]}***", url)
