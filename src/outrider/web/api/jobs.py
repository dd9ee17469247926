"""Jobs: searching them, looking at one, and acting on one."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from outrider.app import App
from outrider.clock import now
from outrider.inspection.collection import Collection
from outrider.inspection.record import JobRecord
from outrider.inspection.sets import JobSet
from outrider.search.filter import Filter
from outrider.search.terms import OneOf
from outrider.web import views
from outrider.web.endpoint import endpoint
from outrider.web.problems import Refusal, not_there
from outrider.web.shapes.base import Asked, Done, Paged
from outrider.web.shapes.jobs import Found, Job, JobPage
from outrider.web.showing import FULL
from outrider.web.veil import REVEAL, sought
from outrider.web.visit import Visit

MOST = 100_000
FEWER = 20_000
"""How many jobs one request looks at, and where each has to be hidden in part before it is."""

FARTHEST, ROUNDS = 1_000_000, 8
"""How far one job is looked for by its id. A round ends after so many bytes, often before that."""

Jid = Annotated[str, Meta(min_length=1, max_length=200)]


class Search(Paged, kw_only=True):
    """What to look for: see the language of filters. Without one, all jobs."""

    filter: Annotated[str, Meta(max_length=4096)] = ""


class OneJob(Asked, kw_only=True):
    """A job by its id."""

    jid: Jid


class Look(OneJob, kw_only=True):
    """A job by its id; with `reveal` yes what redaction hides is shown, and that is noted."""

    reveal: Literal["yes", "no"] = "no"


class OneSet(Paged, kw_only=True):
    """A page of one of the sets."""

    set: Literal["scheduled", "retries", "dead"]


@endpoint("GET", "/jobs")
async def jobs(visit: Visit, ask: Search) -> Found:
    """Jobs that match a filter, wherever they lie.

    Looks at up to 100,000 (20,000 without the permission `jobs.reveal`), and goes on with `after`.
    """
    most = MOST if visit.who.may(REVEAL) else FEWER
    wanted = sought(visit, ask.filter)
    page = await visit.app.asearch(wanted, ask.limit, ask.after or None, most)
    return Found(
        jobs=[views.job(visit, one) for one in page.records],
        scanned=page.scanned,
        total=page.total,
        next=page.next,
        seconds=page.seconds,
    )


@endpoint("GET", "/jobs/{jid}", problems=(404,))
async def job(visit: Visit, ask: Look) -> Job:
    """One job, with up to 256 KiB of its data."""
    reveal = ask.reveal == "yes"
    if reveal:
        visit.require(REVEAL)
        visit.note("reveal", {"jid": ask.jid}, "done")
    record = await _found(visit, ask.jid)
    return views.job(visit, record, room=FULL, reveal=reveal)


@endpoint("GET", "/sets/{set}/jobs")
async def set_jobs(visit: Visit, ask: OneSet) -> JobPage:
    """Jobs of a set by time, the earliest first: due then, or in `dead` dead since."""
    app = visit.app
    sets = {"scheduled": app.scheduled, "retries": app.retries, "dead": app.dead}
    return await views.page(visit, sets[ask.set], ask)


@endpoint("POST", "/jobs/{jid}:retry", needs="jobs.retry", problems=(404, 409))
async def retry_job(visit: Visit, ask: OneJob) -> Done:
    """Put a scheduled, failing or dead job on its queue now; it does not count as an attempt."""
    where = _home(visit.app, await _found(visit, ask.jid))
    if not isinstance(where, JobSet):
        raise Refusal(409, "not-waiting", f"job {ask.jid} waits for no time: it is where it runs")
    return _done(ask.jid, await where.aretry(ask.jid))


@endpoint("POST", "/jobs/{jid}:delete", needs="jobs.delete", problems=(404, 409))
async def delete_job(visit: Visit, ask: OneJob) -> Done:
    """Delete a job, and tell its batch; it lies in the trash for ten minutes."""
    where = _home(visit.app, await _found(visit, ask.jid))
    return _done(ask.jid, await where.adelete(ask.jid))


@endpoint("POST", "/jobs/{jid}:kill", needs="jobs.kill", problems=(404, 409))
async def kill_job(visit: Visit, ask: OneJob) -> Done:
    """Move a job to the dead set, and tell its batch."""
    where = _home(visit.app, await _found(visit, ask.jid))
    return _done(ask.jid, await where.akill(ask.jid))


async def _found(visit: Visit, jid: str) -> JobRecord:
    wanted = Filter((OneOf(False, "jid", (jid,)),), now())
    scanned, after = 0, None
    for _ in range(ROUNDS):
        page = await visit.app.asearch(wanted, 1, after, FARTHEST - scanned)
        scanned, after = scanned + page.scanned, page.next
        if page.records:
            return page.records[0]
        if after is None or scanned >= FARTHEST:
            break
    seen = "" if after is None else f" among the first {scanned:,}"
    raise not_there(f"no job {jid!r} lies anywhere or runs{seen}")


def _home(app: App, record: JobRecord) -> Collection:
    """The place where a job lies."""
    if record.place is None:
        raise Refusal(409, "running", f"job {record.jid} runs: wait until it has ended")
    kind, name = record.place
    if kind == "queue":
        return app.queues[name]
    if kind == "held":
        return app.held[name]
    return {"schedule": app.scheduled, "retry": app.retries, "dead": app.dead}[kind]


def _done(jid: str, done: bool) -> Done:
    if not done:
        raise not_there(f"job {jid!r} is not there any more: it was taken meanwhile")
    return Done(count=1)
