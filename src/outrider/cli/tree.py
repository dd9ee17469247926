"""A batch and those below it as a live tree of bars; as plain lines where there is no terminal.

Texts of batches are anybody's: they are shown as text, never as markup, without control characters.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from outrider.app import App
from outrider.status import BatchStatus
from outrider.words import count, printable, span

PAUSE = 0.2
CHILDREN = 12
BATCHES = 60
WIDTH, NUMBERS = 44, 38


@dataclass
class Branch:
    """A batch, those of its children that are shown, and how many more there are."""

    status: BatchStatus
    children: list[Branch] = field(default_factory=list)
    hidden: int = 0


def follow(app: App, bid: str, console: Console) -> None:
    """Show the tree until the batch is settled. Raises BatchNotFound."""
    root = read(app, app.batches[bid])
    if not console.is_terminal:
        _follow_in_lines(app, root, console)
        return
    with Live(draw(root, console.width), console=console, auto_refresh=False) as live:
        while not root.status.is_settled:
            time.sleep(PAUSE)
            root = read(app, root.status.refresh())
            live.update(draw(root, console.width), refresh=True)


def _follow_in_lines(app: App, root: Branch, console: Console) -> None:
    """A line for each change of each batch."""
    shown: dict[str, str] = {}
    while True:
        for branch, level in _walk(root, 0):
            line = f"{'  ' * level}{title(branch.status)}  {numbers(branch.status)}"
            if shown.get(branch.status.bid) != line:
                console.print(Text(line), soft_wrap=True)
            shown[branch.status.bid] = line
        if root.status.is_settled:
            return
        time.sleep(PAUSE)
        root = read(app, root.status.refresh())


def _walk(branch: Branch, level: int) -> list[tuple[Branch, int]]:
    return [(branch, level), *(one for kid in branch.children for one in _walk(kid, level + 1))]


def read(app: App, status: BatchStatus) -> Branch:
    """The tree as it stands: at most so many batches, those that are not settled first."""
    root = Branch(status)
    shown, front = 1, [root]
    while front:
        below: list[Branch] = []
        for branch in front:
            # All that are not shown are counted, also those whose record is gone.
            for kid in branch.status.open_child_bids[: max(0, min(CHILDREN, BATCHES - shown))]:
                child = app.batches.get(kid)
                if child is not None:
                    branch.children.append(Branch(child))
                    shown += 1
            branch.hidden = len(branch.status.child_bids) - len(branch.children)
            below += branch.children
        front = below
    return root


def draw(branch: Branch, columns: int, level: int = 0) -> Tree:
    """The tree for a terminal."""
    tree = Tree(_row(branch.status, columns, level), guide_style="dim")
    for child in branch.children:
        tree.children.append(draw(child, columns, level + 1))
    if branch.hidden:
        tree.add(Text(f"… {branch.hidden:,} more"))
    return tree


def _row(status: BatchStatus, columns: int, level: int) -> Table:
    bar = 24 if columns >= 100 else 12
    row = Table.grid(padding=(0, 1))
    row.add_column(width=max(12, min(WIDTH, columns - bar - NUMBERS) - 4 * level), no_wrap=True)
    row.add_column(width=bar)
    row.add_column(no_wrap=True)
    done = status.total - status.pending
    total = max(1, status.total)
    left = f", {span(status.eta)} left" if status.eta is not None and not level else ""
    row.add_row(
        Text(title(status), overflow="ellipsis"),
        ProgressBar(total=total, completed=done if status.total else total, width=bar),
        Text(numbers(status) + left, overflow="ellipsis"),
    )
    return row


def title(status: BatchStatus) -> str:
    """What its maker called it, or its bid."""
    return printable(status.description or status.bid)


def numbers(status: BatchStatus) -> str:
    """Done of all, failures, and one word for how it stands."""
    done = status.total - status.pending
    failures = f", {count(status.failures, 'failure')}" if status.failures else ""
    return f"{done:,}/{status.total:,}{failures}  {_word(status)}"


def _word(status: BatchStatus) -> str:
    if status.is_success:
        return "success"
    if status.is_cancelled:
        return "cancelled"
    if status.is_settled:
        return "settled"
    if status.is_dead:
        return "death"
    if status.held:
        return "held"
    return "complete" if status.is_complete else "running"
