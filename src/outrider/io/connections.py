"""How a URL becomes a connection of redis-py, with nothing left to its defaults.

redis-py sends a command again when the reply was lost (one RPUSH became three jobs, measured), so
its retries are off; `exchange.py` has our own, for requests that may be sent twice.
"""

from __future__ import annotations

import re
from typing import Any

from outrider.errors import ConfigError

SCHEMES = ("redis", "rediss", "valkey", "valkeys", "unix")
# Up to the last @: an unquoted sign in a password must not bring the rest of it to light.
_PASSWORD = re.compile(r"(://[^:@]*:).*(?=@)|([?&]password=)[^&#]*")
_OURS_TO_THEIRS = {"valkey": "redis", "valkeys": "rediss"}


class Address:
    """Where the server is, and how long a single answer may take (`timeout`, seconds).

    Raises ConfigError when the URL cannot be understood.
    """

    def __init__(self, url: str, timeout: float = 5.0) -> None:
        scheme, _, rest = url.partition("://")
        if scheme not in SCHEMES or not rest:
            known = ", ".join(f"{name}://" for name in SCHEMES)
            raise ConfigError(f"{hide_password(url)!r} is no server URL; it begins with {known}")
        self.url = f"{_OURS_TO_THEIRS.get(scheme, scheme)}://{rest}"
        self.timeout = timeout

    def __str__(self) -> str:
        return hide_password(self.url)

    def connection(self) -> Any:
        """A new connection for threads, not yet connected."""
        from redis.connection import Connection, parse_url

        return self._make(parse_url, Connection)

    def async_connection(self) -> Any:
        """A new connection for asyncio, not yet connected."""
        from redis.asyncio.connection import Connection, parse_url

        return self._make(parse_url, Connection)

    def _make(self, parse_url: Any, default: Any) -> Any:
        try:
            options = parse_url(self.url)
            kind = options.pop("connection_class", default)
            options |= {
                "socket_timeout": self.timeout,
                "socket_connect_timeout": self.timeout,
                "protocol": 2,
                "retry": None,
                "health_check_interval": 0,
                "driver_info": None,
            }
            if "path" not in options:
                options["socket_keepalive"] = True
            return kind(**options)
        except (ValueError, TypeError) as error:
            # After "as" stands a piece of the URL, which may be of the password.
            reason = str(error).partition(" as ")[0]
            raise ConfigError(f"cannot use the server URL {self}: {reason}") from None


def hide_password(url: str) -> str:
    """The URL as it may be shown and logged."""
    return _PASSWORD.sub(lambda found: f"{found[1] or found[2]}***", url)
