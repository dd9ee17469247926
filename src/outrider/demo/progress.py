"""What the terminal shows while a batch runs: a bar, or a line now and then."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from rich.console import Console

_EVERY = 1.0  # seconds between two lines


class Screen:
    """Shows how far the batch is: a bar on a terminal, else a plain line about once a second."""

    def __init__(self, console: Console, total: int) -> None:
        self._console = console
        self._total = total
        self._start = time.monotonic()
        self._next_line = 0.0
        self._bar = Progress(
            TextColumn("  resizing"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]:,.0f} jobs/s"),
            TextColumn("{task.fields[failed]}"),
            TimeElapsedColumn(),
            console=console,
            expand=True,
        )
        self._task = self._bar.add_task("resizing", total=total, rate=0.0, failed="0 failed")

    def show(self, done: int, failed: int) -> None:
        """Show that `done` jobs are over, and `failed` are dead or wait for another try."""
        now = time.monotonic()
        rate = done / max(now - self._start, 0.001)
        if self._console.is_terminal:
            words = f"[red]{failed:,} failed[/]" if failed else "0 failed"
            self._bar.update(self._task, completed=done, rate=rate, failed=words)
        elif now >= self._next_line or done == self._total:
            self._next_line = now + _EVERY
            self.say(f"{done:,}/{self._total:,} resized, {rate:,.0f} jobs/s, {failed:,} failed")

    def say(self, words: str) -> None:
        """A line of its own, above the bar."""
        self._console.print(f"  {words}", markup=False, highlight=False, soft_wrap=True)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._console.is_terminal:
            self._bar.stop()
