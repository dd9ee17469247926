"""A network that can be broken: a proxy on a unix socket, in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections import Counter, deque
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

# What can happen to a request, in turn: half of it arrives; the answer is lost; half of it is.
HARMS = ("request cut", "reply lost", "reply cut")
# Nothing arrives, and nobody is told so: the request is swallowed, or the answer is.
HOLES = ("request swallowed", "reply swallowed")
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Proxy:
    """Passes everything on, until it is told to do harm.

    `trips` grows by one for whatever a client sends, in however many pieces, until the server
    answers: many commands in one write are one round trip, and commands inside a script are none.
    """

    def __init__(self, path: Path | None, url: str) -> None:
        self.url = f"unix://{path}"
        # Every so many requests one comes to harm; 0 for none.
        self.every = 0
        # What comes of the next requests; "" is no harm.
        self.plan: deque[str] = deque()
        # Requests are held up for so many seconds.
        self.late = 0.0
        # Called when the server has executed a request whose reply is lost.
        self.taken: Callable[[], object] = bool
        # Nothing passes, and nobody is told so, as where a cable is pulled.
        self.severed = False
        # Whoever connects is let in, and turned away.
        self.refusing = False
        # What the server is made to answer to all requests; "" for what it says.
        self.answer = ""
        self.harmed: Counter[str] = Counter()
        self.connections = self.trips = 0
        self._path = path
        self._target = url.removeprefix("unix://")
        self._requests = 0
        self._links: list[_Link] = []
        self._serving: set[asyncio.Task[None]] = set()
        self._listener: socket.socket | None = None
        self._open = asyncio.Event()
        self._open.set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self.up()

    def up(self) -> None:
        """Let new connections come."""
        self._do(self._up())

    def down(self) -> None:
        """Have nobody listen any more, and cut all connections."""
        self._do(self._down())

    def cut(self) -> None:
        """Cut all connections."""
        self._do(self._cut())

    def shut(self) -> None:
        """Hold up whatever comes, and tell nobody."""
        self._loop.call_soon_threadsafe(self._open.clear)

    def open(self) -> None:
        """Let everything pass, also what was held up."""
        self._loop.call_soon_threadsafe(self._open.set)

    def close(self) -> None:
        """Stop, and close all connections."""
        self.open()
        self.down()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _run(self) -> None:
        self._loop.run_forever()
        while tasks := asyncio.all_tasks(self._loop):
            self._loop.run_until_complete(asyncio.wait(tasks))
        self._loop.close()

    # -- where it listens, and whom it asks -------------------------------------------------------

    def _bind(self) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self._path))
        return listener

    async def _connect(self) -> Streams:
        return await asyncio.open_unix_connection(self._target)

    async def _up(self) -> None:
        if self._listener is None:
            self._listener = self._bind()
            self._listener.setblocking(False)
            self._listener.listen(100)
            self._loop.add_reader(self._listener, self._accept, self._listener)

    async def _down(self) -> None:
        if self._listener is not None:
            self._loop.remove_reader(self._listener)
            self._listener.close()
            self._listener = None
            if self._path is not None:
                self._path.unlink()
        await self._cut()

    async def _cut(self) -> None:
        links = [*self._links]
        for link in links:
            link.cut()
        for link in links:
            await link.closed()

    # -- one connection ---------------------------------------------------------------------------

    def _accept(self, listener: socket.socket) -> None:
        # asyncio's own server loses who comes just as it is closed.
        with contextlib.suppress(OSError):
            front, _ = listener.accept()
            task = self._loop.create_task(self._serve(front, listener))
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)

    async def _serve(self, front: socket.socket, listener: socket.socket) -> None:
        self.connections += 1
        reader, writer = await asyncio.open_connection(sock=front)
        await self._open.wait()
        try:
            if self.refusing:
                raise ConnectionRefusedError
            back_reader, back_writer = await self._connect()
        except OSError:
            writer.close()
            await writer.wait_closed()
            return
        link = _Link(writer, back_writer)
        self._links.append(link)
        if self._listener is not listener:  # it is down since then
            link.cut()
        answers = self._loop.create_task(self._answer(back_reader, link))
        try:
            await self._ask(reader, link)
        finally:
            link.close()
            await answers
            await link.closed()
            self._links.remove(link)

    async def _ask(self, reader: asyncio.StreamReader, link: _Link) -> None:
        while data := await _read(reader):
            await self._open.wait()
            await asyncio.sleep(self.late)
            if self.severed or link.harm in HOLES:
                continue
            if self.answer:
                link.front.write(f"-{self.answer}\r\n".encode() * _requests_in(data))
                continue
            link.harm, link.is_asked = self._harm(), True
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
            await self._open.wait()
            if self.severed or link.harm in HOLES:
                continue
            if link.harm:
                self.taken()
                link.front.write(data[: len(data) // 2] if link.harm == "reply cut" else b"")
                break
            self.trips += link.is_asked
            link.is_asked = False
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
        self.is_asked = False

    def close(self) -> None:
        """Begin to close both."""
        self.front.close()
        self.back.close()

    def cut(self) -> None:
        """Have no more pass, not even what is on its way; of forks that have them, too."""
        for one in (self.front, self.back):
            with contextlib.suppress(OSError):
                one.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
            one.transport.abort()

    async def closed(self) -> None:
        """Wait until both are."""
        for one in (self.front, self.back):
            with contextlib.suppress(OSError):
                await one.wait_closed()
