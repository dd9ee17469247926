"""What a running job may ask of the batch that it belongs to."""

from __future__ import annotations

from outrider.batch import Batch
from outrider.context import current_job
from outrider.store import batch as store


def current_batch() -> Batch | None:
    """The batch that the running job is a member of, open for adding; None outside of one.

    In a callback it is the parent of the batch that called back, None at a root.
    """
    job = current_job()
    bid = job.bid or job.callback_parent
    return None if bid is None else Batch(job.app, bid=bid)


def valid_within_batch() -> bool:
    """Whether the running job's work is still wanted: False once its batch is cancelled."""
    job = current_job()
    return job.bid is None or not job.app.perform(store.is_cancelled(job.app.keys, job.bid))


async def avalid_within_batch() -> bool:
    """The same for asyncio."""
    job = current_job()
    if job.bid is None:
        return True
    return not await job.app.aperform(store.is_cancelled(job.app.keys, job.bid))
