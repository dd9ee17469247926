"""The types that users see: mypy checks the files beside this one.

Each wrong line there carries a `type: ignore` with its code. mypy is strict, so one that is not
needed any more, because a mistake is no longer found, is an error here.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def mypy(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mypy", "--no-error-summary", "--no-pretty", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A cache of its own, so that a mypy that runs at the same time does no harm."""
    return str(tmp_path_factory.mktemp("mypy"))


def test_types_are_those_that_users_rely_on(cache: str, tmp_path: Path) -> None:
    """Every right line passes, every wrong one is found; and this very check can fail."""
    cases = sorted(path for path in HERE.glob("*.py") if not path.name.startswith(("test_", "__")))
    assert len(cases) >= 2
    done = mypy("--cache-dir", cache, *map(str, cases))
    assert done.stdout + done.stderr == ""
    assert done.returncode == 0
    wrong = tmp_path / "wrong.py"
    wrong.write_text(
        "from outrider import App\n"
        "def work(number: int) -> None: ...\n"
        "job = App('redis://h').job(work)\n"
        "job.enqueue('x')\n"
        "job.enqueue(1)  # type: ignore[arg-type]\n"
    )
    done = mypy("--cache-dir", cache, str(wrong))
    assert [line.rpartition("[")[2] for line in done.stdout.splitlines()] == [
        "arg-type]",
        "unused-ignore]",
    ]
