"""`app.held`: jobs that are paused by their name, and what is held for them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping

from outrider.hub import Hub
from outrider.inspection.collection import Collection
from outrider.store import held, place
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

    def __len__(self) -> int:
        return self._hub.perform(place.size(self._hub.keys, self._place))

    @property
    def size(self) -> int:
        """How many jobs are held; the same as `len`."""
        return len(self)

    async def asize(self) -> int:
        """The same for asyncio."""
        return await self._hub.aperform(place.size(self._hub.keys, self._place))

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


class HeldNames(Mapping[str, Held]):
    """What is held, by the name of the job.

    Any name may be asked for; those that are paused, or for which jobs are held, are in it.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def __getitem__(self, name: str) -> Held:
        return Held(self._hub, name)

    def __contains__(self, name: object) -> bool:
        return any(name == one for one in self)

    def __iter__(self) -> Iterator[str]:
        names: list[str] = self._hub.perform(held.known(self._hub.keys))
        return iter(names)

    async def __aiter__(self) -> AsyncIterator[str]:
        for name in await self._hub.aperform(held.known(self._hub.keys)):
            yield name

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @property
    def size(self) -> int:
        """How many there are; the same as `len`."""
        return len(self)

    async def asize(self) -> int:
        """The same for asyncio."""
        names: list[str] = await self._hub.aperform(held.known(self._hub.keys))
        return len(names)
