"""`app.held`: jobs that are paused by their name, and what is held for them."""

from __future__ import annotations

from dataclasses import dataclass

from outrider.hub import Flow
from outrider.inspection.names import Named
from outrider.inspection.pausable import Pausable
from outrider.script import Call
from outrider.store import held, overview
from outrider.store.overview import Overview


@dataclass(frozen=True, slots=True)
class HeldReading:
    """One job name at one moment: jobs that are held for it, and whether it is paused."""

    size: int
    paused: bool


class Held(Pausable):
    """What is held for a job of this name, whether it is registered here or not.

    Jobs come here when a worker meets them on their queue, whichever that is; others pass by them.
    They go back to the front of it, and so first, within a second after the name goes on.
    """


class HeldNames(Named[Held]):
    """What is held, by the name of the job.

    Any name may be asked for; those that are paused, or for which jobs are held, are in it.
    """

    def __getitem__(self, name: str) -> Held:
        return Held(self._hub, "held", name)

    def read(self) -> dict[str, HeldReading]:
        """All names of one moment, sorted, in one round trip."""
        return self._hub.perform(self._read())

    async def aread(self) -> dict[str, HeldReading]:
        """The same for asyncio."""
        return await self._hub.aperform(self._read())

    def _known(self) -> Call[list[str]]:
        return held.known(self._hub.keys)

    def _read(self) -> Flow[dict[str, HeldReading]]:
        found: Overview = yield overview.sizes(self._hub.keys)
        return {one.name: HeldReading(one.size, one.paused) for one in found.held}
