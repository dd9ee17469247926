"""What the log says of a job that ran."""

from __future__ import annotations

import logging
from typing import Any

from outrider.errors import PoisonPill, Steer, UnknownJob
from outrider.payload import Job
from outrider.store.queue import Other

log = logging.getLogger("outrider.job")


def facts(job: Job, elapsed: float) -> dict[str, Any]:
    """What every log line about a job carries; never its arguments."""
    return {
        "jid": job.jid,
        "job": job.name,
        "queue": job.queue,
        "bid": job.bid,
        "elapsed": round(elapsed, 6),
    }


_WORDS = {
    "retry": "failed, will be retried",
    "dead": "failed for good, dead",
    "gone": "failed for good, not kept",
    "discard": "discarded",
    "snooze": "snoozed",
    "cancel": "cancelled with its batch",
}


def report(
    job: Job, outcome: Other, error: BaseException, elapsed: float, *, cancelled: bool
) -> None:
    """Log what came of a run that did not succeed; `cancelled` says that its batch is."""
    extra = facts(job, elapsed)
    if outcome.kind in ("snooze", "discard", "cancel"):
        log.info("%s: %s", _WORDS[outcome.kind], error, extra=extra)
        return
    extra["error"] = f"{type(error).__name__}: {error}"
    trace = None if isinstance(error, Steer | UnknownJob | PoisonPill) else error
    word = "failed, cancelled with its batch" if cancelled else _WORDS[outcome.kind]
    log.warning(word, extra=extra, exc_info=trace)
