"""`outrider stats`: numbers, queues, workers and what runs, once or as a live view."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

import click

from outrider.cli.reading import Reading, take
from outrider.cli.server import app_of, with_server
from outrider.clock import now
from outrider.inspection.processes import Process
from outrider.words import count, printable, span


@click.command(short_help="Show numbers, queues, workers, what runs.")
@click.option("--watch", is_flag=True, help="Go on, with a reading each second.")
@with_server
def stats(*, watch: bool, url: str | None, prefix: str) -> None:
    """Show how many jobs wait and have run, each queue, paused jobs, workers, and what runs."""
    app = app_of(url, prefix)
    if watch:
        from outrider.cli.dashboard import follow

        follow(app)
        return
    for heading, text in _lines(take(app)):
        click.echo(f"{heading:>12}  {printable(text)}")


def _lines(read: Reading) -> Iterator[tuple[str, str]]:
    for field in fields(read.stats):
        value = getattr(read.stats, field.name)
        if field.name != "queues":
            yield field.name, f"{value:,.1f} s" if isinstance(value, float) else f"{value:,}"
    for name, line in read.stats.queues.items():
        told = f"{name}: {count(line.size, 'job')}, {line.latency:,.1f} s"
        yield "queue", told + (", paused" if line.paused else "")
    for process in read.processes:
        yield "process", f"{process.identity}: {_state(process)}"
    for run in read.runs:
        yield "running", f"{run.job} {run.jid} for {span(run.elapsed)} on {run.process}"
    if more := read.running - len(read.runs):
        yield "running", f"and {count(more, 'job')} that began later"
    for name, held in read.held.items():
        yield "job", f"{name}: {held.size:,} held{', paused' if held.paused else ''}"


def _state(process: Process) -> str:
    quiet = ", quiet" if process.is_quiet else ""
    seen = f", seen {span(max(0.0, now() - process.beat.timestamp()))} ago" if process.beat else ""
    queues = " ".join(process.queues)
    return f"{process.busy:,} of {process.concurrency:,} slots busy{quiet}{seen}, serves {queues}"
