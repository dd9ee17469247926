"""Job systems that `bench kill` sets beside ours: how each is run.

A module each has the job, `fill` and what its worker needs; it is imported only by the Python of an
environment that `make peers` has made. Everybody's waiting times for what a dead worker held are
set to 10 s where there is such a setting: with the defaults, minutes or an hour, nothing could be
seen in the time that is measured.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

TOOLS = Path(__file__).resolve().parents[2] / ".tools"


@dataclass(frozen=True, slots=True)
class Peer:
    """A job system: `module` of this package, and `python -m worker` to start its worker."""

    name: str
    module: str
    worker: str
    environment: str = "peers"

    @property
    def python(self) -> Path:
        """The interpreter that has it."""
        if not self.environment:
            return Path(sys.executable)
        return TOOLS / self.environment / "bin" / "python"

    @property
    def installed(self) -> bool:
        """Whether it can be run."""
        return self.python.exists()

    def command(self) -> list[str]:
        """Starts its worker, with ten jobs at a time where it can do that."""
        return [str(self.python), "-m", *self.worker.split()]

    def filling(self, jobs: int) -> list[str]:
        """Enqueues so many jobs."""
        code = f"from bench.peers.{self.module} import fill; fill({jobs})"
        return [str(self.python), "-c", code]


_OURS = "outrider worker bench.peers.ours:app --log-level warning -c 10"
_TASKIQ = "taskiq worker --workers 1 --max-async-tasks 10 --max-prefetch 10 --log-level ERROR"

OURS = Peer("outrider", "ours", _OURS, environment="")
PEERS = (
    Peer(
        "celery, late acknowledgement",
        "celery_",
        "celery -A bench.peers.celery_ worker --pool threads -c 10 --without-gossip"
        " --without-mingle --loglevel ERROR",
    ),
    Peer("dramatiq", "dramatiq_", "dramatiq bench.peers.dramatiq_ --processes 1 --threads 10"),
    Peer("rq, SimpleWorker", "rq_", "bench.peers.rq_"),
    Peer("huey", "huey_", "huey.bin.huey_consumer bench.peers.huey_.app -k thread -w 10 -q"),
    Peer("arq", "arq_", "arq bench.peers.arq_.Settings", environment="peers-arq"),
    Peer("taskiq, list", "taskiq_list", f"{_TASKIQ} bench.peers.taskiq_list:broker"),
    Peer("taskiq, stream", "taskiq_stream", f"{_TASKIQ} bench.peers.taskiq_stream:broker"),
)
