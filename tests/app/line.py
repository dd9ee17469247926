"""A line to the server that can be cut: for tests of what producers do while it is."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

PIECE = 1 << 20


class Line:
    """Passes everything on, from a unix socket of its own, in threads.

    `harms` says what comes to the next requests, in turn: "reply lost", after the server has
    executed it; "request cut", half of it arrives; "" is none. All come `late` by so many seconds.
    `taken` is called when the server has executed one whose reply is lost.
    """

    def __init__(self, path: Path, url: str) -> None:
        self.url = f"unix://{path}"
        self.harms: deque[str] = deque()
        self.late = 0.0
        self.taken: Callable[[], object] = bool
        self._nothing = threading.Event()
        self._path = path
        self._server = url.removeprefix("unix://")
        self._listener: socket.socket | None = None
        self._links: list[socket.socket] = []
        self._lock = threading.Lock()
        self.up()

    def up(self) -> None:
        """Let new connections come."""
        if self._listener is None:
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(str(self._path))
            self._listener.listen(100)
            threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def down(self) -> None:
        """Refuse new connections, and cut those that there are."""
        with self._lock:
            listener, self._listener = self._listener, None
            links, self._links = self._links, []
        if listener is not None:
            self._path.unlink()
            _cut(listener)
        for one in links:
            _cut(one)

    def _accept(self, listener: socket.socket) -> None:
        with listener, contextlib.suppress(OSError):
            while True:
                front, _ = listener.accept()
                back = socket.socket(socket.AF_UNIX)
                with self._lock:
                    if self._listener is not listener:
                        front.close()
                        back.close()
                        return
                    self._links += [front, back]
                back.connect(self._server)
                threading.Thread(target=self._serve, args=(front, back), daemon=True).start()

    def _serve(self, front: socket.socket, back: socket.socket) -> None:
        """One request at a time: each is answered in one piece here, as pushes are small."""
        lost = threading.Event()
        with front, back, contextlib.suppress(OSError):
            threading.Thread(target=self._answer, args=(front, back, lost), daemon=True).start()
            while data := front.recv(PIECE):
                self._nothing.wait(self.late)
                harm = self.harms.popleft() if self.harms else ""
                if harm == "request cut":
                    back.sendall(data[: len(data) // 2])
                    break
                if harm == "reply lost":
                    lost.set()
                back.sendall(data)
            _cut(front)
            _cut(back)

    def _answer(self, front: socket.socket, back: socket.socket, lost: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := back.recv(PIECE):
                if lost.is_set():
                    self.taken()
                    break
                front.sendall(data)
        _cut(front)
        _cut(back)


def _cut(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
