"""`with batch.open()`: holds a batch open while an unknown amount is added."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from types import TracebackType
from typing import Generic, TypeVar

from outrider import clock
from outrider.block import Filled, check, check_adder, is_inside
from outrider.client import open_outbox
from outrider.delivery import insist
from outrider.errors import EnqueueError, StoreError
from outrider.hub import Flow
from outrider.store import batch as batches
from outrider.store import life as store

RENEW = 60.0
B = TypeVar("B", bound=Filled)


class Hold(Generic[B]):
    """For `with` or `async with`; gives the batch.

    A batch that is held fires none of complete, success and settled. A hold left by an exception
    bars success until a later one ends well. One whose process is gone lapses after ten minutes.
    """

    def __init__(self, batch: B) -> None:
        self._batch = batch
        self._name = os.urandom(6).hex()
        self._ended = threading.Event()
        self._task: asyncio.Task[None] | None = None

    def __enter__(self) -> B:
        self._batch.hub.perform(self._begin())
        threading.Thread(target=self._keep, name="outrider-hold", daemon=True).start()
        return self._batch

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._batch.hub.perform(self._end(well=error is None))

    async def __aenter__(self) -> B:
        try:
            await self._batch.hub.aperform(self._begin())
        except asyncio.CancelledError:
            # It may have been taken, and nobody else would end it before it lapses.
            with contextlib.suppress(StoreError):
                await self._batch.hub.aperform(self._end(well=False))
            raise
        self._task = asyncio.create_task(self._akeep())
        return self._batch

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if self._task is not None:
            self._task.cancel()
        await self._batch.hub.aperform(self._end(well=error is None))

    def _begin(self) -> Flow[None]:
        batch = self._batch
        check_adder(batch.bid)
        if not batch.exists and open_outbox(batch.hub) is not None:
            raise EnqueueError(
                f"batch {batch.bid} comes into being when this outbox job succeeds, so it can't be "
                "held open here: add all its jobs by jobs()"
            )
        fields = [] if batch.exists else batch.fields()
        parent = batch.parent or ""
        inside = is_inside(batch.hub, parent if fields else batch.bid)
        part = batches.Part(batch.bid, parent, fields, [], "", inside, self._name)
        commit = batches.commit(
            batch.hub.keys, batches=[part], queues=[], scheduled=[], staged=[], now=clock.now_ms()
        )
        committed = yield from insist(batch.hub, commit, f"holding batch {batch.bid} open")
        check(committed.answer, committed.bid)
        batch.exists = True

    def _end(self, *, well: bool) -> Flow[None]:
        yield store.release(
            self._batch.hub.keys,
            bid=self._batch.bid,
            hold=self._name,
            well=int(well),
            now=clock.now_ms(),
        )

    def _renewal(self) -> Flow[None]:
        yield store.renew(self._batch.hub.keys, bid=self._batch.bid, hold=self._name)

    def _keep(self) -> None:
        while not self._ended.wait(RENEW):
            # The lease outlives minutes of outage; the block's own requests say what is wrong.
            with contextlib.suppress(StoreError):
                self._batch.hub.perform(self._renewal())

    async def _akeep(self) -> None:
        while True:
            await asyncio.sleep(RENEW)
            with contextlib.suppress(StoreError):
                await self._batch.hub.aperform(self._renewal())
