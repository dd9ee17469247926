"""A network that can be broken: a proxy on a unix socket, in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter, deque
from pathlib import Path

# What can happen to a request, in turn: half of it arrives; the answer is lost; half of it is.
HARMS = ("request cut", "reply lost", "reply cut")
# Nothing arrives, and nobody is told so: the request is swallowed, or the answer is.
HOLES = ("request swallowed", "reply swallowed")


class Proxy:
    """Passes everything on, until it is told to do harm."""

    def __init__(self, path: Path, url: str) -> None:
        self.url = f"unix://{path}"
        # Every so many requests one comes to harm; 0 for none.
        self.every = 0
        # What comes of the next requests.
        self.plan: deque[str] = deque()
        # Nothing passes, and nobody is told so, as where a cable is pulled.
        self.severed = False
        # What the server is made to answer to all requests; "" for what it says.
        self.answer = ""
        self.harmed: Counter[str] = Counter()
        self.connections = 0
        self._requests = 0
        self._links: list[_Link] = []
        self._server = url.removeprefix("unix://")
        self._loop = asyncio.new_event_loop()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(path,), daemon=True)
        self._thread.start()
        self._listening.wait()

    def cut(self) -> None:
        """Cut all connections."""
        self._loop.call_soon_threadsafe(self._cut)

    def _cut(self) -> None:
        for link in self._links:
            link.close()

    def close(self) -> None:
        """Stop, and close all connections."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self, path: Path) -> None:
        server = self._loop.run_until_complete(asyncio.start_unix_server(self._serve, path))
        self._listening.set()
        self._loop.run_forever()
        server.close()
        for link in self._links:
            link.close()
        while tasks := asyncio.all_tasks(self._loop):
            self._loop.run_until_complete(asyncio.wait(tasks))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            back_reader, back_writer = await asyncio.open_unix_connection(self._server)
        except OSError:
            writer.close()
            return
        link = _Link(writer, back_writer)
        self._links.append(link)
        answers = self._loop.create_task(self._answer(back_reader, link))
        try:
            await self._ask(reader, link)
        finally:
            link.close()
            await answers
            self._links.remove(link)

    async def _ask(self, reader: asyncio.StreamReader, link: _Link) -> None:
        while data := await _read(reader):
            if self.severed or link.harm in HOLES:
                continue
            if self.answer:
                link.front.write(f"-{self.answer}\r\n".encode() * _requests_in(data))
                continue
            link.harm = self._harm()
            if link.harm == "request cut":
                link.back.write(data[: len(data) // 2])
                return
            if link.harm != "request swallowed":
                link.back.write(data)

    def _harm(self) -> str:
        self._requests += 1
        harm = ""
        if self.plan:
            harm = self.plan.popleft()
        elif self.every and self._requests % self.every == 0:
            harm = HARMS[sum(self.harmed.values()) % len(HARMS)]
        if harm:
            self.harmed[harm] += 1
        return harm

    async def _answer(self, reader: asyncio.StreamReader, link: _Link) -> None:
        while data := await _read(reader):
            if self.severed or link.harm in HOLES:
                continue
            if link.harm:
                link.front.write(data[: len(data) // 2] if link.harm == "reply cut" else b"")
                break
            link.front.write(data)
        link.close()


async def _read(reader: asyncio.StreamReader) -> bytes:
    """What has come; nothing at the end of the stream, however it ends."""
    try:
        return await reader.read(1 << 20)
    except OSError:
        return b""


def _requests_in(data: bytes) -> int:
    """How many requests these are, each an array of words; no payload here looks like one."""
    return data.count(b"\r\n*") + 1


class _Link:
    """A client's connection and the one behind it."""

    def __init__(self, front: asyncio.StreamWriter, back: asyncio.StreamWriter) -> None:
        self.front = front
        self.back = back
        self.harm = ""

    def close(self) -> None:
        self.front.close()
        self.back.close()
