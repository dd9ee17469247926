"""`outrider queue` and `outrider job`: look at queues, operate on them, pause jobs."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

import click

from outrider.app import App
from outrider.cli.server import app_of, with_server
from outrider.inspection.queues import Queue
from outrider.inspection.record import JobRecord
from outrider.options import check_job_name, check_queue
from outrider.words import aligned, count, printable

MOST = 1000


@click.group(invoke_without_command=True, short_help="List, pause, resume or clear queues.")
@with_server
@click.pass_context
def queue(context: click.Context, url: str | None, prefix: str) -> None:
    """List all queues; or pause one, let it go on, or clear it."""
    if context.invoked_subcommand is not None:
        # What is given before the word counts for it, unless it is given again.
        context.default_map = {context.invoked_subcommand: {"url": url, "prefix": prefix}}
        return
    found = [("queue", "jobs", "latency", "")]
    for name, line in app_of(url, prefix).stats.queues.items():
        paused = "paused" if line.paused else ""
        found.append((printable(name), f"{line.size:,}", f"{line.latency:,.1f} s", paused))
    for text in aligned(found, "<>><"):
        click.echo(text)


@queue.command()
@click.argument("name")
@with_server
def pause(name: str, url: str | None, prefix: str) -> None:
    """Let workers take no jobs from NAME; those that run go on."""
    found, is_known = _named(name, url, prefix)
    if not is_known:
        check_queue(name)
    found.pause()
    click.echo(f"{name} is paused")
    _note(name, is_known)


@queue.command()
@click.argument("name")
@with_server
def resume(name: str, url: str | None, prefix: str) -> None:
    """Let workers take jobs from NAME again."""
    found, is_known = _named(name, url, prefix)
    found.resume()
    click.echo(f"{name} goes on")
    _note(name, is_known)


@queue.command()
@click.argument("name")
@with_server
def clear(name: str, url: str | None, prefix: str) -> None:
    """Delete all jobs that wait in NAME; their batches are told."""
    found, is_known = _named(name, url, prefix)
    click.echo(f"{name}: {count(found.clear(), 'job')} deleted")
    _note(name, is_known)


def _named(name: str, url: str | None, prefix: str) -> tuple[Queue, bool]:
    """A queue, and whether anything was ever pushed to it, or it is paused."""
    queues = app_of(url, prefix).queues
    return queues[name], name in queues


def _note(name: str, is_known: bool) -> None:
    if not is_known:
        told = f"note: nothing was ever pushed to {printable(name)}; see that it is spelt right"
        click.echo(told, err=True)


@click.group(short_help="Pause or resume all jobs of a name.")
def job() -> None:
    """Pause all jobs of a name, or let them go on."""


@job.command("pause")
@click.argument("name")
@with_server
def pause_job(name: str, url: str | None, prefix: str) -> None:
    """Let workers run no job called NAME; those that run go on.

    Any name may be paused, also one whose code is not there yet. If no job at hand has it, that is
    said, since it may be spelt wrongly.
    """
    app = app_of(url, prefix)
    app.held[check_job_name(name)].pause()
    click.echo(f"{name} is paused")
    if not _is_met(app, name):
        told = f"note: no job called {name} was met (looked at what runs, and at the first {MOST:,}"
        click.echo(f"{told} of each queue and set); see that it is spelt right", err=True)


def _is_met(app: App, name: str) -> bool:
    places: list[Iterable[JobRecord]] = [app.work, *app.queues.values(), app.held[name]]
    places += [app.scheduled, app.retries, app.dead]
    return any(job.job == name for place in places for job in islice(place, MOST))


@job.command("resume", short_help="Let workers run jobs called NAME again.")
@click.argument("name")
@with_server
def resume_job(name: str, url: str | None, prefix: str) -> None:
    """Let workers run jobs called NAME again; those that were held go first."""
    app_of(url, prefix).held[check_job_name(name)].resume()
    click.echo(f"{name} goes on")
