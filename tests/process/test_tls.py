"""TLS: who is not the server is told nothing, and the user is told why."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from outrider import App, StoreUnavailable
from tests.process.harness import ask, load_work, outrider
from tests.tls.front import FOLDER, Front

TRUSTED = f"ssl_ca_certs={FOLDER / 'ca.pem'}"
Open = Callable[..., Front]
REFUSED = [
    ("good", "", "unable to get local issuer certificate"),
    ("good", f"ssl_ca_certs={FOLDER / 'stranger.pem'}", "unable to get local issuer certificate"),
    ("expired", TRUSTED, "certificate has expired"),
    ("elsewhere", TRUSTED, "certificate is not valid for 'localhost'"),
    ("good", "ssl_ca_certs=/no/such/file", "No such file or directory"),
]


@pytest.fixture
def front(app: App) -> Iterator[Open]:
    """TLS in front of the server, with a certificate."""
    opened: list[Front] = []

    def start(certificate: str = "good") -> Front:
        opened.append(Front(app.url, certificate))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def address(front: Front, query: str = TRUSTED, host: str = "localhost") -> str:
    """Its URL, for a user with a password."""
    return f"rediss://default:s3cret@{host}:{front.port}/0?{query}"


def failure(url: str, *, is_async: bool) -> str:
    """What enqueueing there says."""
    app = App(url, timeout=0.3)
    with pytest.raises(StoreUnavailable) as caught:
        asyncio.run(app.aenqueue("some.job")) if is_async else app.enqueue("some.job")
    assert caught.value.executed is False
    return str(caught.value)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
@pytest.mark.parametrize("is_async", [False, True])
def test_a_server_that_is_who_it_says(app: App, front: Open, host: str, is_async: bool) -> None:
    """With the authority that signed it, by name and by address."""
    theirs = App(address(front(), host=host))

    async def enqueue() -> None:
        await theirs.aenqueue("some.job")
        await theirs.aclose()

    if is_async:
        asyncio.run(enqueue())
    else:
        theirs.enqueue("some.job")
    theirs.close()
    assert app.queues["default"].size == 1


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize(("certificate", "query", "why"), REFUSED)
def test_a_server_that_is_not(
    app: App, front: Open, certificate: str, query: str, why: str, is_async: bool
) -> None:
    """Unknown authority, out of time, another host: one error says which, and nothing was sent."""
    behind = front(certificate)
    told = failure(address(behind, query), is_async=is_async)
    assert why in told
    assert "s3cret" not in told
    assert behind.passed == 0
    assert app.queues["default"].size == 0


def test_a_server_without_tls(app: App) -> None:
    """There is no way back to plain text: not even the password is sent."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def listen() -> None:
            while True:
                try:
                    client, _ = listening.accept()
                except OSError:
                    return
                with client:
                    heard.append(client.recv(4096))
                    client.sendall(b"+OK\r\n")

        thread = threading.Thread(target=listen)
        thread.start()
        port = listening.getsockname()[1]
        told = failure(f"rediss://default:s3cret@localhost:{port}/0", is_async=False)
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()
    assert "s3cret" not in told
    assert heard
    assert all(b"s3cret" not in words and b"AUTH" not in words for words in heard)


def test_a_certificate_that_is_replaced(app: App, front: Open) -> None:
    """Connections that stand go on; new ones go by the new certificate, good or bad."""
    behind = front()
    first = App(address(behind))
    first.enqueue("some.job")
    behind.show("elsewhere")
    first.enqueue("some.job")
    assert "not valid for" in failure(address(behind), is_async=False)
    behind.show("good")
    second = App(address(behind))
    second.enqueue("some.job")
    first.close()
    second.close()
    assert app.queues["default"].size == 3


def test_a_worker_begins_only_with_the_right_server(tmp_path: Path, app: App, front: Open) -> None:
    """It ends with the reason and without the password; with the right one it works."""
    load_work(tmp_path, address(front("expired")), timeout=0.5).app.close()
    ran = outrider(tmp_path, "worker", "work", "--drain")
    last = ran.stderr.splitlines()[-1]
    assert (ran.returncode, "certificate has expired" in last) == (1, True)
    assert "s3cret" not in ran.stderr
    work = load_work(tmp_path, address(front()))
    work.mark.enqueue(1)
    assert outrider(tmp_path, "worker", "work", "--drain").returncode == 0
    assert ask(app, "EXISTS", "queue:default") == 0
    ran = outrider(tmp_path, "doctor", "work")
    assert ran.returncode == 0
    assert ran.stdout.startswith("server at rediss://default:***@localhost")
    work.app.close()
