"""What all that is looked at through an app has in common: it can be counted."""

from __future__ import annotations

from abc import ABC, abstractmethod

from outrider.hub import Flow, Hub
from outrider.script import Call


class Counted(ABC):
    """Something of which there are so many."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    @abstractmethod
    def _count(self) -> Flow[int] | Call[int]:
        """How many there are."""

    def __len__(self) -> int:
        return self._hub.perform(self._count())

    @property
    def size(self) -> int:
        """How many there are; the same as `len`."""
        return len(self)

    async def asize(self) -> int:
        """The same for asyncio."""
        return await self._hub.aperform(self._count())
