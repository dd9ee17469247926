"""The options of a job: what `@app.job(...)` declares and `.using(...)` changes for one call."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from typing import Any, overload

from outrider.errors import ConfigError

Seconds = float | timedelta
Backoff = Callable[..., float]

# Names stand in keys and, unescaped, in payloads; braces would change a key's slot on a cluster.
_QUEUE = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
_JOB = re.compile(r'[^"\\\x00-\x1f\s]{1,200}')
DEFAULT_RETRIES = 25
DURABILITIES = ("none", "replicated", "fsync")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a job is queued, retried and limited. Times are in seconds or timedeltas.

    `queue` None means undeclared, which is "default". `retry` is True (25 times), a number, or
    False: die at the first failure, outside the dead set. `retry_for` limits retries by time.
    `backoff` is f(n) or f(n, error) -> seconds, n from 0. `timeout` counts from the start of each
    run. It cancels an async job, which fails with TimeoutError; a plain one is told
    (`current_job().timed_out`), and what it returns or raises within 5 seconds counts. Whatever
    has not ended then is killed with its process, and has failed with TimeoutError; other jobs of
    that process run again.
    `durability`: what a push of it waits for, and as a callback also its run: "replicated" (one
    replica has it), "fsync" (the server's append-only file has it on disk) or "none"; None is what
    the app says.
    `log_arguments`: log lines never carry arguments, unless it is True or names parameters.
    `outbox`: what the job enqueues is pushed in the same atomic step as its success, and not at
    all when it fails. These two and `backoff` are the worker's, so `using` does not change them.
    Raises ConfigError for a wrong value.
    """

    queue: str | None = None
    retry: bool | int = True
    retry_for: Seconds | None = None
    backoff: Backoff | None = None
    expires_in: Seconds | None = None
    timeout: Seconds | None = None
    tags: tuple[str, ...] = ()
    log_arguments: bool | tuple[str, ...] = False
    durability: str | None = None
    outbox: bool = False

    def __post_init__(self) -> None:
        if self.queue is not None:
            check_queue(self.queue)
        if not _is_count(self.retry):
            raise ConfigError(f"retry must be True, False or a number from 0, not {self.retry!r}")
        for name in ("retry_for", "expires_in", "timeout"):
            value = getattr(self, name)
            if value is not None:
                positive_seconds(name, value)
        if self.backoff is not None and not callable(self.backoff):
            raise ConfigError(f"backoff must be a function, not {self.backoff!r}")
        if self.durability is not None:
            check_durability(self.durability)
        if not isinstance(self.log_arguments, bool):
            clean_names("log_arguments", self.log_arguments)
        if not isinstance(self.outbox, bool):
            raise ConfigError(f"outbox must be True or False, not {self.outbox!r}")

    def changed(self, **changes: Any) -> Options:
        """A copy with some options changed; ConfigError for an option that there is not."""
        unknown = changes.keys() - {field.name for field in fields(self)}
        if unknown:
            raise ConfigError(f"there is no option {', '.join(sorted(unknown))} for a job")
        if "tags" in changes:
            changes["tags"] = clean_tags(changes["tags"])
        if not isinstance(changes.get("log_arguments", False), bool):
            changes["log_arguments"] = clean_names("log_arguments", changes["log_arguments"])
        return replace(self, **changes)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and value >= 0


def check_durability(wish: object) -> str:
    """The word itself, when it is a durability; ConfigError otherwise."""
    if not isinstance(wish, str) or wish not in DURABILITIES:
        known = ", ".join(DURABILITIES)
        raise ConfigError(f"{wish!r} is no durability: it is one of {known}")
    return wish


def check_queue(name: object) -> str:
    """The name itself, when it may be a queue's; ConfigError otherwise."""
    if not isinstance(name, str) or not _QUEUE.fullmatch(name):
        raise ConfigError(
            f"{name!r} is no queue name: use 1 to 128 letters, digits or any of _ . : -"
        )
    return name


def check_job_name(name: object) -> str:
    """The name itself, when it may be a job's; ConfigError otherwise."""
    if not isinstance(name, str) or not _JOB.fullmatch(name):
        raise ConfigError(
            f"{name!r} is no job name: use 1 to 200 characters, no quotes, backslashes or spaces"
        )
    return name


def clean_tags(tags: Any) -> tuple[str, ...]:
    """Tags as a tuple of texts; ConfigError for anything else."""
    return clean_names("tags", tags)


def clean_names(option: str, names: Any) -> tuple[str, ...]:
    """A list of texts as a tuple; ConfigError for anything else."""
    listed = isinstance(names, Collection) and not isinstance(names, str)
    if not listed or not all(isinstance(name, str) for name in names):
        raise ConfigError(f"{option} must be a list of texts, not {names!r}")
    return tuple(names)


@overload
def to_seconds(value: Seconds) -> float: ...
@overload
def to_seconds(value: None) -> None: ...
def to_seconds(value: Any) -> float | None:
    """Seconds of a number or a timedelta; None of None. ConfigError for anything else."""
    if value is None:
        return None
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ConfigError(f"{value!r} is no time: give seconds or a timedelta")
    return float(value)


def positive_seconds(name: str, value: Seconds) -> float:
    """Seconds of a setting that must be more than 0; ConfigError for anything else."""
    seconds = to_seconds(value)
    if seconds <= 0:
        raise ConfigError(f"{name} must be more than 0 seconds, not {value!r}")
    return seconds


def positive_number(name: str, value: object) -> int:
    """A setting that must be a whole number from 1; ConfigError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigError(f"{name} must be a number from 1, not {value!r}")
    return value
