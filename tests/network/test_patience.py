"""A producer without a buffer: one clear error, within its time-out, that says what is known."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from outrider import App, StoreError, StoreUnavailable
from tests.app.hands import listed
from tests.process.harness import measured
from tests.process.proxy import Proxy

TIMEOUT = 2.0
SLACK = 1.5
"""Less than the time-out, so that two of them in a row are seen, on a busy machine too."""


@pytest.fixture
def proxy(tmp_path: Path, url: str) -> Iterator[Proxy]:
    """A network of this test's own."""
    proxy = Proxy(tmp_path / "proxy.sock", url)
    yield proxy
    proxy.close()


@pytest.fixture(params=["sync", "async"])
def enqueue(request: pytest.FixtureRequest, proxy: Proxy) -> Iterator[Any]:
    """Enqueues a job through that network, after a first one that has connected."""
    app = App(proxy.url, timeout=TIMEOUT)
    is_async = request.param == "async"
    with asyncio.Runner() as runner:

        def enqueue() -> None:
            if is_async:
                runner.run(app.aenqueue("some.job"))
            else:
                app.enqueue("some.job")

        enqueue()
        yield enqueue
        runner.run(app.aclose())
    app.close()


def fails(enqueue: Any) -> StoreUnavailable:
    """The error, which came in time."""
    began = time.monotonic()
    with pytest.raises(StoreUnavailable) as caught:
        enqueue()
    took = time.monotonic() - began
    measured(f"raised after {took:.2f} s of {TIMEOUT}")
    assert TIMEOUT * 0.9 < took < TIMEOUT + SLACK
    return caught.value


def test_a_black_hole(enqueue: Any, proxy: Proxy) -> None:
    """Nobody answers on the connection that is there, nor on another: nothing is known (N2)."""
    proxy.severed = True
    error = fails(enqueue)
    assert error.executed is None
    assert "does not answer" in str(error)
    proxy.severed = False
    enqueue()


def test_a_black_hole_that_begins_late(enqueue: Any, proxy: Proxy) -> None:
    """The last attempt has only what is left of the time."""
    proxy.plan.extend(["request cut", "request cut"])
    proxy.plan.extend(["request swallowed"] * 9)
    assert fails(enqueue).executed is None


def test_a_connection_that_is_half_open(app: App, enqueue: Any, proxy: Proxy) -> None:
    """As a firewall leaves one that was idle for long: another one is tried in time (N2)."""
    proxy.plan.append("request swallowed")
    began = time.monotonic()
    enqueue()
    measured(f"enqueued after {time.monotonic() - began:.2f} s of {TIMEOUT}")
    assert len(listed(app)) == 2


def test_a_server_that_cannot_now(app: App, enqueue: Any, proxy: Proxy) -> None:
    """It was not executed, for certain; the error says what the server says (R5)."""
    proxy.answer = "LOADING Redis is loading the dataset in memory"
    error = fails(enqueue)
    assert error.executed is False
    assert str(error).endswith("cannot serve now (LOADING Redis is loading the dataset in memory)")
    proxy.answer = "READONLY You can't write against a read only replica."
    connections = proxy.connections
    assert fails(enqueue).executed is False
    assert proxy.connections > connections + 2, "another server may answer there"
    assert len(listed(app)) == 1


@pytest.mark.parametrize(
    "answer",
    [
        "NOAUTH Authentication required.",
        "WRONGPASS invalid username-password pair or user is disabled.",
        "NOPERM User app has no permissions to run the 'evalsha' command",
        "OOM command not allowed when used memory > 'maxmemory'.",
    ],
)
def test_a_refusal_is_raised_at_once(enqueue: Any, proxy: Proxy, answer: str) -> None:
    """It will be refused again (R5, R6)."""
    proxy.answer = answer
    with pytest.raises(StoreError) as caught:
        enqueue()
    assert not isinstance(caught.value, StoreUnavailable)
    assert answer in str(caught.value)
    assert sum(proxy.harmed.values()) == 0
    proxy.answer = ""
    enqueue()
