"""What the log says of a job that ran."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from outrider.errors import Steer
from outrider.payload import Job
from outrider.store.queue import Other
from outrider.worker.outcome import error_text

log = logging.getLogger("outrider.job")
_worker = logging.getLogger("outrider.worker")
MAX_NAME = 200
Shown = Callable[[list[Any], dict[str, Any]], dict[str, Any]]


def facts(job: Job, elapsed: float, shown: Shown | None = None) -> dict[str, Any]:
    """What every log line about a job carries; of its arguments only what `shown` lets through."""
    # Others may have written names of any length.
    return {
        "jid": job.jid[:MAX_NAME],
        "job": job.name[:MAX_NAME],
        "queue": job.queue[:MAX_NAME],
        "bid": job.bid and job.bid[:MAX_NAME],
        "elapsed": round(elapsed, 6),
        "arguments": None if shown is None else shown(job.args, job.kwargs or {}),
    }


_WORDS = {
    "retry": "failed, will be retried",
    "dead": "failed for good, dead",
    "gone": "failed for good, not kept",
    "discard": "discarded",
    "snooze": "snoozed",
    "cancel": "cancelled with its batch",
}


def report(outcome: Other, error: BaseException, extra: dict[str, Any], *, cancelled: bool) -> None:
    """Log what came of a run that did not succeed; `cancelled` says that its batch is.

    `extra` are the facts of the job.
    """
    if outcome.kind in ("snooze", "discard", "cancel"):
        log.info("%s: %s", _WORDS[outcome.kind], error_text(error), extra=extra)
        return
    extra = {**extra, "error": f"{type(error).__name__}: {error_text(error)}"}
    # Without one, no code of the user's was called.
    trace = None if isinstance(error, Steer) or error.__traceback__ is None else error
    word = "failed, cancelled with its batch" if cancelled else _WORDS[outcome.kind]
    log.warning(word, extra=extra, exc_info=trace)


def report_late(tokens: list[int]) -> None:
    """Log that these jobs had been taken from this child when they ended."""
    if tokens:
        _worker.warning(
            "%d jobs ran here although their claim no longer stood: they ran twice, counted once",
            len(tokens),
            extra={"tokens": tokens},
        )
