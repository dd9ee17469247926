"""`outrider search`: find jobs wherever they are."""

from __future__ import annotations

from collections.abc import Iterator
from reprlib import Repr
from typing import Any

import click
import msgspec

from outrider.app import App
from outrider.cli.server import app_of, with_server
from outrider.inspection.record import JobRecord, decode
from outrider.inspection.work import RunRecord
from outrider.search.counting import Facet
from outrider.search.scan import SearchPage
from outrider.words import count, printable

WIDTH = 80
_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxother = WIDTH


@click.command(
    short_help="Find jobs, wherever they are.", context_settings={"ignore_unknown_options": True}
)
@click.argument("words", metavar="FILTER", nargs=-1, required=True)
@click.option(
    "--limit",
    type=click.IntRange(1),
    default=50,
    show_default=True,
    help="How many jobs to show at most.",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print each job as a line of JSON, with its whole payload.",
)
@click.option(
    "--count", "as_count", is_flag=True, help="Print how many there are, and of what, not which."
)
@with_server
def search(
    words: tuple[str, ...], limit: int, as_json: bool, as_count: bool, url: str | None, prefix: str
) -> None:
    """Find jobs by FILTER, such as 'job:resize state:dead error:Timeout age:>1h -word'.

    It is one argument, so put it in quotes. Qualifiers are job: state: queue: error: tag: batch:
    jid: group: arg.PATH= attempt: age: before: after:, and words are looked for everywhere in a
    job.
    """
    if as_count and as_json:
        raise click.UsageError("--count prints no jobs, so there is nothing for --json")
    if len(words) > 1:  # the shell has taken the quotes off: who knows where they were
        raise click.UsageError("a filter is one argument: put all of it in quotes")
    (wanted,) = words
    app = app_of(url, prefix)
    if as_count:
        _count(app, wanted, limit)
        return
    found = scanned = total = 0
    more = False
    for page in _pages(app, wanted, limit):
        for record in page.records:
            click.echo(_json(record) if as_json else _line(record))
        found, scanned = found + len(page.records), scanned + page.scanned
        total, more = max(total, scanned, page.total), page.next is not None
    told = f"{count(found, 'job')} found, {scanned:,} of {total:,} looked at"
    click.echo(told + (": more with a larger --limit" if more else ""), err=True)


def _count(app: App, wanted: str, limit: int) -> None:
    """The first so many values of what jobs are, with their numbers."""
    found = app.facets(wanted, limit)
    for name in ("states", "queues", "jobs", "errors"):
        facet: Facet = getattr(found, name)
        for value, often in facet.values.items():
            click.echo(printable(f"{often:>9,}  {name.removesuffix('s'):<5}  {_cut(value) or '-'}"))
        if facet.others:
            click.echo(f"{facet.others:>9,}  {name.removesuffix('s'):<5}  of other {name}")
    told = f"{count(found.count, 'job')}, {found.scanned:,} of {found.total:,} looked at"
    click.echo(told + ("" if found.is_complete else ": those that lie first"), err=True)


def _pages(app: App, wanted: str, limit: int) -> Iterator[SearchPage]:
    """Pages until enough is found, or all is looked at."""
    left, after = limit, None
    while left > 0:
        page = app.search(wanted, left, after)
        yield page
        left, after = left - len(page.records), page.next
        if after is None:
            return


def _json(record: JobRecord) -> bytes:
    """Where it lies, and its payload: as it is, or as a text where that is no JSON."""
    at = record.started_at if isinstance(record, RunRecord) else record.at
    where: dict[str, Any] = {"state": record.state, "at": None if at is None else at.timestamp()}
    if isinstance(record, RunRecord):
        where |= {"process": record.process, "slot": record.slot}
    elif record.place is not None and record.place.name:
        where["name"] = record.place.name
    if decode(record.raw):
        where["payload"] = msgspec.Raw(b" ".join(record.raw.split(b"\n")))
    else:
        where["payload"] = record.text
    return msgspec.json.encode(where)


def _line(record: JobRecord) -> str:
    where = f"{record.state} on {record.process}" if isinstance(record, RunRecord) else record.state
    if not decode(record.raw):
        return printable(f"-  {where}  no job: {_cut(record.text)}")
    named = (f"{name}={_SHORT.repr(value)}" for name, value in record.kwargs.items())
    given = ", ".join([*map(_SHORT.repr, record.args), *named])
    place = record.place
    queue = place.name if place is not None and place.kind == "queue" else record.queue
    told = f"{record.jid or '-'}  {where}  {queue}  {record.job}({_cut(given)})"
    if record.error_class:
        told += f"  {record.error_class}: {_cut(record.error_message or '')}"
    return printable(told)


def _cut(text: str) -> str:
    return text if len(text) <= WIDTH else text[: WIDTH - 1] + "…"
