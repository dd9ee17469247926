"""A proxy on a unix socket that counts round trips.

A round trip is whatever a client sends, in however many pieces, until the server answers: many
commands in one write are one round trip, and commands inside a script are none.
"""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path


class Proxy:
    """Passes everything on, in a thread of its own. `trips` grows by one per round trip."""

    def __init__(self, path: Path, url: str) -> None:
        self.url = f"unix://{path}"
        self.trips = 0
        self._server = url.removeprefix("unix://")
        self._loop = asyncio.new_event_loop()
        self._listening = threading.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, args=(path,), daemon=True)
        self._thread.start()
        self._listening.wait()

    def close(self) -> None:
        """Stop, and close all connections."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self, path: Path) -> None:
        self._loop.run_until_complete(asyncio.start_unix_server(self._serve, path))
        self._listening.set()
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0.01))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back_reader, back_writer = await asyncio.open_unix_connection(self._server)
        asked = asyncio.Event()
        answers = self._loop.create_task(self._answer(back_reader, writer, asked))
        self._tasks.add(answers)
        answers.add_done_callback(self._tasks.discard)
        while data := await reader.read(1 << 16):
            asked.set()
            back_writer.write(data)
        back_writer.close()

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: asyncio.Event
    ) -> None:
        while data := await reader.read(1 << 16):
            if asked.is_set():
                asked.clear()
                self.trips += 1
            writer.write(data)
        writer.close()
