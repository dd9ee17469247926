"""`outrider mark`: notes a moment, such as a deploy, for all who look at metrics."""

from __future__ import annotations

import click

from outrider import words
from outrider.cli.server import app_of, with_server


@click.command(short_help="Mark this moment in metrics.")
@click.argument("label")
@with_server
def mark(label: str, url: str | None, prefix: str) -> None:
    """Mark this moment with LABEL, such as a release, in charts of metrics.

    The same label within a minute is one mark, so each host of a deploy may say it.
    """
    made = app_of(url, prefix).metrics.mark(label)
    click.echo(f"{label} is marked at {words.moment(made.at.timestamp())}")
