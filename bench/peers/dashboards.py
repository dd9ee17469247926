"""Dashboards of other job systems that `bench inspection` sets beside our reads.

Each runs as a program of its own, by the Python that has it. It fills the store with a million jobs
of its kind, and then looks at the page that is named on each line of its input; a line of its
output says when it has.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench.peers import TOOLS

ROOT = TOOLS.parent
PYTHON = TOOLS / "peers" / "bin" / "python"


@dataclass(frozen=True, slots=True)
class Program:
    """A dashboard: `module` of this package, and the pages it is asked for."""

    name: str
    module: str
    pages: tuple[str, ...]

    @property
    def installed(self) -> bool:
        """Whether it can be run."""
        return PYTHON.exists()

    @contextmanager
    def running(self, url: str) -> Iterator[Callable[[str], object]]:
        """It runs, and looks at a page when it is told to."""
        with subprocess.Popen(
            [str(PYTHON), "-m", f"bench.peers.{self.module}"],
            cwd=ROOT,
            env={**os.environ, "OUTRIDER_URL": url, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            give, take = process.stdin, process.stdout

            def ask(page: str) -> None:
                give.write(page + "\n")
                give.flush()
                answer = take.readline()
                if answer != "done\n":
                    raise RuntimeError(f"{self.name}, {page}: {answer!r}")

            try:
                if take.readline() != "ready\n":
                    raise RuntimeError(f"{self.name} did not start")
                yield ask
            finally:
                give.close()
                process.wait(30)


DASHBOARDS = (
    Program("rq-dashboard", "rq_dashboard_", ("queues", "workers", "jobs", "jobs, 1,000 deep")),
    Program("Flower", "flower_", ("broker", "tasks")),
)
