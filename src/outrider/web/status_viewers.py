"""All viewers of a batch in one event loop share one connection and one reading of it."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from outrider.app import App
from outrider.errors import StoreError
from outrider.status import BatchStatus
from outrider.waiting import ALL, MILESTONES, POLL

GAP = 0.25  # readings are so many seconds apart, unless a milestone is passed


class Look:
    """A batch that is looked at: `change` is done when there is a reading after `latest`."""

    def __init__(self, app: App, bid: str) -> None:
        self._app, self._bid = app, bid
        self.viewers = 0
        self.latest: BatchStatus | None = None
        self.change = self._future()
        self._task = asyncio.ensure_future(self._run())

    def _future(self) -> asyncio.Future[None]:
        return asyncio.get_running_loop().create_future()

    async def _run(self) -> None:
        try:
            async with self._app.async_listener(self._bid) as listener:
                while True:
                    _ = await listener.wait(GAP, MILESTONES) or await listener.wait(POLL, ALL)
                    with suppress(StoreError):  # the server is away: viewers wait with us
                        self._tell(await self._app.batches.aget(self._bid))
        except Exception as error:  # whoever waits must hear of it
            self.change.set_exception(error)

    def _tell(self, reading: BatchStatus | None) -> None:
        before, self.change, self.latest = self.change, self._future(), reading
        before.set_result(None)

    def end(self) -> None:
        """Look no more."""
        self._task.cancel()


class Viewers:
    """The looks that are under way, in each event loop."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._looks: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Look]] = (
            weakref.WeakKeyDictionary()
        )

    @contextmanager
    def look(self, status: BatchStatus) -> Iterator[Look]:
        """Look at a batch as one of its viewers; `status` is a reading of just now."""
        looks = self._looks.setdefault(asyncio.get_running_loop(), {})
        look = looks.get(status.bid)
        if look is None:
            look = looks[status.bid] = Look(self._app, status.bid)
        look.latest = status
        look.viewers += 1
        try:
            yield look
        finally:
            look.viewers -= 1
            if not look.viewers:
                look.end()
                del looks[status.bid]
