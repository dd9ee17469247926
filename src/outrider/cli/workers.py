"""What `outrider stats` says of workers and of the jobs that run there."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from outrider.app import App
from outrider.clock import now
from outrider.inspection.processes import Process
from outrider.words import count, printable, span

LONGEST = 20


def workers(app: App) -> Iterator[tuple[str, str]]:
    """A heading and a text for each worker, and for the jobs that have run longest."""
    for process in app.processes:
        yield "process", printable(f"{process.identity}: {_state(process)}")
    runs = heapq.nlargest(LONGEST, app.work, key=lambda run: run.elapsed)
    for run in runs:
        yield "running", printable(f"{run.job} {run.jid} for {span(run.elapsed)} on {run.process}")
    if len(runs) == LONGEST and (more := app.work.size - LONGEST) > 0:
        yield "running", f"and {count(more, 'job')} that began later"


def _state(process: Process) -> str:
    quiet = ", quiet" if process.is_quiet else ""
    seen = f", seen {span(max(0.0, now() - process.beat.timestamp()))} ago" if process.beat else ""
    queues = " ".join(process.queues)
    return f"{process.busy:,} of {process.concurrency:,} slots busy{quiet}{seen}, serves {queues}"
