"""`outrider batch`: how a batch stands, once or until it is settled."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import click
from rich.console import Console
from rich.text import Text

from outrider.barring import final, mendable
from outrider.cli.server import app_of
from outrider.cli.tree import follow
from outrider.explain import state
from outrider.standing import SETTLED
from outrider.status import BatchStatus
from outrider.words import aligned, count, printable, span

FAILED = 20
LISTED = 200
_NAMES = 14


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
        _print(console, name, printable(value))


def show_all(*, dead: bool, url: str | None, prefix: str) -> None:
    """Print the batches that are not settled, or with `dead` those with dead jobs: the first of
    them, a line each.
    """
    batches = app_of(url, prefix).batches
    page = batches.page(LISTED, state="dead" if dead else "live")
    rows = [("batch", "done", "failures", "state", "description")]
    for one in page.records:
        done = f"{one.total - one.pending:,}/{one.total:,}"
        told = printable(one.description or "")
        rows.append((one.bid, done, f"{one.failures:,}", state(one), told))
    for row in aligned(rows, "<>><<"):
        click.echo(row)
    if page.next is not None:
        click.echo(f"… more than {LISTED}; app.batches.page() goes on")


def _print(console: Console, name: str, value: str) -> None:
    """A line; on a terminal, wrapped beside its name."""
    text = Text(value)
    width = console.width - _NAMES
    for line in text.wrap(console, width) if console.is_terminal and width > 0 else [text]:
        console.print(f"[bold]{name:>12}[/]  ", Text(line.plain.rstrip()), sep="", soft_wrap=True)
        name = ""


def _lines(status: BatchStatus) -> Iterator[tuple[str, str]]:
    yield "batch", status.bid
    yield "description", status.description or "-"
    if status.tags:
        yield "tags", ", ".join(status.tags)
    if status.parent_bid:
        yield "child of", status.parent_bid
    yield "state", state(status)
    yield from _numbers(status)
    yield from _bars(status)
    yield "created", _time(status.created_at)
    for event in ("complete", "success", "death", "settled"):
        yield event, _time(status.at(event))
    if status.expires_at:
        yield "forgotten", _time(status.expires_at)
    for callback in status.callbacks:
        yield "callback", f"{callback.event} -> {callback.target}: {callback.state}"
    yield from _failed(status)


def _numbers(status: BatchStatus) -> Iterator[tuple[str, str]]:
    yield (
        "jobs",
        f"{status.total:,} in all, {status.pending:,} pending ({status.percent:.1f} % done)",
    )
    yield "failures", f"{status.failures:,}, of which {status.dead:,} dead"
    if status.eta is not None:
        yield "left", f"about {span(status.eta)}"
    out = ((status.cancelled, "cancelled"), (status.deleted, "deleted"))
    yield from ((word, count(number, "job")) for number, word in out if number)
    if marks := status.picture.children.values():
        open_ones = sum(not bits & SETTLED for bits in marks)
        yield (
            "children",
            f"{len(marks):,}, "
            + (f"of which {open_ones:,} not settled" if open_ones else "all settled"),
        )


def _bars(status: BatchStatus) -> Iterator[tuple[str, str]]:
    """What is in the way of its events."""
    if status.held:
        yield "held", f"by {count(status.held, '`open()` block')}"
    if not status.is_success:
        yield from (("barred", f"for good: {why}") for why in final(status))
        yield from (("barred", f"as it stands: {why}") for why in mendable(status))


def _failed(status: BatchStatus) -> Iterator[tuple[str, str]]:
    """Jobs that are dead or failing, the dead first."""
    dead = status.dead_jobs
    gone = {job.jid for job in dead}
    failing = [job for job in status.failure_info if job.jid not in gone]
    named = [*(("dead", job) for job in dead), *(("failing", job) for job in failing)]
    for name, job in named[:FAILED]:
        yield name, f"{job.jid} {job.job}: {job.error_class}: {job.error_message}"
    if (more := status.failures - len(named[:FAILED])) > 0:
        yield "", f"… {more:,} more"


def _time(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else "-"
