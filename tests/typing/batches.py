"""How batches and running jobs look to a type checker (see test_mypy.py)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, assert_type

from outrider import (
    App,
    Batch,
    BatchChange,
    BatchEvent,
    BatchStatus,
    FailedJob,
    JobEvent,
    Process,
    RunningJob,
    RunRecord,
    current_batch,
    current_job,
    valid_within_batch,
)

app = App("redis://h")


@app.callbacks
class Gallery:
    """It stays the class that it was."""

    size = 5

    def on_success(self, status: BatchStatus, options: dict[str, Any]) -> None: ...


@app.on_death
def alert(job: RunningJob, error: BaseException) -> None: ...


assert_type(Gallery().size, int)
Gallery().nothing  # type: ignore[attr-defined]  # noqa: B018


def make() -> None:
    """A batch is made, called back and filled."""
    batch = app.batch(description="d", callback_queue="critical", tags=["a"])
    assert_type(batch, Batch)
    assert_type(batch.bid, str)
    assert_type(batch.on("success", Gallery, uid=1), Batch)
    with batch.jobs():
        pass
    app.batch("d")  # type: ignore[call-arg]
    app.batch(descripton="d")  # type: ignore[call-arg]
    batch.on(5, Gallery)  # type: ignore[arg-type]
    app.batch(tags=5)  # type: ignore[arg-type]


async def amake() -> None:
    """The same for asyncio."""
    batch = app.batch()
    assert_type(await batch.aon("success", Gallery), Batch)
    async with batch.jobs():
        pass


def look() -> None:
    """Statuses, found and not found."""
    status = app.batches["00"]
    assert_type(status, BatchStatus)
    assert_type(app.batches.get("00"), BatchStatus | None)
    assert_type(app.batches.open("00"), Batch)
    assert_type(list(app.batches), list[BatchStatus])
    assert_type(len(app.batches), int)
    assert_type(status.total, int)
    assert_type(status.percent, float)
    assert_type(status.eta, float | None)
    assert_type(status.created_at, datetime)
    assert_type(status.success_at, datetime | None)
    assert_type(status.is_settled, bool)
    assert_type(status.failure_info, list[FailedJob])
    assert_type(status.tags, list[str])
    assert_type(status.to_dict(), dict[str, Any])
    assert_type(status.refresh(), BatchStatus)
    assert_type(status.join(timeout=5, until="settled"), BatchStatus)
    for event in status.watch():
        assert_type(event, BatchEvent)
        assert_type(event.status, BatchStatus)
    assert_type(status.explain(), str)
    assert_type(status.pending_jids(5), list[str])
    assert_type(status.dead_jobs, list[FailedJob])
    assert_type(status.expires_at, datetime | None)
    status.join(until="done")  # type: ignore[arg-type]
    app.batches[5]  # type: ignore[index]
    app.batches.get("00").total  # type: ignore[union-attr]  # noqa: B018


def follow() -> None:
    """What is told of all batches, and of jobs where these are asked for."""
    for change in app.events.watch():
        assert_type(change, BatchChange)
    for change in app.events.watch("batch.success", "watch.began"):
        assert_type(change.bid, str)
    for event in app.events.watch("job.due", "batch.success"):
        assert_type(event, JobEvent | BatchChange)


async def alook() -> None:
    """The same for asyncio."""
    assert_type(await app.batches.aget("00"), BatchStatus | None)
    async for status in app.batches:
        assert_type(status, BatchStatus)
        assert_type(await status.ajoin(until="success"), BatchStatus)
        async for event in status.awatch():
            assert_type(event.status, BatchStatus)
        assert_type(await status.aexplain(), str)
        await status.ajoin(until="death")  # type: ignore[arg-type]
    async for change in app.events.awatch("batch.*"):
        assert_type(change, BatchChange)


def inside() -> None:
    """What a running job may ask."""
    job = current_job()
    assert_type(job, RunningJob)
    assert_type(job.jid, str)
    assert_type(job.bid, str | None)
    assert_type(job.attempt, int)
    assert_type(job.still_mine(), bool)
    assert_type(current_batch(), Batch | None)
    assert_type(valid_within_batch(), bool)


def numbers() -> None:
    """Queues and statistics."""
    assert_type(app.queues["default"].size, int)
    assert_type(app.stats.processed, int)
    assert_type(app.stats.read().busy, int)
    app.stats.read().nothing  # type: ignore[attr-defined]  # noqa: B018


def workers() -> None:
    """Workers and what runs on them."""
    assert_type(app.processes["a"], Process)
    assert_type(app.processes.get("a"), Process | None)
    assert_type(len(app.processes) + len(app.work), int)
    for process in app.processes:
        assert_type(process.queues, dict[str, int])
        assert_type(process.beat, datetime | None)
        assert_type(process.is_quiet, bool)
        assert_type(process.quiet(), bool)
        process.pid = 5  # type: ignore[misc]
    for run in app.work:
        assert_type(run, RunRecord)
        assert_type(run.started_at, datetime | None)
        assert_type(run.elapsed, float)
    assert_type(app.work.find("a"), RunRecord | None)
    app.processes[5]  # type: ignore[index]


async def aworkers() -> None:
    """The same for asyncio."""
    assert_type(await app.processes.aget("a"), Process | None)
    async for process in app.processes:
        assert_type(await process.astop(), bool)
    async for run in app.work:
        assert_type(run.process, str)
    assert_type(await app.work.asize(), int)
