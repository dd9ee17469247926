"""`outrider batch`: how a batch stands, once or until it is settled."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from outrider.cli.server import app_of
from outrider.cli.tree import follow
from outrider.status import BatchStatus
from outrider.words import printable


def show(bid: str, *, watch: bool, explain: bool, url: str | None, prefix: str) -> None:
    """Print a batch's status; with `watch`, follow the tree below it first; with `explain`,
    say what it waits for instead. Raises BatchNotFound.
    """
    app = app_of(url, prefix)
    console = Console()
    if watch:
        follow(app, bid, console)
    status = app.batches[bid]
    if explain:
        console.print(Text(status.explain()), soft_wrap=True)
        return
    for name, value in _lines(status):
        console.print(f"[bold]{name:>12}[/]  ", end="")
        console.print(printable(value), markup=False, highlight=False)


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
