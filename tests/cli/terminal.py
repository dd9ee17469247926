"""A command in a terminal of its own."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.process.harness import OUTRIDER, environment, until


class Terminal:
    """What a command shows in a terminal of so many columns, and 40 lines."""

    def __init__(self, folder: Path, *words: str, columns: int) -> None:
        self._ours, theirs = pty.openpty()
        self._shown = bytearray()
        self.process = subprocess.Popen(
            [*OUTRIDER, *words],
            cwd=folder,
            env=environment(TERM="xterm-256color", COLUMNS=str(columns), LINES="40"),
            stdin=theirs,
            stdout=theirs,
            stderr=subprocess.PIPE,
            text=True,
        )
        os.close(theirs)
        os.set_blocking(self._ours, False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.communicate()
        os.close(self._ours)

    @property
    def shown(self) -> bytes:
        """All that it has written there so far."""
        try:
            while data := os.read(self._ours, 65536):
                self._shown += data
        except OSError:  # nothing more now, or the other end is closed
            pass
        return bytes(self._shown)

    def shows(self, text: bytes) -> None:
        """Wait until it does."""
        until(lambda: text in self.shown, f"{text!r} is shown")

    def end(self) -> tuple[int, str]:
        """Its status, and what it wrote to standard error, once it has ended."""
        # What it shows meanwhile has to be taken: it would wait for ever.
        until(lambda: (self.shown, self.process.poll())[1] is not None, "it ends")
        assert self.process.stderr is not None
        return self.process.returncode, self.process.stderr.read()
