"""`app.held`: jobs that are paused by their name, and what is held for them."""

from __future__ import annotations

from outrider.hub import Hub
from outrider.inspection.collection import Collection
from outrider.inspection.names import Named
from outrider.script import Call
from outrider.store import held
from outrider.store.place import Place


class Held(Collection):
    """What is held for a job of this name, whether it is registered here or not.

    Jobs come here when a worker meets them on their queue, and go back to the front of it within a
    second after the name goes on.
    """

    def __init__(self, hub: Hub, name: str) -> None:
        super().__init__(hub, Place("held", name))
        self.name = name

    def __repr__(self) -> str:
        return f"<Held {self.name}>"

    @property
    def paused(self) -> bool:
        """Whether workers run no jobs of this name."""
        return self._hub.perform(held.is_paused(self._hub.keys, self.name))

    async def apaused(self) -> bool:
        """The same for asyncio."""
        return await self._hub.aperform(held.is_paused(self._hub.keys, self.name))

    def pause(self) -> None:
        """Let workers run no jobs of this name, members and callbacks of batches neither.

        What they have goes on; others pass by what is held.
        """
        self._hub.perform(held.pause(self._hub.keys, self.name))

    async def apause(self) -> None:
        """The same for asyncio."""
        await self._hub.aperform(held.pause(self._hub.keys, self.name))

    def resume(self) -> None:
        """Let workers run jobs of this name again; what is held goes first."""
        self._hub.perform(held.resume(self._hub.keys, self.name))

    async def aresume(self) -> None:
        """The same for asyncio."""
        await self._hub.aperform(held.resume(self._hub.keys, self.name))


class HeldNames(Named[Held]):
    """What is held, by the name of the job.

    Any name may be asked for; those that are paused, or for which jobs are held, are in it.
    """

    def __getitem__(self, name: str) -> Held:
        return Held(self._hub, name)

    def _known(self) -> Call[list[str]]:
        return held.known(self._hub.keys)
