"""An app with a push buffer whose server goes away and comes back."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from outrider import App, ConfigError, PushBuffer
from outrider.buffer.buffer import Buffer
from outrider.buffer.journal import Journal
from outrider.job import Job
from outrider.script import command
from tests.process.proxy import Proxy


def note(number: int) -> None: ...


class Outage:
    """A line to the server, and apps behind it; `app` reaches the server all the same."""

    def __init__(self, app: App, folder: Path, *, is_journal: bool) -> None:
        self.app = app
        self.line = Proxy(folder / "line.sock", app.url)
        self.journal = folder / "journal" if is_journal else None
        self._buffers: list[Buffer] = []

    def producer(self, **settings: Any) -> App:
        """An app with a buffer, behind the line."""
        setting = PushBuffer(journal=self.journal, **settings)
        one = App(self.line.url, push_buffer=setting, timeout=2.0)
        one.job(name="note")(note)
        self._buffers.append(buffer_of(one))
        return one

    def abandon(self, app: App) -> None:
        """Have a journal's producer do nothing more with it, as if its process had been killed.

        A request may be on its way; what comes of it is not noted any more.
        """
        buffer, store = buffer_of(app), buffer_of(app)._store
        assert isinstance(store, Journal)
        with store.lock:
            store.close()
            store._open = _gone  # type: ignore[method-assign]
            store.follow()
            store.lead = lambda: False  # type: ignore[method-assign]
            # So its thread ends.
            buffer._kept, store.is_empty = 0, lambda: True  # type: ignore[method-assign]

    def close(self) -> None:
        """Leave nothing to be sent."""
        for buffer in self._buffers:
            sending = buffer._thread
            with contextlib.suppress(ConfigError, sqlite3.Error):
                buffer._store.clear()
            if sending is not None:  # which opens the file again, to see that nothing is there
                buffer._wake.set()
                sending.join(20)
            buffer.close()
        self.line.close()


def _gone() -> sqlite3.Connection:
    raise sqlite3.Error("killed")


def buffer_of(app: App) -> Buffer:
    """The app's buffer."""
    assert app.push_buffer is not None
    return app.push_buffer


def job_of(app: App) -> Job[..., Any]:
    """The job that all producers have."""
    job = app.registry.get("note")
    assert isinstance(job, Job)
    return job


def sent(app: App) -> None:
    """Wait until the app's buffer is empty."""
    assert buffer_of(app).flush(30.0)


def until(condition: Callable[[], Any]) -> None:
    """Wait until it holds."""
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0)


def payloads(app: App, queue: str = "default") -> list[dict[str, Any]]:
    """What lies on a queue, the oldest first."""
    found = app.perform(command("LRANGE", f"queue:{queue}", 0, -1, decode=lambda some: some))
    return [msgspec.json.decode(one) for one in reversed(found)]


def numbers(app: App, queue: str = "default") -> list[int]:
    """The arguments of the jobs on a queue, the oldest first."""
    return [one["args"][0] for one in payloads(app, queue)]


@pytest.fixture(params=["memory", "journal"])
def outage(request: pytest.FixtureRequest, app: App, tmp_path: Path) -> Iterator[Outage]:
    """Both kinds of buffer."""
    one = Outage(app, tmp_path, is_journal=request.param == "journal")
    yield one
    one.close()
