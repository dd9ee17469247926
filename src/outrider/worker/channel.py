"""Messages between the supervisor and a child: JSON lines over a socket pair.

The end of the stream is a message too: the other side is gone.
"""

from __future__ import annotations

import json
import select
import socket
import threading
from collections.abc import Iterator
from typing import Any

Message = dict[str, Any]


class Channel:
    """One end of the conversation."""

    def __init__(self, end: socket.socket) -> None:
        self.socket = end
        self._buffer = b""
        self._lock = threading.Lock()

    def send(self, **message: Any) -> bool:
        """Send a message, whole, from any thread; False when the other side is gone."""
        line = json.dumps(message).encode() + b"\n"
        try:
            with self._lock:  # what does not fit at once is sent in parts
                self.socket.sendall(line)
        except OSError:
            return False
        return True

    def has_room(self) -> bool:
        """Whether a message of 2 kB can be sent without waiting for the other side."""
        return self._is_ready(select.POLLOUT)

    def has_words(self) -> bool:
        """Whether there is something to receive, the end of the stream included."""
        return self._is_ready(select.POLLIN)

    def _is_ready(self, wish: int) -> bool:
        try:
            poll = select.poll()
            poll.register(self.socket, wish)
            return bool(poll.poll(0))
        except (OSError, ValueError):  # it is closed
            return False

    def receive(self) -> list[Message] | None:
        """Messages that are there, waiting for at least some bytes; None when the stream ended."""
        try:
            data = self.socket.recv(65536)
        except OSError:
            return None
        if not data:
            return None
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        return [json.loads(line) for line in lines]

    def messages(self) -> Iterator[Message]:
        """All messages until the stream ends."""
        while (found := self.receive()) is not None:
            yield from found

    def close(self) -> None:
        """Close this end."""
        self.socket.close()
