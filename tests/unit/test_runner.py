"""Slots and threads: a slot that is set to work has a thread, whatever the others are about."""

from __future__ import annotations

import json
import threading
from contextvars import ContextVar
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from outrider import App
from outrider.worker import runner as module
from outrider.worker.perform import Performer
from outrider.worker.runner import Runner, items
from outrider.worker.slots import SlotTable

PATIENCE = 20.0


def _payload(i: int) -> bytes:
    return json.dumps({"jid": f"{i:024x}", "class": "note", "queue": "q", "args": [i]}).encode()


def _runner(folder: Path, app: App, slots: int) -> Runner:
    with (folder / "slots").open("w+b") as memory:
        memory.truncate(SlotTable.size_for(slots))
        table = SlotTable(memory.fileno(), slots)
    return Runner(Performer(app, "host:1:ab:0"), slots, table, lambda: None)


def test_a_slot_that_is_set_to_work_has_a_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that has taken its call and done nothing yet is not idle: the next slot needs another."""
    taken, second_ran = threading.Event(), threading.Event()

    class Hesitant(SimpleQueue[Any]):
        """Who takes the first call is put to sleep by the system before he knows of it."""

        def get(self, *arguments: Any) -> Any:
            """Take a call."""
            call = super().get(*arguments)
            if not taken.is_set():
                taken.set()
                second_ran.wait()
            return call

    monkeypatch.setattr(module, "SimpleQueue", Hesitant)
    app = App("redis://localhost:1")

    @app.job(name="note")
    def note(i: int) -> None:
        second_ran.set()

    runner = _runner(tmp_path, app, 2)
    runner.feed(items(1, [_payload(1)]), 1)
    assert taken.wait(PATIENCE)
    runner.feed(items(2, [_payload(2)]), 1)
    assert second_ran.wait(PATIENCE)


def test_a_job_has_a_context_of_its_own(tmp_path: Path) -> None:
    """Coroutines that follow one another in a slot see nothing of what the one before has set."""
    mark = ContextVar("mark", default="clean")
    seen: SimpleQueue[str] = SimpleQueue()
    app = App("redis://localhost:1")

    @app.job(name="note")
    async def note(i: int) -> None:
        seen.put(mark.get())
        mark.set(f"left by {i}")

    runner = _runner(tmp_path, app, 1)
    runner.feed(items(1, [_payload(1), _payload(2)]), 1)
    assert [seen.get(timeout=PATIENCE) for _ in range(2)] == ["clean", "clean"]
