"""The right to send what a journal holds: one process has it, and its death ends it."""

from __future__ import annotations

import fcntl
import os


class Right:
    """A lock on a file beside the journal."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._file: int | None = None

    def take(self) -> bool:
        """Have the right from now on, or still; False when another process has it."""
        if self._file is not None:
            return True
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return False
        except BaseException:
            os.close(file)
            raise
        self._file = file
        return True

    def give_up(self) -> None:
        """Let others have it; in the child of a fork, leave it to the parent alone."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
