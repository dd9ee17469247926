"""What becomes of a job that did not succeed: a pure function of job, error and time."""

from __future__ import annotations

from typing import Any

import msgspec

from outrider.backoff import delay
from outrider.errors import BatchCancelled, BatchFinished, Discard, Kill, PoisonPill, Retry, Snooze
from outrider.options import DEFAULT_RETRIES, Backoff
from outrider.payload import Job, changed
from outrider.status import FailedJob
from outrider.store.queue import Other

MAX_MESSAGE = 10_000


def decide(
    job: Job, payload: bytes, token: int, error: BaseException, backoff: Backoff | None, now: int
) -> Other:
    """The outcome of a run that ended in `error`; `now` in ms."""
    if isinstance(error, Snooze):
        return Other("snooze", token, _again(payload, {}), now + round(error.delay * 1000))
    if isinstance(error, Discard):
        return Other("discard", token)
    # A member of a batch that is forgotten runs as a plain job.
    is_member = bool(job.bid) and not job.forgotten
    if isinstance(error, BatchCancelled) and is_member:
        return Other("cancel", token)
    # Others may have written anything; ours is -1 after a try by hand, which does not count.
    count = 0 if job.retry_count is None else max(0, job.retry_count + 1)
    fields = _failure_fields(job, error, count, now)
    note = _note(job, fields, now) if is_member else ""
    # A batch that can't be added to any more will not be open at the next attempt either.
    closed = isinstance(error, BatchFinished | BatchCancelled) and (is_member or bool(job.cb))
    final = closed or isinstance(error, Kill | PoisonPill)
    if not final and not _exhausted(job, count, now):
        wait = error.delay if isinstance(error, Retry) else delay(count, error, backoff)
        return Other("retry", token, _again(payload, fields), now + round(wait * 1000), note)
    # `retry=False` means: no second run, and no place in the dead set either. 0 is not False here.
    quiet = (job.retry is None or job.retry is False) and not isinstance(error, Kill)
    kind = "gone" if quiet else "dead"
    # Whoever brings it back, by whatever road, wants it to be tried.
    forgiven = ("blamed",) if isinstance(error, PoisonPill) else ()
    return Other(kind, token, _again(payload, fields, forgiven), now, note)


def error_name(error: BaseException) -> str:
    """The error's class, with its module unless it is built in."""
    kind = type(error)
    home = "" if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}."
    return f"{home}{kind.__qualname__}"


def error_text(error: BaseException) -> str:
    """The error's message, cut to what a payload may carry."""
    try:
        text = str(error)
    except Exception as second:
        text = f"(the error's own message failed: {error_name(second)})"
    return text[:MAX_MESSAGE].encode("utf-8", "replace").decode()


def _exhausted(job: Job, count: int, now: int) -> bool:
    if job.retry is None or job.retry is False:
        return True
    if job.retry_for is not None:
        return _first_failure(job, now) + job.retry_for < now / 1000
    return count >= (DEFAULT_RETRIES if job.retry is True else job.retry)


def _first_failure(job: Job, now: int) -> float:
    if job.failed_at is None:
        return now / 1000
    # Sidekiq 8 writes whole milliseconds, earlier versions and we float seconds.
    return job.failed_at / 1000 if isinstance(job.failed_at, int) else job.failed_at


def _failure_fields(job: Job, error: BaseException, count: int, now: int) -> dict[str, Any]:
    when = "failed_at" if job.retry_count is None else "retried_at"
    return {
        "retry_count": count,
        when: now / 1000,
        "error_class": error_name(error),
        "error_message": error_text(error),
    }


def _again(payload: bytes, fields: dict[str, Any], drop: tuple[str, ...] = ()) -> str:
    return changed(payload, fields, drop=("enqueued_at", "timed_out", *drop))


def _note(job: Job, fields: dict[str, Any], now: int) -> str:
    failed = FailedJob(
        jid=job.jid,
        job=job.name,
        error_class=fields["error_class"],
        error_message=fields["error_message"],
        failed_at=now / 1000,
    )
    return msgspec.json.encode(failed).decode()
