"""Slots and threads: a slot that is set to work has a thread, whatever the others are about."""

from __future__ import annotations

import json
import threading
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

    with (tmp_path / "slots").open("w+b") as memory:
        memory.truncate(SlotTable.size_for(2))
        table = SlotTable(memory.fileno(), 2)
    runner = Runner(Performer(app, "host:1:ab:0"), 2, table, lambda: None)
    runner.feed(items(1, [_payload(1)]), 1)
    assert taken.wait(PATIENCE)
    runner.feed(items(2, [_payload(2)]), 1)
    assert second_ran.wait(PATIENCE)
