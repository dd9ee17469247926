"""What `App(push_buffer=...)` may be given."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from outrider.errors import ConfigError
from outrider.options import positive_number


@dataclass(frozen=True, slots=True, kw_only=True)
class PushBuffer:
    """How much of what is pushed is kept while the server is away, and where.

    At most `jobs` jobs and `bytes` bytes: what would be more raises PushBufferFull. They are kept
    in memory, or in a file that survives this process and the machine's crash (`journal`, a path).
    `flush` is for how many seconds the end of this process waits for what is in memory to be sent.
    Raises ConfigError for a wrong value.
    """

    jobs: int = 10_000
    bytes: int = 32 << 20
    journal: str | Path | None = None
    flush: float = 5.0

    def __post_init__(self) -> None:
        for name in ("jobs", "bytes"):
            positive_number(f"{name} of a push buffer", getattr(self, name))
        if isinstance(self.flush, bool) or not isinstance(self.flush, int | float):
            raise ConfigError(f"flush of a push buffer must be seconds, not {self.flush!r}")
        if not 0 <= self.flush < float("inf"):
            raise ConfigError(f"flush of a push buffer must be 0 or more, not {self.flush!r}")
        if self.journal is not None and not isinstance(self.journal, str | Path):
            raise ConfigError(f"journal of a push buffer must be a path, not {self.journal!r}")
        if self.journal is not None and not os.fspath(self.journal):
            raise ConfigError("journal of a push buffer must be a path, not an empty text")


Setting = PushBuffer | bool | int | str | Path | None


def read_setting(value: Setting) -> PushBuffer | None:
    """None for no buffer; True or "memory", a number of jobs, or the path of a journal."""
    if value is None or value is False:
        return None
    if isinstance(value, PushBuffer):
        return value
    if value is True or value == "memory":
        return PushBuffer()
    if isinstance(value, int):
        return PushBuffer(jobs=value)
    if isinstance(value, str | Path):
        return PushBuffer(journal=value)
    raise ConfigError(
        f"push_buffer must be True, a number of jobs, a path or a PushBuffer, not {value!r}"
    )
