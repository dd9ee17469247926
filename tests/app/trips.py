"""Counts requests: what one look costs is said in round trips and commands, never in time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from outrider import App
from outrider.io import AsyncExecutor, Executor
from outrider.script import Call
from tests.app.hands import raw


@contextmanager
def counted() -> Iterator[list[str]]:
    """What is sent meanwhile: a script's name, or a command's, for each request."""
    sent: list[str] = []
    run, arun = Executor.run, AsyncExecutor.run

    def name(call: Call[Any]) -> str:
        return call.script.name if call.script else str(call.words[0])

    def note(self: Executor, call: Call[Any], **kwargs: Any) -> Any:
        sent.append(name(call))
        return run(self, call, **kwargs)

    async def anote(self: AsyncExecutor, call: Call[Any]) -> Any:
        sent.append(name(call))
        return await arun(self, call)

    Executor.run, AsyncExecutor.run = note, anote  # type: ignore[method-assign]
    try:
        yield sent
    finally:
        Executor.run, AsyncExecutor.run = run, arun  # type: ignore[method-assign]


def commands(app: App) -> Counter[str]:
    """Commands that the server has performed, those in scripts too."""
    found = raw(app, "INFO", "commandstats").decode()
    counts: Counter[str] = Counter()
    for line in found.splitlines():
        name, _, rest = line.removeprefix("cmdstat_").partition(":calls=")
        if rest:
            counts[name] = int(rest.partition(",")[0])
    return counts
