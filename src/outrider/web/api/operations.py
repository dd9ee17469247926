"""What is done to all jobs that match a filter; and the trash."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Literal

from msgspec import Meta

from outrider.errors import ConfigError
from outrider.operations.operations import Operation as Found
from outrider.operations.trash import TrashedJob as Trashed
from outrider.search.parse import parse
from outrider.web import views
from outrider.web.endpoint import endpoint
from outrider.web.problems import Refusal, not_there
from outrider.web.shapes.base import Asked, Done, Paged, seconds
from outrider.web.shapes.jobs import Operation, OperationPage, TrashedJob, TrashPage
from outrider.web.veil import REVEAL, check_operation
from outrider.web.visit import Visit


class OneOperation(Asked, kw_only=True):
    """An operation by its id."""

    id: Annotated[str, Meta(pattern="^[0-9a-f]{16}$")]


class Start(Asked, kw_only=True):
    """What to do to which jobs: those that came after `as_of`, now by default, are left alone.

    It fails before it touches more than `expect` jobs.
    """

    verb: Literal["delete", "retry", "kill"]
    filter: Annotated[str, Meta(pattern=r"\S", max_length=4096)]
    expect: Annotated[int, Meta(ge=0, le=10**12)] | None = None
    as_of: Annotated[float, Meta(ge=0, le=10**11)] | None = None


class OneTrashed(Asked, kw_only=True):
    """A deleted job by its id."""

    jid: Annotated[str, Meta(min_length=1, max_length=200)]


@endpoint(
    "POST",
    "/operations",
    problems=(409,),
    created=lambda made: f"/operations/{made.id}",
    keyed=True,
)
async def start_operation(visit: Visit, body: Start) -> Operation:
    """Begin to delete, retry or kill all jobs that match a filter; workers do it in steps.

    It needs the permission to do that to one job. What is deleted lies in the trash for ten
    minutes, and can be undone.
    """
    visit.require(f"jobs.{body.verb}")
    check_operation(visit, body.filter)
    parse(body.filter)
    try:
        started = await visit.app.operations.astart(
            body.verb,
            body.filter,
            expect=body.expect,
            as_of=None if body.as_of is None else datetime.fromtimestamp(body.as_of, UTC),
            # Keys of two people may be equal, and mean two things. No key has a blank in it.
            key=f"{visit.key} {visit.who.name}" if visit.key else None,
            by=visit.who.name,
        )
    except ConfigError as error:
        raise Refusal(409, "key-used", str(error)) if visit.key else error from None
    return _shown(visit, started)


@endpoint("GET", "/operations")
async def operations(visit: Visit, ask: Paged) -> OperationPage:
    """Operations of the last days, the newest first."""
    page = await visit.app.operations.apage(ask.limit, ask.after or None)
    return OperationPage(operations=[_shown(visit, one) for one in page.operations], next=page.next)


@endpoint("GET", "/operations/{id}", problems=(404,))
async def operation(visit: Visit, ask: OneOperation) -> Operation:
    """How an operation stands."""
    return _shown(visit, await _found(visit, ask.id))


@endpoint("POST", "/operations/{id}:cancel", needs="operations.cancel", problems=(404,))
async def cancel_operation(visit: Visit, ask: OneOperation) -> Operation:
    """Do no more of it; what is done stays done."""
    return _shown(visit, await (await _found(visit, ask.id)).acancel())


@endpoint(
    "POST",
    "/operations/{id}:undo",
    needs="trash.restore",
    problems=(404,),
    created=lambda made: f"/operations/{made.id}",
)
async def undo_operation(visit: Visit, ask: OneOperation) -> Operation:
    """Put back what it has deleted and is still in the trash, as an operation of its own."""
    return _shown(visit, await (await _found(visit, ask.id)).aundo(by=visit.who.name))


@endpoint("GET", "/trash")
async def trash(visit: Visit, ask: Paged) -> TrashPage:
    """Deleted jobs, the newest first. They lie here for ten minutes."""
    page = await visit.app.trash.apage(ask.limit, ask.after or None)
    return TrashPage(jobs=[_trashed(visit, one) for one in page.jobs], next=page.next)


@endpoint("POST", "/trash/{jid}:restore", needs="trash.restore", problems=(404, 409))
async def restore_job(visit: Visit, ask: OneTrashed) -> Done:
    """Put a deleted job back where it lay; one of a batch stays deleted, as its batch was told."""
    if not await visit.app.trash.arestore(ask.jid):
        raise not_there(f"no job {ask.jid!r} in the trash")
    return Done(count=1)


@endpoint("POST", "/trash:restore-all", needs="trash.restore")
async def restore_all_jobs(visit: Visit) -> Done:
    """Put back all deleted jobs that may go back."""
    return Done(count=await visit.app.trash.arestore_all())


@endpoint("POST", "/trash:empty", needs="trash.empty")
async def empty_trash(visit: Visit) -> Done:
    """Delete all that lies in the trash now, for good."""
    return Done(count=await visit.app.trash.aempty())


async def _found(visit: Visit, id: str) -> Found:
    found = await visit.app.operations.aget(id)
    if found is None:
        raise not_there(f"operation {id} is unknown: it never was, or ended over a week ago")
    return found


def _shown(visit: Visit, found: Found) -> Operation:
    shown = asdict(found.reading)
    if not visit.who.may(REVEAL):  # who may search for what is hidden may have done so
        shown["filter"] = visit.redaction.text(shown["filter"])
    for name in ("as_of", "started_at", "ended_at"):
        shown[name] = seconds(shown[name])
    return Operation(**shown)


def _trashed(visit: Visit, one: Trashed) -> TrashedJob:
    return TrashedJob(
        job=views.job(visit, one.record),
        place=" ".join(one.place).strip(),
        deleted_at=one.deleted_at.timestamp(),
        expires_at=one.expires_at.timestamp(),
        operation=one.operation,
        is_restorable=one.is_restorable,
    )
