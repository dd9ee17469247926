"""What queues and held jobs have in common: a name, and that people may pause them."""

from __future__ import annotations

from outrider.hub import Hub
from outrider.inspection.collection import Collection
from outrider.store import pauses
from outrider.store.place import Kind, Place


class Pausable(Collection):
    """Jobs in a place that has a name, whether there was ever one or not."""

    def __init__(self, hub: Hub, kind: Kind, name: str) -> None:
        super().__init__(hub, Place(kind, name))
        self.name = name

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    @property
    def paused(self) -> bool:
        """Whether workers leave such jobs alone."""
        return self._hub.perform(pauses.is_paused(self._hub.keys, self._place))

    async def apaused(self) -> bool:
        """The same for asyncio."""
        return await self._hub.aperform(pauses.is_paused(self._hub.keys, self._place))

    def pause(self) -> None:
        """Let workers leave such jobs alone, members and callbacks of batches too, until `resume`.

        What workers have goes on.
        """
        self._hub.perform(pauses.pause(self._hub.keys, self._place))

    async def apause(self) -> None:
        """The same for asyncio."""
        await self._hub.aperform(pauses.pause(self._hub.keys, self._place))

    def resume(self) -> None:
        """Let workers go on with them."""
        self._hub.perform(pauses.resume(self._hub.keys, self._place))

    async def aresume(self) -> None:
        """The same for asyncio."""
        await self._hub.aperform(pauses.resume(self._hub.keys, self._place))
