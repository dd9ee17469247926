"""The barest client there is: a blocking socket and hiredis, for what must cost next to nothing."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any

import hiredis

from outrider.script import Call, Word

Words = tuple[Word, ...]
_pack: Any = hiredis.pack_command


class Wire:
    """One connection to a server's unix socket. Nothing is tried twice, errors are raised."""

    def __init__(self, url: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(url.removeprefix("unix://"))
        self._buffer = bytearray(1 << 20)
        # Its type hints know neither buffers nor commands of more than one word.
        self._reader: Any = hiredis.Reader()

    def __call__(self, *words: Word) -> Any:
        """Perform one command."""
        return self.exchange([words])[0]

    def exchange(self, commands: Sequence[Words]) -> list[Any]:
        """Send commands in one piece, and read an answer to each."""
        self.send(commands)
        return self.receive(len(commands))

    def send(self, commands: Sequence[Words]) -> None:
        """Send commands in one piece."""
        self._socket.sendall(b"".join(map(_pack, commands)))

    def receive(self, count: int) -> list[Any]:
        """Read so many answers."""
        answers: list[Any] = []
        while len(answers) < count:
            answer = self._reader.gets()
            if answer is False:
                size = self._socket.recv_into(self._buffer)
                if not size:
                    raise ConnectionError("the server closed the connection")
                self._reader.feed(self._buffer, 0, size)
            elif isinstance(answer, Exception):
                raise answer
            else:
                answers.append(answer)
        return answers

    def load(self, call: Call[Any]) -> None:
        """Give the server a Call's script, so that `words` finds it there."""
        assert call.script is not None
        self("SCRIPT", "LOAD", call.script.source)

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


def words(call: Call[Any]) -> Words:
    """What is sent for a Call that is not laned."""
    return call.words if call.script is None else ("EVALSHA", call.script.sha, 2, *call.words)
