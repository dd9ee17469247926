"""Enqueueing registered jobs, where that was allowed."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from outrider.errors import ArgumentError, EnqueueError, NotSerializable
from outrider.job import Job
from outrider.web.endpoint import endpoint
from outrider.web.problems import Refusal, forbidden, wrong
from outrider.web.shapes.base import Asked
from outrider.web.visit import Visit


class Wish(Asked, kw_only=True):
    """Which job to enqueue: its registered name and arguments.

    On another queue than its own with `queue`, and `delay` seconds later.
    """

    job: Annotated[str, Meta(min_length=1, max_length=200)]
    args: list[Any] = msgspec.field(default_factory=list)
    kwargs: dict[str, Any] = msgspec.field(default_factory=dict)
    queue: Annotated[str, Meta(pattern="^[A-Za-z0-9_.:-]{1,128}$")] | None = None
    delay: Annotated[float, Meta(ge=0, le=31_536_000)] = 0.0


class Enqueued(msgspec.Struct, kw_only=True):
    """A job that was enqueued."""

    jid: str
    queue: str


@endpoint(
    "POST",
    "/jobs",
    needs="jobs.enqueue",
    problems=(409,),
    created=lambda made: f"/jobs/{made.jid}",
)
async def enqueue_job(visit: Visit, body: Wish) -> Enqueued:
    """Enqueue a job that is registered here, if the application allows that.

    Arguments have to fit its function: their number, their names, and such types as dates, which
    JSON has not. Sent twice, it enqueues two.
    """
    if not visit.allow_enqueue:
        raise forbidden("nothing can be enqueued here: create_app has no allow_enqueue")
    job = visit.app.registry.get(body.job)
    if not isinstance(job, Job):
        raise wrong(f"no job {body.job!r} is registered here")
    options = {} if body.queue is None else {"queue": body.queue}
    try:
        args, kwargs = job.signature.convert(body.args, body.kwargs)
        made = await job.using(**options).aenqueue_in(body.delay, *args, **kwargs)
    except (ArgumentError, NotSerializable, EnqueueError, TypeError) as error:
        raise Refusal(400, "wrong-arguments", str(error)) from None
    if made is None:
        raise Refusal(409, "vetoed", f"a middleware of {body.job} vetoed it")
    return Enqueued(jid=made.jid, queue=made.queue)
