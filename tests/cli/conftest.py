"""Fixtures for tests of the command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from outrider import App
from tests.process.harness import load_work


@pytest.fixture
def work(tmp_path: Path, app: App) -> Iterator[ModuleType]:
    """The jobs module `work`, in the folder where commands run."""
    module = load_work(tmp_path, app.url)
    yield module
    module.app.close()
