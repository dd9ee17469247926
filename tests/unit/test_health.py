"""The health endpoint: what it answers to whom."""

from __future__ import annotations

import json
import socket
from http.client import HTTPConnection
from typing import Any

import pytest

from outrider import ConfigError
from outrider.worker import health as module
from outrider.worker.health import Health, address
from outrider.worker.vitals import Verdict

WELL, AWAY, ILL = (
    Verdict(True, True, []),
    Verdict(True, False, ["the server is away"]),
    Verdict(False, False, ["child 1 has claimed nothing for 61 s"]),
)


class Served:
    """An endpoint that tells of whatever is set here."""

    def __init__(self) -> None:
        self.verdict = WELL
        self.health = Health("127.0.0.1", 0, lambda: self.verdict)
        self.health.start()

    def ask(self, path: str, method: str = "GET") -> tuple[int, Any]:
        """Status and content of an answer."""
        connection = HTTPConnection(self.health.address, timeout=20)
        connection.request(method, path)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, json.loads(body) if body else None

    def send(self, text: bytes) -> bytes:
        """What it says to this, until it closes."""
        host, _, port = self.health.address.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=20) as line:
            line.sendall(text)
            parts = [b"?"]
            while parts[-1]:
                try:
                    parts.append(line.recv(65_536))
                except ConnectionResetError:
                    break
        return b"".join(parts[1:])


@pytest.fixture(scope="module")
def served() -> Served:
    """One endpoint for all these tests."""
    return Served()


@pytest.mark.parametrize(
    ("verdict", "live", "ready"), [(WELL, 200, 200), (AWAY, 200, 503), (ILL, 503, 503)]
)
def test_the_status_is_the_verdict(served: Served, verdict: Verdict, live: int, ready: int) -> None:
    """Orchestrators look at the status alone; people find the reasons."""
    served.verdict = verdict
    for path, status in (("/live", live), ("/ready", ready), ("/live?full=1", live)):
        assert served.ask(path) == (status, verdict._asdict())
        assert served.ask(path, "HEAD") == (status, None)


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [("/", "GET", 404), ("/live/", "GET", 404), ("/live", "POST", 405), ("/ready", "PUT", 405)],
)
def test_there_is_nothing_else(served: Served, path: str, method: str, status: int) -> None:
    """Nothing can be changed here, and nothing else is told."""
    found, content = served.ask(path, method)
    assert (found, content.keys()) == (status, {"error"})


@pytest.mark.parametrize(
    "text",
    [b"", b"\r\n\r\n", b"GET\r\n\r\n", b"\xff\x00 \xff\r\n\r\n", b"GET /live", b"x" * 100_000],
    ids=range(6),
)
def test_no_request_harms_it(served: Served, text: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever says nothing that can be understood, or too slowly, is let go; it answers others."""
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    served.verdict = WELL
    answer = served.send(text)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 404 Not Found\r\n")
    assert served.ask("/live")[0] == 200


def test_slow_ones_hold_up_nobody(served: Served) -> None:
    """A hundred who say nothing, and one who asks."""
    host, _, port = served.health.address.rpartition(":")
    silent = [socket.create_connection((host, int(port)), timeout=20) for _ in range(100)]
    served.verdict = WELL
    assert served.ask("/live")[0] == 200
    for line in silent:
        line.close()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("7434", ("127.0.0.1", 7434)),
        (":7434", ("127.0.0.1", 7434)),
        ("0.0.0.0:80", ("0.0.0.0", 80)),
        ("[::1]:7434", ("::1", 7434)),
        ("worker.local:0", ("worker.local", 0)),
    ],
)
def test_addresses(text: str, found: tuple[str, int]) -> None:
    """Without a host it is this machine alone."""
    assert address(text) == found


@pytest.mark.parametrize(
    "text", ["", "localhost", "7434:", "1:x", "1:70000", "1:-1", "1:²", "9" * 5000]
)
def test_wrong_addresses(text: str) -> None:
    """A port that is none is told at once."""
    with pytest.raises(ConfigError, match="say HOST:PORT, or PORT on this machine"):
        address(text)


def test_a_port_that_is_taken(served: Served) -> None:
    """The worker does not start: a probe would ask somebody else."""
    host, _, port = served.health.address.rpartition(":")
    with pytest.raises(ConfigError, match=rf"--health {host}:{port}: Address already in use"):
        Health(host, int(port), lambda: WELL)
