"""What the service functions show of jobs and batches: names are short, secrets hidden."""

from __future__ import annotations

from typing import Any

from msgspec import convert

from outrider.inspection.collection import Collection
from outrider.inspection.queues import QueueReading
from outrider.inspection.record import JobRecord
from outrider.inspection.stats import Numbers, StatsReading
from outrider.inspection.work import RunRecord
from outrider.status import BatchStatus
from outrider.tally import BatchRecord
from outrider.web.shapes.base import Paged, seconds
from outrider.web.shapes.batches import Batch, BatchDetail, BatchEvent, FailedJob
from outrider.web.shapes.jobs import Job, JobPage
from outrider.web.shapes.places import Overview, Queue, Run
from outrider.web.showing import HIDDEN, LISTED, Show, positional, short
from outrider.web.veil import REVEAL
from outrider.web.visit import Visit

FAILURES = 100


def job(visit: Visit, record: JobRecord, *, room: int = LISTED, reveal: bool = False) -> Job:
    """A job, with so many characters of its data."""
    show = Show(None if reveal else visit.redaction, room)
    args, kwargs = positional(visit.app, record, show), show.value(record.kwargs)
    return Job(
        jid=short(record.jid),
        job=short(record.job),
        queue=short(record.queue),
        state=record.state or "",
        args=args,
        kwargs=kwargs,
        bid=None if record.bid is None else short(record.bid),
        tags=show.value(record.tags),
        created_at=seconds(record.created_at),
        enqueued_at=seconds(record.enqueued_at),
        failed_at=seconds(record.failed_at),
        error_class=show.words(record.error_class),
        error_message=show.words(record.error_message),
        retry_count=record.retry_count,
        at=seconds(record.at),
        size=len(record.raw),
        is_cut=show.is_cut,
        is_readable=bool(record.jid),
    )


def run(visit: Visit, record: RunRecord) -> Run:
    """A running job."""
    return Run(
        process=short(record.process),
        slot=short(record.slot),
        attempt=record.attempt,
        started_at=seconds(record.started_at),
        elapsed=record.elapsed,
        job=job(visit, record),
    )


def batch(status: BatchRecord) -> Batch:
    """A batch as it is in a list."""
    return Batch(**_batch(status))


def whole_batch(visit: Visit, status: BatchStatus) -> BatchDetail:
    """A batch by itself."""
    show = Show(visit.redaction, LISTED * FAILURES)
    # The arguments that a message may quote are not known here.
    reveals = visit.who.may(REVEAL)
    failures = [
        FailedJob(
            jid=one.jid,
            job=short(one.job),
            error_class=show.words(one.error_class) or "",
            error_message=(show.words(one.error_message) or "") if reveals else HIDDEN,
            failed_at=one.failed_at,
        )
        for one in status.failure_info[:FAILURES]
    ]
    callbacks = [convert(one._asdict(), BatchEvent) for one in status.callbacks]
    return BatchDetail(**_batch(status), eta=status.eta, callbacks=callbacks, fail_info=failures)


def _batch(status: BatchRecord) -> dict[str, Any]:
    plain = ("bid", "total", "pending", "failures", "dead", "discarded", "deleted", "cancelled")
    flags = ("is_complete", "is_success", "is_settled", "is_dead", "is_cancelled")
    times = ("created_at", "complete_at", "success_at", "death_at", "settled_at", "expires_at")
    return {
        **{name: getattr(status, name) for name in (*plain, *flags, "percent")},
        **{name: seconds(getattr(status, name)) for name in times},
        "description": None if status.description is None else short(status.description, 500),
        "is_barred": status.barred,
        "holds": status.held,
        "parent_bid": status.parent_bid,
        "tags": [short(tag) for tag in status.tags[:20]],
        "children": status.number("kids"),
    }


def overview(found: StatsReading) -> Overview:
    """Numbers of one moment."""
    numbers = {name: getattr(found, name) for name in Numbers.__slots__}
    return Overview(**numbers, queues=queues(found))


def queue(name: str, found: QueueReading) -> Queue:
    """A queue, as it was read."""
    return Queue(name=name, size=found.size, latency=found.latency, paused=found.paused)


def queues(found: StatsReading) -> list[Queue]:
    """All queues, as they were read."""
    return [queue(short(name), one) for name, one in found.queues.items()]


async def page(visit: Visit, where: Collection, ask: Paged) -> JobPage:
    """A page of the jobs of a place."""
    found = await where.apage(ask.limit, ask.after or None)
    return JobPage(jobs=[job(visit, one) for one in found.records], next=found.next)
