"""`outrider queue`, `outrider job` and `outrider stats`: operate on queues, pause jobs, look."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields
from itertools import islice
from typing import Any

import click

from outrider.app import App
from outrider.cli.server import app_of
from outrider.cli.workers import workers
from outrider.inspection.record import JobRecord
from outrider.options import check_job_name
from outrider.words import printable

_URL = click.option("--url", help="The server; OUTRIDER_URL or REDIS_URL otherwise.")
_PREFIX = click.option("--prefix", default="", help="The prefix of the app's keys.")

MOST = 1000


def _with_server(command: Callable[..., Any]) -> Callable[..., Any]:
    return _URL(_PREFIX(command))


@click.group()
def queue() -> None:
    """Pause a queue, let it go on, or clear it."""


@queue.command()
@click.argument("name")
@_with_server
def pause(name: str, url: str | None, prefix: str) -> None:
    """Let workers take no jobs from NAME; those that run go on."""
    app_of(url, prefix).queues[name].pause()
    click.echo(f"{name} is paused")


@queue.command()
@click.argument("name")
@_with_server
def resume(name: str, url: str | None, prefix: str) -> None:
    """Let workers take jobs from NAME again."""
    app_of(url, prefix).queues[name].resume()
    click.echo(f"{name} goes on")


@queue.command()
@click.argument("name")
@_with_server
def clear(name: str, url: str | None, prefix: str) -> None:
    """Delete all jobs that wait in NAME; their batches are told."""
    click.echo(f"{name}: {app_of(url, prefix).queues[name].clear():,} jobs deleted")


@click.group()
def job() -> None:
    """Pause all jobs of a name, or let them go on."""


@job.command("pause")
@click.argument("name")
@_with_server
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


@job.command("resume")
@click.argument("name")
@_with_server
def resume_job(name: str, url: str | None, prefix: str) -> None:
    """Let workers run jobs called NAME again; those that were held go first."""
    app_of(url, prefix).held[check_job_name(name)].resume()
    click.echo(f"{name} goes on")


@click.command()
@_with_server
def stats(url: str | None, prefix: str) -> None:
    """Show how many jobs wait and have run, each queue, paused jobs, workers, and what runs."""
    app = app_of(url, prefix)
    reading = app.stats.read()
    for field in fields(reading):
        value = getattr(reading, field.name)
        if field.name == "queues":
            continue
        text = f"{value:,.1f} s" if isinstance(value, float) else f"{value:,}"
        click.echo(f"{field.name:>12}  {text}")
    for name, one in reading.queues.items():
        paused = ", paused" if one.paused else ""
        click.echo(f"{'queue':>12}  {name}: {one.size:,} jobs, {one.latency:,.1f} s{paused}")
    for heading, text in workers(app):
        click.echo(f"{heading:>12}  {text}")
    for name, held in app.held.items():
        paused = ", paused" if held.paused else ""
        click.echo(f"{'job':>12}  {printable(name)}: {held.size:,} held{paused}")
