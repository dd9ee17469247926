"""What every benchmark stands on: a private server, workers, and figures."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.stamps import Stamps
from bench.wire import Wire
from outrider.embedded import Server

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. `rule` is what must hold of `value`, such as ("<=", 1.0)."""

    what: str
    value: float
    unit: str = ""
    low: float | None = None
    high: float | None = None
    rule: tuple[str, float] | None = None
    note: str = ""

    @property
    def holds(self) -> bool | None:
        """Whether the rule holds; None when there is none."""
        if self.rule is None:
            return None
        sign, bound = self.rule
        return self.value <= bound if sign == "<=" else self.value >= bound


def spread(
    what: str,
    values: Sequence[float],
    unit: str = "",
    rule: tuple[str, float] | None = None,
    note: str = "",
) -> Figure:
    """The median of rounds, with the least and the greatest."""
    return Figure(what, statistics.median(values), unit, min(values), max(values), rule, note)


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that so many percent are not above."""
    return sorted(values)[min(len(values) - 1, int(len(values) * percent / 100))]


class Rig:
    """A server of our own in a folder, and the processes that were started on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server = Server.start(folder / "server")
        self.url = self.server.url
        self.wire = Wire(self.url)
        stamps = folder / "stamps"
        self.stamps = Stamps(stamps)
        # For the app of this process too: it looks for its server at first use.
        os.environ["OUTRIDER_URL"] = self.url
        os.environ["BENCH_STAMPS"] = str(stamps)
        self._started: list[subprocess.Popen[bytes]] = []

    def clear(self) -> None:
        """Forget everything on the server, and all times."""
        self.wire("FLUSHALL")
        self.wire("SCRIPT", "FLUSH")
        self.stamps.clear()

    def run(self, *arguments: str, url: str = "") -> subprocess.Popen[bytes]:
        """Start `python -m arguments`."""
        environment = {**os.environ, "OUTRIDER_URL": url or self.url, "PYTHONUNBUFFERED": "1"}
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
        )
        self._started.append(process)
        return process

    def worker(self, *options: str, url: str = "") -> subprocess.Popen[bytes]:
        """Start `outrider worker` for bench.jobs. It logs warnings only: no line for each job."""
        fixed = ("outrider", "worker", "bench.jobs:app", "--log-level", "warning")
        return self.run(*fixed, *options, url=url)

    @contextmanager
    def idle_worker(self, *options: str) -> Iterator[subprocess.Popen[bytes]]:
        """A worker that has run its first job, and now waits for more."""
        from bench.jobs import stamp

        worker = self.worker(*options)
        try:
            for _ in range(20):
                stamp.enqueue(0)
            self.stamps.wait(0)
            time.sleep(1.5)
            yield worker
        finally:
            self.end(worker)
            self.stamps.clear()

    def end(self, process: subprocess.Popen[bytes]) -> None:
        """End a process that was started here, and wait until it is gone."""
        self._started.remove(process)
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def server_seconds(self) -> float:
        """CPU seconds that the server has used."""
        found = dict(
            line.split(":") for line in self.wire("INFO", "cpu").decode().split() if ":" in line
        )
        return float(found["used_cpu_user"]) + float(found["used_cpu_sys"])

    def server_bytes(self) -> int:
        """Memory that the server uses."""
        found = self.wire("INFO", "memory").decode().partition("used_memory:")[2]
        return int(found.split()[0])

    def others(self) -> Others:
        """Begin to watch how much of the machine is used by programs that are not ours."""
        return Others(self)

    def close(self) -> None:
        """Stop all that was started."""
        for process in list(self._started):
            self.end(process)
        self.wire.close()
        self.server.stop()


class Others:
    """How many cores were busy with something else since this was made: figures are disturbed."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._begin = self._now()

    def cores(self) -> float:
        """Cores in use by others, on average."""
        now, begin = self._now(), self._begin
        return max(0.0, (now[0] - begin[0] - now[1] + begin[1]) / (now[2] - begin[2]))

    def _now(self) -> tuple[float, float, float]:
        fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
        user, nice, system, _idle, _wait, irq, soft, steal = map(int, fields)
        busy = (user + nice + system + irq + soft + steal) / os.sysconf("SC_CLK_TCK")
        # Our children count once they have ended and were waited for.
        mine = sum(os.times()[:4]) + self._rig.server_seconds()
        return busy, mine, time.monotonic()


@contextmanager
def open_rig() -> Iterator[Rig]:
    """A rig in a new folder, which is removed in the end."""
    folder = Path(tempfile.mkdtemp(prefix="outrider-bench-"))
    try:
        rig = Rig(folder)
        try:
            yield rig
        finally:
            rig.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
