"""Hearing what the server says of batches and jobs: `app.events.watch`, for threads and asyncio."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import Literal, overload

from outrider import clock, news
from outrider.events import BATCH, BEGAN, BY_SERVER, BatchChange, Event, Handlers, meant
from outrider.hub import Hub
from outrider.io import Topics
from outrider.io.listener import Heard

POLL = 2.0
_NAMES = {
    b"+": "batch.progress",
    b"-": "batch.progress",
    b"x": "batch.death",
    b"!": "batch.complete",
    b"$": "batch.success",
    b".": "batch.settled",
}
OfBatches = Literal[
    "batch.*",
    "batch.progress",
    "batch.death",
    "batch.complete",
    "batch.success",
    "batch.settled",
    "watch.began",
]
"""What gives a `BatchChange` only."""


class Events(Handlers):
    """What happens to the jobs and batches of an app, told as it happens: `on` and `watch`."""

    def __init__(self, hub: Hub) -> None:
        super().__init__()
        self._hub = hub

    @overload
    def watch(self, *patterns: OfBatches) -> Iterator[BatchChange]: ...
    @overload
    def watch(self, *patterns: str) -> Iterator[Event]: ...
    def watch(self, *patterns: str) -> Iterator[Event]:
        """What the server tells from now on, for ever; these events only, `batch.*` by default.

        Those of batches, and of jobs what scripts bring about (`events.BY_SERVER`). It tells
        whoever listens, once and unsaved: what comes while nobody listens, or while the line is
        cut, is missed. `watch.began` says that listening has begun, or begun anew; it comes only
        where it is asked for. Raises ConfigError for a pattern that means none of these, StoreError
        where listening is refused.
        """
        wanted = _wanted(patterns)
        with self._hub.listener(self._topics(wanted)) as listener:
            while True:
                yield from self._told(listener.hear(POLL), wanted)

    @overload
    def awatch(self, *patterns: OfBatches) -> AsyncIterator[BatchChange]: ...
    @overload
    def awatch(self, *patterns: str) -> AsyncIterator[Event]: ...
    async def awatch(self, *patterns: str) -> AsyncIterator[Event]:
        """The same for asyncio."""
        wanted = _wanted(patterns)
        async with self._hub.async_listener(self._topics(wanted)) as listener:
            while True:
                for event in self._told(await listener.hear(POLL), wanted):
                    yield event

    def _topics(self, wanted: frozenset[str]) -> Topics:
        keys, named = self._hub.keys, [name for name in BY_SERVER if name in wanted]
        # With a listener to all batches each step of each is published: not without need.
        all_batches = not named or not wanted.isdisjoint(BATCH)
        patterns = (keys.channels("progress"),) if all_batches else ()
        return Topics(tuple(keys.channel("news", name) for name in named), patterns)

    def _told(self, heard: Iterable[Heard], wanted: frozenset[str]) -> Iterator[Event]:
        keys, now = self._hub.keys, clock.now()
        of_batch, of_jobs = len(keys.channel("progress", "")), keys.channel("news", "")
        for channel, message in heard:
            if channel.startswith(of_jobs):
                name = channel.removeprefix(of_jobs)
                yield from news.read(name, message, now, self._hub.max_payload)
                continue
            token = _NAMES.get(message) if channel else BEGAN
            if token in wanted:
                yield BatchChange(token, now, channel[of_batch:], failed=message == b"-")


def _wanted(patterns: Sequence[str]) -> frozenset[str]:
    return frozenset(meant(patterns or ("batch.*",), (*BATCH, *BY_SERVER, BEGAN)))
