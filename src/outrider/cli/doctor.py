"""`outrider doctor`: whether the server is set up so that jobs are safe there."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from outrider.app import App
from outrider.checkup import rights
from outrider.checkup.facts import gather
from outrider.checkup.judge import Finding, judge
from outrider.checkup.roles import ROLES, rights_of
from outrider.cli.server import app_of
from outrider.io import Address
from outrider.words import printable
from outrider.worker.target import load

_STYLES = {"ok": "green", "warning": "yellow", "error": "bold red", "unknown": "dim"}


@click.command(short_help="Check the server's configuration.")
@click.argument("target", required=False)
@click.option("--url", help="The server; OUTRIDER_URL or REDIS_URL otherwise.")
@click.option("--prefix", help="The prefix of the app's keys.")
@click.option(
    "--role",
    "roles",
    type=click.Choice(list(ROLES)),
    multiple=True,
    default=("worker",),
    show_default=True,
    help="What the server's user is there for; more than one may be given.",
)
@click.option("--acl", is_flag=True, help="Print the rule of the smallest user for these roles.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def doctor(
    target: str | None,
    url: str | None,
    prefix: str | None,
    roles: tuple[str, ...],
    acl: bool,
    as_json: bool,
) -> None:
    """Check the server's configuration: of the app TARGET, or the one that the environment names.

    Ends with 1 when a worker would refuse to start there.
    """
    app = _app(target, url, prefix)
    if acl:
        click.echo(rights.setuser("-".join(roles), rights_of(*roles), app.keys))
        return
    findings = judge(app.perform(gather(app.keys, app.url, roles, deep=True)))
    where = str(Address(app.url))
    if as_json:
        click.echo(json.dumps({"server": where, "findings": [one._asdict() for one in findings]}))
    else:
        _show(where, findings)
    sys.exit(any(finding.level == "error" for finding in findings))


def _app(target: str | None, url: str | None, prefix: str | None) -> App:
    if target is None:
        return app_of(url, prefix or "")
    app = load(target)
    if url is None and prefix is None:
        return app
    return App(url or app.configured_url, prefix=app.keys.prefix if prefix is None else prefix)


def _show(where: str, findings: Sequence[Finding]) -> None:
    console = Console()
    console.print(Text(f"server at {where}"), soft_wrap=True)
    if not console.is_terminal:
        for one in findings:
            click.echo(f"{one.level:<8} {one.check:<12} {printable(str(one))}")
        return
    table = Table(box=None, show_header=False, padding=(0, 1))
    for one in findings:
        told = Text(printable(one.what))
        if one.advice:
            told.append(f"\n→ {one.advice}", "dim")
        table.add_row(Text(one.level, _STYLES[one.level]), one.check, told)
    console.print(table)
