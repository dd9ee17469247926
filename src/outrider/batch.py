"""Batches: jobs that belong together, and callbacks for when they are done."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any

import msgspec

from outrider import callbacks, cancelling, clock
from outrider.block import Block, surrounding_bid
from outrider.delivery import insist
from outrider.errors import ConfigError
from outrider.hold import Hold
from outrider.hub import Flow, Hub
from outrider.ids import EVENTS, new_bid
from outrider.options import check_durability, check_queue, clean_tags
from outrider.status import not_found
from outrider.store import batch as store


class Inherit(Enum):
    """The parent of a batch that is given none: the batch that it is made in, if any."""

    INHERIT = "inherit"


INHERIT = Inherit.INHERIT


class Batch:
    """A batch being made or added to.

    Nothing is written before the first block of jobs is committed. `on` may be called at any time.
    """

    def __init__(
        self,
        hub: Hub,
        *,
        bid: str | None = None,
        description: str | None = None,
        callback_queue: str | None = None,
        tags: Sequence[str] = (),
        parent: Inherit | None = INHERIT,
        success_ratio: float | None = None,
        success_count: int | None = None,
        cancel_when_dead: int | None = None,
    ) -> None:
        self.hub = hub
        self.bid = bid or new_bid()
        self.description = description
        self.callback_queue = None if callback_queue is None else check_queue(callback_queue)
        self.tags = clean_tags(tags)
        self.exists = bid is not None
        self.parent = None if parent is None or self.exists else surrounding_bid(hub)
        self.numbered = 0
        self._goals = _goals(success_ratio, success_count, cancel_when_dead)
        self._callbacks: dict[str, list[str]] = {event: [] for event in EVENTS}

    def __repr__(self) -> str:
        return f"<Batch {self.bid}>"

    def on(self, event: str, target: Any, /, **options: Any) -> Batch:
        """Call `target` back at an event: complete, success, death or settled.

        `target` is a job of the app (called with status and the options as keywords), a class
        marked `@app.callbacks` (its method on_<event> gets status and the options as a dict), or
        the name of either. For an event that has fired, the callback is pushed at once. Raises
        ConfigError for a wrong event or target, TypeError for options that do not fit.
        """
        self.hub.perform(self._on(event, target, options))
        return self

    async def aon(self, event: str, target: Any, /, **options: Any) -> Batch:
        """The same for asyncio: once the batch exists, `on` writes to the server."""
        await self.hub.aperform(self._on(event, target, options))
        return self

    def jobs(self, *, durability: str | None = None) -> Block:
        """A block, for `with` or `async with`: jobs enqueued inside belong to the batch.

        All are pushed in one atomic step at its end, and none if it is left by an exception.
        `durability` is what its end waits for, in place of the app's; also for whatever any of its
        jobs asks. If that does not come NotDurable is raised, and the jobs are pushed all the same.
        """
        return Block(self, None if durability is None else check_durability(durability))

    def open(self) -> Hold[Batch]:
        """Hold the batch open, for `with` or `async with`, while an unknown amount is added.

        Inside, add by as many `jobs()` blocks as it takes: none of complete, success and settled
        fires before the end. Raises BatchFinished or BatchCancelled when nothing can be added.
        """
        return Hold(self)

    def cancel(self, *, running: bool = False) -> None:
        """Cancel the batch and all below it; a settled one stays as it is.

        What waits or fails never runs. Of what is running, only success, discard and deletion
        count; a job can ask `valid_within_batch()`. With `running=True` async jobs that run are
        interrupted too, within two seconds: each gets one `asyncio.CancelledError`, in which it may
        clean up, or which it may suppress in order to end well. Raises BatchNotFound.
        """
        self.hub.perform(self._cancel(running))

    async def acancel(self, *, running: bool = False) -> None:
        """The same for asyncio."""
        await self.hub.aperform(self._cancel(running))

    def invalidate_all(self, *, running: bool = False) -> None:
        """Sidekiq's name for `cancel`."""
        self.cancel(running=running)

    async def ainvalidate_all(self, *, running: bool = False) -> None:
        """Sidekiq's name for `acancel`."""
        await self.acancel(running=running)

    def _cancel(self, running: bool) -> Flow[None]:
        answer = yield from cancelling.cancel(self.hub.keys, self.bid, running=running)
        if answer == store.UNKNOWN:
            raise not_found(self.bid)

    def _on(self, event: str, target: Any, options: dict[str, Any]) -> Flow[None]:
        event = callbacks.check_event(event)
        found = self.hub.target(target, event)
        text = callbacks.encode(found, options, self.hub.max_payload)
        if not self.exists:
            self._callbacks[event].append(text)
            return
        listen = store.listen(
            self.hub.keys, bid=self.bid, event=event, callback=text, now=clock.now_ms()
        )
        answer = yield from insist(self.hub, listen, f"a callback for batch {self.bid}")
        if answer == store.UNKNOWN:
            raise not_found(self.bid)

    def fields(self) -> list[str | int | float]:
        """The batch's first fields, as the committing script takes them."""
        fields: list[str | int | float] = ["n", self.numbered, *self._goals]
        if self.description is not None:
            fields += ["description", self.description]
        if self.callback_queue is not None:
            # Whoever adds a callback later knows the batch by its id alone.
            fields += ["callback_queue", self.callback_queue]
        if self.tags:
            fields += ["tags", msgspec.json.encode(self.tags).decode()]
        for event, texts in self._callbacks.items():
            if texts:
                fields += [f"callbacks:{event}", len(texts)]
            for index, text in enumerate(texts):
                fields += [f"cb:{event}:{index}", text]
        return fields


def _goals(
    ratio: float | None, count: int | None, cancel_when_dead: int | None
) -> list[str | int | float]:
    if ratio is not None and not 0 < ratio <= 1:
        raise ConfigError(f"success_ratio must be more than 0 and at most 1, not {ratio!r}")
    for name, value in (("success_count", count), ("cancel_when_dead", cancel_when_dead)):
        if value is not None and (value < 1 or value != int(value)):
            raise ConfigError(f"{name} must be a whole number from 1, not {value!r}")
    if ratio is not None and count is not None:
        raise ConfigError("give success_ratio or success_count, not both")
    given = {
        "success_ratio": ratio,
        "success_count": count,
        "cancel_when_dead": cancel_when_dead,
    }
    return [word for name, value in given.items() if value is not None for word in (name, value)]
