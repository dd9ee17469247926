"""`outrider mark`."""

from __future__ import annotations

from pathlib import Path

import pytest

from outrider import App
from tests.process.harness import outrider


def test_a_deploy_is_marked(tmp_path: Path, app: App) -> None:
    """Once, though each of its hosts says so."""
    for _ in range(2):
        ran = outrider(tmp_path, "mark", "v1.2 (blue)", "--url", app.url)
        assert (ran.returncode, ran.stderr) == (0, "")
        assert ran.stdout.startswith("v1.2 (blue) is marked at ")
    assert [mark.label for mark in app.metrics.marks()] == ["v1.2 (blue)"]


@pytest.mark.parametrize("label", ["", "x" * 101, "a\nb"])
def test_a_wrong_label_is_one_line(tmp_path: Path, app: App, label: str) -> None:
    """And nothing is marked."""
    ran = outrider(tmp_path, "mark", label, "--url", app.url)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert len(ran.stderr.splitlines()) == 1
    assert "is no label: use 1 to 100 characters" in ran.stderr
    assert app.metrics.marks() == []
