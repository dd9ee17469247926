"""Judging jobs under which processes died: the three-times rule.

The supervisor knows which jobs ran when a child died, and `recall` writes the time into their
payloads. One death proves nothing, since all that ran beside the culprit are blamed too: a job
that is blamed twice runs alone, and one that is blamed for a third time runs no more.
"""

from __future__ import annotations

from outrider.errors import PoisonPill, UnreadablePayload
from outrider.payload import Job, decode

WINDOW = 72 * 3600.0
LIMIT = 3


def blames(job: Job, now_ms: int) -> int:
    """How often a process died under this job within the last 72 hours."""
    since = now_ms / 1000 - WINDOW
    return sum(at > since for at in job.blamed or ())


def is_suspect(payload: bytes, now_ms: int) -> bool:
    """Whether a job must run alone: once more, and it would run no more.

    Not when it has been blamed that often, or was killed at its timeout: then it is judged, and
    does not run.
    """
    if b'"blamed"' not in payload:
        return False
    try:
        job = decode(payload)
    except UnreadablePayload:
        return False
    return job.timed_out is None and blames(job, now_ms) == LIMIT - 1


def verdict(job: Job, now_ms: int) -> Exception | None:
    """What a job fails with before it runs; None when it may run."""
    if job.blamed and (count := blames(job, now_ms)) >= LIMIT:
        return PoisonPill(
            f"{count} processes died within 72 hours while they ran this job: look "
            "for a crash in C code, for os._exit, or for memory that ran out; then retry it by hand"
        )
    if job.timed_out is not None:
        return TimeoutError(
            f"it ran for longer than its timeout of {job.timed_out:g} s and could not be stopped: "
            "its process was killed"
        )
    return None
