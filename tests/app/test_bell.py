"""A waiter of an idle worker, by itself."""

from __future__ import annotations

import threading

import pytest

from outrider import App
from outrider.worker import bell
from outrider.worker.bell import Bell, Pauses
from tests.app.hands import put, write


def test_one_that_always_comes_too_late_goes_on(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """Among very many workers, or while a full server lets nobody wait, it may never be first."""
    monkeypatch.setattr(bell, "MAX_REST", 0.0)
    put(app, "default", write("x"))
    rung = threading.Event()
    one = Bell(app.executor, app.keys, "default", Pauses(app.executor, app.keys), rung.set)
    for _ in range(1100):
        one.arm()
        assert rung.wait(20.0)
        rung.clear()
        one.heard(useful=False)
