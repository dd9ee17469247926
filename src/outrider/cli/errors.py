"""`outrider errors`: failing and dead jobs, in groups of those that failed alike."""

from __future__ import annotations

import click

from outrider.cli.server import app_of, with_server
from outrider.search.failures import ErrorGroup
from outrider.words import count, moment, printable

WIDTH = 120


@click.command(
    short_help="Show what jobs fail of, in groups.",
    context_settings={"ignore_unknown_options": True},
)
@click.argument("wanted", metavar="[FILTER]", default="")
@click.option(
    "--limit",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    help="How many groups to show at most.",
)
@click.option(
    "--most",
    type=click.IntRange(1),
    default=100_000,
    show_default=True,
    help="How many jobs to look at.",
)
@with_server
def errors(wanted: str, *, limit: int, most: int, url: str | None, prefix: str) -> None:
    """Show what jobs fail of, of those that FILTER means: the most frequent first.

    Failures are of one group when job, class of error and message are the same, but for numbers,
    ids and what stands in quotes. `group:…` on a line means its jobs in any other filter.
    """
    found = app_of(url, prefix).errors(wanted, limit, most=most)
    for group in found.groups:
        click.echo(printable(_line(group)))
    told = f"{count(found.count, 'failed job')}, {found.scanned:,} of {found.total:,} looked at"
    if found.others:
        told += f"; {found.others:,} of them in other groups: more with a larger --limit"
    click.echo(told + ("" if found.is_complete else ": more with a larger --most"), err=True)


def _line(group: ErrorGroup) -> str:
    when = moment(group.last_at.timestamp()) if group.last_at else "-"
    what = f"{group.error_class or 'no error'}: {group.shape}"[:WIDTH]
    return f"{group.count:>7,}  {when}  group:{group.fingerprint}  {group.job or '-'}  {what}"
