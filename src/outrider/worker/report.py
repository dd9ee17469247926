"""Events of jobs that run here, and what the log says of them: it is a handler like any other."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from outrider.errors import BatchCancelled, Steer, UnreadablePayload
from outrider.events import ENDS, MAX_NAME, Handlers, JobEvent
from outrider.payload import Job, waited
from outrider.store.queue import Other
from outrider.worker.outcome import error_text

log = logging.getLogger("outrider.job")
_worker = logging.getLogger("outrider.worker")
Shown = Callable[[list[Any], dict[str, Any]], dict[str, Any]]
_ENDS = {
    "retry": "job.failed",
    "dead": "job.died",
    "gone": "job.died",
    "discard": "job.discarded",
    "snooze": "job.snoozed",
    "cancel": "job.cancelled",
}


def made(
    name: str,
    job: Job,
    token: int,
    now: int,
    elapsed: float,
    shown: Shown | None = None,
    error: BaseException | None = None,
    due: float | None = None,
    kept: bool = False,
) -> JobEvent:
    """An event of a job that runs here; `now` in ms, `elapsed` in seconds.

    Of the arguments it has what `shown` lets through.
    """
    # One is made for each run, so this is kept quick: no keyword, and no call without need.
    jid, job_name, queue, bid, count = job.jid, job.name, job.queue, job.bid, job.retry_count
    if len(jid) + len(job_name) + len(queue) + len(bid or "") > MAX_NAME:
        # Others may have written names of any length.
        jid, job_name, queue = jid[:MAX_NAME], job_name[:MAX_NAME], queue[:MAX_NAME]
        bid = bid and bid[:MAX_NAME]
    return JobEvent(
        name,
        now / 1000,
        jid,
        job_name,
        queue,
        bid,
        1 if count is None else count + 2,
        token,
        waited(job.enqueued_at, now / 1000 - elapsed),
        elapsed,
        error,
        due,
        kept,
        None if shown is None else shown(job.args, job.kwargs or {}),
    )


def of_unreadable(token: int, now: int, error: UnreadablePayload) -> JobEvent:
    """The event of a payload that is no job: it has no id, no name and no queue."""
    return JobEvent("job.died", now / 1000, "", "", "", token=token, error=error, kept=True)


def end_of(outcome: Other, *, cancelled: bool) -> str:
    """The event that a run ends in; `cancelled` says that its batch is."""
    name = _ENDS[outcome.kind]
    return "job.cancelled" if cancelled and name in ("job.failed", "job.died") else name


def facts(event: JobEvent) -> dict[str, Any]:
    """What every log line about a job carries."""
    return {
        "jid": event.jid,
        "job": event.job,
        "queue": event.queue,
        "bid": event.bid,
        "elapsed": None if event.elapsed is None else round(event.elapsed, 6),
        "arguments": event.arguments,
    }


def attach(handlers: Handlers) -> None:
    """Have the log told how each run ends, but of success only where it is to be logged."""
    quiet = set() if log.isEnabledFor(logging.INFO) else {"job.succeeded"}
    handlers.on(*(name for name in ENDS if name not in quiet))(report)


_WORDS = {
    "job.discarded": "discarded",
    "job.snoozed": "snoozed",
    "job.failed": "failed, will be retried",
    "job.cancelled": "failed, cancelled with its batch",
}


def report(event: JobEvent) -> None:
    """Log how a run ended."""
    error = event.error
    if event.name in ("job.succeeded", "job.released") or error is None:
        _report_quietly(event)
    elif event.name in ("job.snoozed", "job.discarded"):
        log.info("%s: %s", _WORDS[event.name], error_text(error), extra=facts(event))
    elif event.name == "job.cancelled" and isinstance(error, BatchCancelled):
        log.info("cancelled with its batch: %s", error_text(error), extra=facts(event))
    elif isinstance(error, UnreadablePayload):
        log.error("unreadable payload goes to the dead set: %s", error)
    else:
        _report_failure(event, error)


def _report_quietly(event: JobEvent) -> None:
    if event.name == "job.succeeded":
        log.info("done", extra=facts(event))
    elif event.name == "job.cancelled":
        log.info("interrupted, cancelled with its batch", extra=facts(event))


def _report_failure(event: JobEvent, error: BaseException) -> None:
    dead = "failed for good, dead" if event.kept else "failed for good, not kept"
    extra = {**facts(event), "error": f"{type(error).__name__}: {error_text(error)}"}
    # Without one, no code of the user's was called.
    trace = None if isinstance(error, Steer) or error.__traceback__ is None else error
    log.warning(_WORDS.get(event.name, dead), extra=extra, exc_info=trace)


def report_late(tokens: list[int]) -> None:
    """Log that these jobs had been taken from this child when they ended."""
    if tokens:
        _worker.warning(
            "%d jobs ran here although their claim no longer stood: they ran twice, counted once",
            len(tokens),
            extra={"tokens": tokens},
        )
