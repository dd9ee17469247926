"""Nothing connects before something is asked of the server."""

from __future__ import annotations

import socket

import pytest

from outrider import App, StoreUnavailable


def test_apps_jobs_and_batches_are_made_without_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules that define jobs can be imported anywhere: the first connection is for a request.

    P132.
    """
    tried: list[object] = []

    def connect(self: socket.socket, address: object) -> None:
        tried.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket.socket, "connect", connect)
    app = App("redis://127.0.0.1:1/0", timeout=0.05)

    @app.job
    def resize(image: int) -> None: ...

    batch = app.batch(description="nobody asks yet").on("success", resize)
    resize(1)
    assert (tried, bool(batch.bid)) == ([], True)
    with pytest.raises(StoreUnavailable):
        resize.enqueue(1)
    assert tried
    app.close()
