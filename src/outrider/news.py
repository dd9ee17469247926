"""News: what scripts have brought about to jobs, as `tell_news` in lua/lib/news.lua tells it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from outrider.errors import UnreadablePayload
from outrider.events import MAX_NAME, JobEvent
from outrider.payload import decode, waited

# The size of a payload, and of what came back the token of its claim, with a mark on who is blamed.
_JOB = re.compile(rb"(\d{1,10}):(\d{0,19})(!?)")


def read(name: str, message: bytes, at: float, max_payload: int) -> Iterator[JobEvent]:
    """The events of a message, one a job; `at` in seconds since the epoch.

    Whoever may publish may say anything: a payload that can't be read has no id, name and queue.
    """
    head, _, payloads = message.partition(b"\n")
    begin = 0
    for size, token, mark in _JOB.findall(head):
        end = begin + int(size)
        yield _event(name, at, payloads[begin:end], int(token or 0), bool(mark), max_payload)
        begin = end


def _event(
    name: str, at: float, payload: bytes, token: int, blamed: bool, max_payload: int
) -> JobEvent:
    kept = name == "job.buried"
    try:
        job = decode(payload, max_payload)
    except UnreadablePayload as error:
        return JobEvent(name, at, "", "", "", None, 1, token, error=error, kept=kept, blamed=blamed)
    return JobEvent(
        name,
        at,
        job.jid[:MAX_NAME],
        job.name[:MAX_NAME],
        job.queue[:MAX_NAME],
        job.bid and job.bid[:MAX_NAME],
        1 if job.retry_count is None else job.retry_count + 2,
        token,
        waited(job.enqueued_at, at) if name == "job.expired" else None,
        kept=kept,
        blamed=blamed,
    )
