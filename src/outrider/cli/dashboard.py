"""`outrider stats --watch`: what goes on, read each second; lines where there is no terminal.

Names and texts of others are shown as text, never as markup, without control characters.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from outrider import clock
from outrider.app import App
from outrider.cli.history import History
from outrider.cli.reading import take
from outrider.errors import StoreUnavailable
from outrider.io import Address
from outrider.words import moment, printable, span

PAUSE = 1.0
Rows = list[tuple[str, ...]]
Section = tuple[tuple[str, ...], Rows]


def follow(app: App) -> None:
    """Show readings until the user has seen enough."""
    console, history = Console(), History()
    history.note(take(app))
    with suppress(KeyboardInterrupt):
        (_on_a_screen if console.is_terminal else _in_lines)(app, console, history)


def _on_a_screen(app: App, console: Console, history: History) -> None:
    where, problem = str(Address(app.url)), ""
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            live.update(draw(history, problem or where, console.height), refresh=True)
            problem = _go_on(app, history)


def _in_lines(app: App, console: Console, history: History) -> None:
    problem = ""
    while True:
        console.print(Text(problem or line(history)), soft_wrap=True)
        problem = _go_on(app, history)


def _go_on(app: App, history: History) -> str:
    """Wait, and read again. An outage does not end the view: what is wrong is returned."""
    time.sleep(PAUSE)
    try:
        history.note(take(app))
    except StoreUnavailable as error:
        return printable(str(error))
    return ""


def line(history: History) -> str:
    """How things stand, in one line."""
    now, stats = history.now, history.now.stats
    return (
        f"{moment(clock.now())}  processed {stats.processed:,} ({history.rate('processed'):,.0f}/s)"
        f"  failed {stats.failed:,} ({history.rate('failed'):,.1f}/s)  enqueued {stats.enqueued:,}"
        f"  scheduled {stats.scheduled:,}  retries {stats.retries:,}  dead {stats.dead:,}"
        f"  busy {stats.busy:,} of {now.slots:,}  latency {_wait(stats.latency)}"
    )


def draw(history: History, where: str, height: int) -> Group:
    """All of it, for a terminal of so many lines."""
    head = _head(history, where)
    sections = [one for one in _sections(history) if one[1]]
    # Each table has a line with the names of its columns, and an empty one above.
    room = height - len(head) - 2 * len(sections)
    parts: list[RenderableType] = [*head]
    for (titles, rows), share in zip(
        sections, shares(room, [len(rows) for _, rows in sections]), strict=True
    ):
        parts += [Text(), _table(titles, rows, share)]
    return Group(*parts)


def shares(room: int, wanted: Sequence[int]) -> list[int]:
    """How many lines each table gets: all it wants, or as many as the others that want more."""
    given = [0] * len(wanted)
    while room > 0 and given != list(wanted):
        for place, want in enumerate(wanted):
            if given[place] < want and room > 0:
                given[place] += 1
                room -= 1
    return given


def _head(history: History, where: str) -> list[Text]:
    now, stats = history.now, history.now.stats
    rates = Text.assemble(
        ("processed ", "dim"),
        (f"{stats.processed:,}", "bold"),
        f"  {history.rate('processed'):,.0f}/s   ",
        ("failed ", "dim"),
        (f"{stats.failed:,}", "bold red" if history.rate("failed") else "bold"),
        f"  {history.rate('failed'):,.1f}/s   ",
        ("busy ", "dim"),
        (f"{stats.busy:,}", "bold"),
        f" of {now.slots:,}",
    )
    rest = Text.assemble(("latency ", "dim"), (_wait(stats.latency), "bold"))
    for name in ("enqueued", "scheduled", "retries", "dead", "expired"):
        rest.append(f"   {name} ", "dim").append(f"{getattr(stats, name):,}", "bold")
    title = Text(f"{moment(clock.now())}  {where}", "cyan")
    lines = [title, rates, rest, Text(history.picture(), "green")]
    for one in lines:
        one.no_wrap, one.overflow = True, "ellipsis"
    return lines


def _sections(history: History) -> list[Section]:
    now = history.now
    queues: Rows = [
        (
            name,
            f"{one.size:,}",
            _wait(one.latency),
            _signed(history.growth(name)),
            _paused(one.paused),
        )
        for name, one in now.stats.queues.items()
    ]
    workers: Rows = [
        (
            process.identity,
            f"{process.busy:,} of {process.concurrency:,}",
            f"{process.rss / 2**20:,.0f} MB",
            _ago(process.beat),
            " ".join(process.queues) + (" quiet" if process.is_quiet else ""),
        )
        for process in now.processes
    ]
    runs: Rows = [(span(run.elapsed), run.job, run.jid, run.process) for run in now.runs]
    held: Rows = [(name, f"{one.size:,}", _paused(one.paused)) for name, one in now.held.items()]
    return [
        (("queue", "jobs", "latency", "growth", ""), queues),
        (("worker", "busy", "memory", "seen", "serves"), workers),
        (("running for", "job", "jid", "worker"), runs),
        (("held", "jobs", ""), held),
    ]


def _table(titles: tuple[str, ...], rows: Rows, share: int) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    numbers = ("jobs", "latency", "growth", "busy", "memory", "seen", "running for")
    for title in titles:
        # Where there is little room names are cut first: a number without its end says nothing.
        table.add_column(
            title,
            justify="right" if title in numbers else "left",
            no_wrap=title in numbers,
            overflow="ellipsis",
        )
    hidden = len(rows) - share
    for row in rows[: max(0, share - 1) if hidden > 0 else share]:
        table.add_row(*(Text(printable(text), no_wrap=True) for text in row))
    if hidden > 0:
        table.add_row(Text(f"… {len(rows) - max(0, share - 1):,} more", "dim"))
    return table


def _wait(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 10 else span(seconds)


def _paused(paused: bool) -> str:
    return "paused" if paused else ""


def _signed(growth: float) -> str:
    return f"{growth:+,.0f}/s" if abs(growth) >= 0.5 else ""


def _ago(at: datetime | None) -> str:
    return f"{span(max(0.0, clock.now() - at.timestamp()))} ago" if at else ""
