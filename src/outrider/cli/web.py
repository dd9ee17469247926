"""`outrider web`: the web application, for this machine unless more is asked for."""

from __future__ import annotations

import asyncio
import importlib
import ipaddress
import signal
import socket
from typing import Any

import click

from outrider import config, logs
from outrider.app import App
from outrider.errors import ConfigError
from outrider.worker.target import load

PORT = 7433
_GRACE = 5
"""Seconds that answers have to end when it stops: some clients listen for ever."""


@click.command(short_help="Serve the JSON API of an app.")
@click.argument("target")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=PORT, show_default=True, help="0: any."
)
@click.option("--auth", metavar="MODULE:NAME", help="Who may ask: see outrider.web.auth.")
@click.option(
    "--allow-host", "hosts", multiple=True, metavar="NAME", help="A host name it answers for."
)
@click.option("--i-know-this-is-open", is_flag=True, help="Let everybody in who can reach it.")
@click.option("--log-level", type=click.Choice(logs.LEVELS), default="info", show_default=True)
def web(
    target: str,
    host: str,
    port: int,
    auth: str | None,
    hosts: tuple[str, ...],
    i_know_this_is_open: bool,
    log_level: str,
) -> None:
    """Serve the jobs and batches of TARGET as JSON: module:attribute, or a module with an `app`.

    Open to everybody on this machine, and to nobody else. To listen elsewhere say who may ask, by
    --auth or a token in OUTRIDER_WEB_TOKEN.
    """
    logs.configure(log_level)
    app = load(target)
    site = _site(app, host, auth, hosts, i_know_this_is_open)
    _ = app.stats.read()  # an unreachable server is told at once
    app.close()
    _serve(site, host, port)


def _site(app: App, host: str, auth: str | None, hosts: tuple[str, ...], is_open: bool) -> Any:
    try:
        import uvicorn  # noqa: F401 - said here when it is missing, not after all else is done

        from outrider.web.application import create_app
        from outrider.web.auth import bearer, first_of
        from outrider.web.guard import LOCAL
        from outrider.web.principals import Principal
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"the web application needs {error.name}: pip install 'outrider[web]'"
        ) from None
    ways = [] if auth is None else [_named(auth)]
    if token := config.web_token():
        ways.append(bearer({token: Principal("token")}))
    if not ways and not _is_local(host) and not is_open:
        raise ConfigError(
            f"--host {host} would let everybody in: set OUTRIDER_WEB_TOKEN, give --auth, or "
            "--i-know-this-is-open"
        )
    return create_app(
        app,
        auth=first_of(*ways) if ways else None,
        allow_anonymous=is_open or not ways,
        allowed_hosts=hosts or ((host, *LOCAL) if _is_local(host) else ("*",)),
    )


def _serve(site: Any, host: str, port: int) -> None:
    import uvicorn

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        why = str(error.strerror).partition(" (while")[0]
        raise ConfigError(f"can't listen on {host}, port {port}: {why}; see --port") from None
    name = f"[{host}]" if ":" in host else host
    click.echo(f"http://{name}:{listening.getsockname()[1]}")

    class Server(uvicorn.Server):
        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            site.state.streams.end()
            await super().shutdown(sockets)

    server = Server(
        uvicorn.Config(
            site,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=_GRACE,
        )
    )
    # uvicorn sends itself again what has stopped it: that is no failure here.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    asyncio.run(server.serve([listening]))


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _named(text: str) -> Any:
    """The function that `module:name` stands for."""
    module, _, name = text.partition(":")
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ImportError as error:
        raise ConfigError(f"--auth {text}: {error}") from None
    if not callable(found):
        raise ConfigError(f"--auth {text}: there is no such function; write module:name")
    return found
