"""Where settings come from: arguments first, then the environment, then what is safe."""

from __future__ import annotations

import os

from outrider.errors import ConfigError

EMBEDDED = "embedded://"


def server_url(given: str | None) -> str:
    """The URL to use: what was given, else OUTRIDER_URL, else REDIS_URL.

    With none of them the embedded server is meant, but only under `outrider demo`, `outrider dev`
    and pytest: in production a forgotten setting must not become an empty server. Raises
    ConfigError there.
    """
    url = given or _configured()
    if url:
        return url
    if is_tested():
        return EMBEDDED
    raise ConfigError(
        "no server is configured: give App (or a command, as --url) a URL, or set OUTRIDER_URL or "
        "REDIS_URL (redis://localhost:6379/0); for a server of its own, App('embedded://')"
    )


def is_tested() -> bool:
    """Whether this runs under pytest."""
    return "PYTEST_VERSION" in os.environ


def web_token() -> str | None:
    """The token that programs give `outrider web`: OUTRIDER_WEB_TOKEN."""
    return os.environ.get("OUTRIDER_WEB_TOKEN")


def is_configured() -> bool:
    """Whether the environment names a server."""
    return bool(_configured())


def _configured() -> str | None:
    return os.environ.get("OUTRIDER_URL") or os.environ.get("REDIS_URL")
