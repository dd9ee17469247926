"""A worker's health over HTTP, for orchestrators: GET /live and GET /ready.

The supervisor answers, on a thread of its own, whatever the children do. It tells no secrets, but
who can reach it can ask: by itself it listens on this machine only.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING

from outrider.errors import ConfigError

if TYPE_CHECKING:
    from outrider.worker.vitals import Verdict

PATIENCE = 2.0
LARGEST = 8192
LOOPBACK = "127.0.0.1"


def address(text: str) -> tuple[str, int]:
    """The host and port of "HOST:PORT", "[::1]:PORT" or "PORT"; ConfigError for anything else."""
    host, _, port = text.rpartition(":")
    if not (port.isascii() and port.isdigit()) or len(port) > 5 or int(port) > 65_535:
        raise ConfigError(f"{text!r} is no address: say HOST:PORT, or PORT on this machine")
    return host.strip("[]") or LOOPBACK, int(port)


class Health:
    """Listens from the start on; ConfigError where it can't."""

    def __init__(self, host: str, port: int, judge: Callable[[], Verdict]) -> None:
        self._judge = judge
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._socket = socket.create_server((host, port), family=family)
        except OSError as error:
            why = str(error.strerror).partition(" (while")[0]
            raise ConfigError(f"--health {host}:{port}: {why}") from error
        self.address = "{}:{}".format(*self._socket.getsockname()[:2])
        self._thread = threading.Thread(target=self._run, name="outrider-health", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._talk, sock=self._socket, limit=LARGEST)
        await server.serve_forever()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(self._answer(head.split(b"\r\n")[0].decode("latin-1")))
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # whoever asked is gone, or says nothing that can be answered
        finally:
            writer.close()

    def _answer(self, line: str) -> bytes:
        method, _, rest = line.partition(" ")
        path = rest.partition(" ")[0].partition("?")[0]
        if path not in ("/live", "/ready"):
            status, content = HTTPStatus.NOT_FOUND, {"error": "there are /live and /ready"}
        elif method not in ("GET", "HEAD"):
            status, content = HTTPStatus.METHOD_NOT_ALLOWED, {"error": "only GET and HEAD"}
        else:
            verdict = self._judge()
            good = verdict.alive if path == "/live" else verdict.ready
            status = HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE
            content = verdict._asdict()
        body = json.dumps(content).encode()
        lines = [
            f"HTTP/1.1 {status.value} {status.phrase}",
            "Content-Type: application/json",
            "Cache-Control: no-store",
            f"Content-Length: {len(body)}",
            "Connection: close",
            *(["Allow: GET, HEAD"] if status is HTTPStatus.METHOD_NOT_ALLOWED else []),
        ]
        return "\r\n".join([*lines, "", ""]).encode() + (b"" if method == "HEAD" else body)
