"""What `app.queues` and `app.held` have in common: places by the names that the server knows."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import TypeVar

from outrider.hub import Flow
from outrider.inspection.counted import Counted
from outrider.script import Call

T = TypeVar("T")


class Named(Counted, Mapping[str, T]):
    """Places by name. Any name may be asked for; those that the server knows are in it."""

    @abstractmethod
    def _known(self) -> Call[list[str]]:
        """The names that the server knows, sorted."""

    def __contains__(self, name: object) -> bool:
        return any(name == one for one in self)

    def __iter__(self) -> Iterator[str]:
        names = self._hub.perform(self._known())
        return iter(names)

    async def __aiter__(self) -> AsyncIterator[str]:
        for name in await self._hub.aperform(self._known()):
            yield name

    def _count(self) -> Flow[int]:
        names: list[str] = yield self._known()
        return len(names)
