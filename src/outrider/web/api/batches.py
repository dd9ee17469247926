"""Batches: how they stand, and bringing back, cancelling and forgetting them."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from outrider.standing import not_found
from outrider.status import BatchStatus
from outrider.store import look
from outrider.web import views
from outrider.web.endpoint import endpoint
from outrider.web.shapes.base import Asked, Done, Paged
from outrider.web.shapes.batches import BatchDetail, BatchPage, Explanation
from outrider.web.visit import Visit

Bid = Annotated[str, Meta(pattern="^[0-9a-f]{16}$")]


class Listed(Paged, kw_only=True):
    """A page of the batches in one state."""

    state: Literal["live", "dead"] = "live"


class OneBatch(Asked, kw_only=True):
    """A batch by its id."""

    bid: Bid


class Children(Paged, kw_only=True):
    """A page of the batches inside one."""

    bid: Bid


class Cancelling(Asked, kw_only=True):
    """How to cancel: with `running` async jobs that run are interrupted too."""

    running: bool = False


class Forgetting(Asked, kw_only=True):
    """How to forget: with `force` one that is live is cancelled first."""

    force: bool = False


@endpoint("GET", "/batches")
async def batches(visit: Visit, ask: Listed) -> BatchPage:
    """Batches that are not settled, the longest untouched first; or those with dead jobs.

    Of these the newest death is first.
    """
    page = await visit.app.batches.apage(ask.limit, ask.after or None, ask.state)
    return BatchPage(batches=[*map(views.batch, page.records)], next=page.next)


@endpoint("GET", "/batches/{bid}", problems=(404,))
async def batch(visit: Visit, ask: OneBatch) -> BatchDetail:
    """One batch, with its callbacks and what failed."""
    return views.whole_batch(visit, await _status(visit, ask.bid))


@endpoint("GET", "/batches/{bid}/children", problems=(404,))
async def children(visit: Visit, ask: Children) -> BatchPage:
    """The batches that were made inside one, by their ids."""
    below = (await _status(visit, ask.bid)).child_bids
    bids = [bid for bid in below if bid > ask.after][: ask.limit]
    found = await _pictures(visit, bids)
    more = bids and bids[-1] < below[-1]
    return BatchPage(batches=[*map(views.batch, found)], next=bids[-1] if more else None)


@endpoint("GET", "/batches/{bid}/explanation", problems=(404,))
async def explanation(visit: Visit, ask: OneBatch) -> Explanation:
    """In words, what a batch waits for."""
    return Explanation(text=await (await _status(visit, ask.bid)).aexplain())


@endpoint("POST", "/batches/{bid}:retry-failed", needs="batches.retry", problems=(404, 409))
async def retry_batch(visit: Visit, ask: OneBatch) -> Done:
    """Bring back its dead jobs and callbacks, and run those now that wait for a retry."""
    return Done(count=await (await _status(visit, ask.bid)).aretry_failed())


@endpoint("POST", "/batches/{bid}:cancel", needs="batches.cancel", problems=(404,))
async def cancel_batch(visit: Visit, ask: OneBatch, body: Cancelling) -> Done:
    """Cancel a batch and all below it; one that is settled stays as it is."""
    opened = await visit.app.batches.aopen(ask.bid)
    await opened.acancel(running=body.running)
    return Done()


@endpoint("POST", "/batches/{bid}:delete", needs="batches.delete", problems=(404, 409))
async def delete_batch(visit: Visit, ask: OneBatch, body: Forgetting) -> Done:
    """Forget a batch and all below it; its jobs are not deleted."""
    await (await _status(visit, ask.bid)).adelete(force=body.force)
    return Done()


async def _status(visit: Visit, bid: str) -> BatchStatus:
    status = await visit.app.batches.aget(bid)
    if status is None:
        raise not_found(bid)
    return status


async def _pictures(visit: Visit, bids: list[str]) -> list[BatchStatus]:
    """How these stand that are known, in one round trip."""
    app = visit.app
    calls = [look.picture(app.keys, bid=bid) for bid in bids]
    pictures = zip(bids, await app.async_executor.run_all(calls), strict=True)
    return [BatchStatus(app, bid, picture) for bid, picture in pictures if "v" in picture.fields]
