"""What a supervisor reads of its children's limits."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from outrider.errors import ConfigError
from outrider.worker import limits
from outrider.worker.limits import Limits
from outrider.worker.memory import rss_kb


def test_memory_of_a_process() -> None:
    """It is what the process holds; 0 when it is gone."""
    assert 1_000 < rss_kb(os.getpid()) < 10_000_000
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert rss_kb(process.pid) == 0


def test_where_memory_is_unknown_a_limit_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than a limit that does nothing."""
    monkeypatch.setattr(limits, "rss_kb", lambda _: 0)
    Limits(None)
    with pytest.raises(ConfigError, match="--max-memory needs /proc"):
        Limits(100)
