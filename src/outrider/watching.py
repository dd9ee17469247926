"""Hearing what the server says of all batches: `app.events.watch`, for threads and for asyncio."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence

from outrider import clock
from outrider.events import BATCH, BEGAN, BatchChange, Handlers, meant
from outrider.hub import Hub
from outrider.io.listener import ANEW, Heard

POLL = 2.0
_NAMES = {
    "+": "batch.progress",
    "-": "batch.progress",
    "x": "batch.death",
    "!": "batch.complete",
    "$": "batch.success",
    ".": "batch.settled",
}
_ANY = "".join(_NAMES)


class Events(Handlers):
    """What happens to the jobs and batches of an app, told as it happens: `on` and `watch`."""

    def __init__(self, hub: Hub) -> None:
        super().__init__()
        self._hub = hub

    def watch(self, *patterns: str) -> Iterator[BatchChange]:
        """What happens to batches from now on, for ever; these events only, all by default.

        The server tells whoever listens, once and unsaved: what comes while nobody listens, or
        while the line is cut, is missed. `watch.began` says that listening has begun, or begun
        anew; it comes only where it is asked for. Raises ConfigError for a pattern that no event
        of a batch has, StoreError where listening is refused.
        """
        wanted = _wanted(patterns)
        with self._hub.listener() as listener:
            while True:
                yield from self._changes(listener.hear(POLL, _ANY), wanted)

    async def awatch(self, *patterns: str) -> AsyncIterator[BatchChange]:
        """The same for asyncio."""
        wanted = _wanted(patterns)
        async with self._hub.async_listener() as listener:
            while True:
                for change in self._changes(await listener.hear(POLL, _ANY), wanted):
                    yield change

    def _changes(self, heard: Iterable[Heard], wanted: frozenset[str]) -> Iterator[BatchChange]:
        beginning = len(self._hub.keys.channel(""))
        for channel, said in heard:
            name = BEGAN if said == ANEW else _NAMES.get(said)
            if name in wanted:
                yield BatchChange(name, clock.now(), channel[beginning:], failed=said == "-")


def _wanted(patterns: Sequence[str]) -> frozenset[str]:
    return frozenset(meant(patterns or ("batch.*",), (*BATCH, BEGAN)))
