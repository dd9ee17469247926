"""Counts requests: what one look costs is said in round trips and commands, never in time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from outrider import App
from outrider.hub import Flow
from outrider.io import AsyncExecutor, Executor
from outrider.script import Call
from tests import least
from tests.app.hands import raw

T = TypeVar("T")


@contextmanager
def counted() -> Iterator[list[str]]:
    """What is sent meanwhile: names of scripts and commands, a text for each round trip."""
    sent: list[str] = []
    kind, akind = least.executors()
    run_all, arun_all = kind.run_all, akind.run_all

    def name(call: Call[Any]) -> str:
        return call.script.name if call.script else str(call.words[0])

    def note(self: Executor, calls: Sequence[Call[Any]], **kwargs: Any) -> Any:
        sent.append(" ".join(map(name, calls)))
        return run_all(self, calls, **kwargs)

    async def anote(self: AsyncExecutor, calls: Sequence[Call[Any]]) -> Any:
        sent.append(" ".join(map(name, calls)))
        return await arun_all(self, calls)

    kind.run_all, akind.run_all = note, anote  # type: ignore[method-assign]
    try:
        yield sent
    finally:
        kind.run_all, akind.run_all = run_all, arun_all  # type: ignore[method-assign]


def noted(flow: Flow[T], note: Callable[[Call[Any], Any], object]) -> Flow[T]:
    """The same flow; `note` is told of each request that was answered, and of the answer."""
    answer = None
    while True:
        try:
            call = flow.send(answer)
        except StopIteration as end:
            found: T = end.value
            return found
        answer = yield call
        note(call, answer)


def commands(app: App) -> Counter[str]:
    """Commands that the server has performed, those in scripts too."""
    found = raw(app, "INFO", "commandstats").decode()
    counts: Counter[str] = Counter()
    for line in found.splitlines():
        name, _, rest = line.removeprefix("cmdstat_").partition(":calls=")
        if rest:
            counts[name] = int(rest.partition(",")[0])
    return counts
