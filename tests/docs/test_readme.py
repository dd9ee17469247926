"""The README's example is run as it stands, and its pictures and links exist."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
INTERNALS = (ROOT / "docs" / "internals.md").read_text("utf-8")
LINES = 15
UNSET = ("OUTRIDER_URL", "REDIS_URL", "PYTEST_VERSION", "PYTEST_CURRENT_TEST")


def run(folder: Path, *arguments: str) -> str:
    """Run Python in a folder, as somebody would who has no server configured."""
    environ = {name: value for name, value in os.environ.items() if name not in UNSET}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_example(tmp_path: Path) -> None:
    """The example enqueues a batch, and the worker calls back once all of it is done."""
    (example,) = re.findall(r"```python\n# gallery.py\n(.*?)```", README, re.DOTALL)
    statements = [line for line in example.splitlines() if line.strip()]
    assert len(statements) <= LINES
    (tmp_path / "gallery.py").write_text(example)
    bid = run(tmp_path, "-c", "import gallery; print(gallery.start(7, [1, 2, 3]))").strip()
    assert "gallery 7: 3 pictures are ready" in run(
        tmp_path, "-m", "outrider", "worker", "gallery", "--drain"
    )
    shown = run(tmp_path, "-m", "outrider", "batch", bid)
    assert "3 in all, 0 pending" in shown


def test_links() -> None:
    """Every file that the README points to is there."""
    links = re.findall(r"\]\(([^)]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_internals_list_every_key() -> None:
    """The table of keys in docs/internals.md has every key that keys.py spells."""
    from outrider.keys import TABLE

    missing = [spec.template for spec in TABLE.values() if f"`{spec.template}`" not in INTERNALS]
    assert missing == []
