"""`outrider batch`: how a batch stands, once or until it is settled."""

from __future__ import annotations

import time
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from outrider import config
from outrider.app import App
from outrider.embedded import DATA_FOLDER
from outrider.status import BatchStatus

PAUSE = 0.1


def show(bid: str, *, watch: bool, url: str | None, prefix: str) -> None:
    """Print a batch's status; with `watch`, follow it with a bar. Raises BatchNotFound.

    Without any URL, a folder that has an embedded server of its own means that one.
    """
    if url is None and not config.is_configured() and Path(DATA_FOLDER).is_dir():
        url = config.EMBEDDED
    status = App(url, prefix=prefix).batches[bid]
    console = Console()
    if watch:
        _follow(status, console)
    for name, value in _lines(status):
        console.print(f"[bold]{name:>12}[/]  ", end="")
        console.print(value, markup=False, highlight=False)


def _follow(status: BatchStatus, console: Console) -> None:
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[failures]} failures"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        title = status.description or status.bid
        task = progress.add_task(title, total=status.total, failures=status.failures)
        while True:
            progress.update(
                task,
                total=status.total,
                completed=status.total - status.pending,
                failures=status.failures,
            )
            if status.is_settled:
                return
            time.sleep(PAUSE)
            status.refresh()


def _lines(status: BatchStatus) -> list[tuple[str, str]]:
    events = {
        "complete": status.complete_at,
        "success": status.success_at,
        "death": status.death_at,
        "settled": status.settled_at,
    }
    lines = [
        ("batch", status.bid),
        ("description", status.description or "-"),
        ("created", f"{status.created_at:%Y-%m-%d %H:%M:%S} UTC"),
        ("jobs", f"{status.total} in all, {status.pending} pending ({status.percent:.1f} % done)"),
        ("failures", f"{status.failures}, of which {status.dead} dead"),
        *((name, f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else "-") for name, at in events.items()),
    ]
    callbacks = [f"{one.event} -> {one.target}: {one.state}" for one in status.callbacks]
    failed = [
        f"{job.jid} {job.job}: {job.error_class}: {job.error_message}"
        for job in status.failure_info[:20]
    ]
    return [
        *lines,
        *(("callback", text) for text in callbacks),
        *(("failed", text) for text in failed),
    ]
