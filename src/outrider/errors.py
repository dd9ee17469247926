"""Every error Outrider raises on purpose, and the words a job may raise to steer itself.

A class's docstring is its meaning; the message says what happened, with what, and what to do.
"""

from __future__ import annotations

from datetime import timedelta


class OutriderError(Exception):
    """The root of every error that Outrider raises."""


class ConfigError(OutriderError, ValueError):
    """A setting, an option or a target is wrong."""


class CursorError(ConfigError):
    """What was given as a cursor is none that a page of this gave."""


class FilterError(ConfigError):
    """A filter of a search can't be understood; `position` is where, counted from 0."""

    def __init__(self, problem: str, position: int) -> None:
        super().__init__(f"filter, character {position + 1}: {problem}")
        self.position = position


class ServerNotFound(OutriderError):
    """There is no server binary for the embedded Valkey."""


class ServerStartFailed(OutriderError):
    """The embedded Valkey did not start."""


class ServerUnfit(OutriderError):
    """The server is not set up so that jobs are safe there, or its user lacks a right."""


class StoreError(OutriderError):
    """The server refused a request, or answered what it should never answer.

    `code` is the first word of its refusal, such as OOM or WRONGTYPE.
    """

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class StoreFull(StoreError):
    """The server's memory is full: it takes nothing that grows, until jobs have been worked off."""


class StoreUnavailable(StoreError, ConnectionError):
    """The server could not be reached, or did not answer in time.

    `executed` is False when the request certainly had no effect, None when that is not known. Then
    a push has a `ticket` (lane, number, digest), with which it may be sent again and counts once.
    """

    def __init__(
        self,
        message: str,
        *,
        executed: bool | None = None,
        ticket: tuple[str, int, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.executed = executed
        self.ticket = ticket


class NotDurable(StoreError):
    """A request was executed, but the durability that was asked for was not confirmed in time.

    The jobs (`jids`, where they are known) are on the server and run like any others; they are lost
    only if it is lost before it has caught up. To enqueue them again would enqueue them twice.
    `durability` is what was missed, "replicated" or "fsync".
    """

    def __init__(self, message: str, durability: str = "", jids: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.durability = durability
        self.jids = jids


class EnqueueError(OutriderError):
    """A job could not be enqueued; nothing was written."""


class PushBufferFull(EnqueueError):
    """The server is away, and the push buffer can take no more: nothing was enqueued."""


class PayloadTooLarge(EnqueueError, ValueError):
    """A job's JSON is larger than the app allows."""


class NotSerializable(OutriderError, TypeError):
    """An argument cannot travel as JSON and come back the same."""


class ArgumentError(OutriderError, TypeError):
    """An argument that arrived does not fit the parameter's annotation."""


class UnknownJob(OutriderError, LookupError):
    """The worker's app has no job of this name."""


class UnreadablePayload(OutriderError, ValueError):
    """A queue held something that is no job."""


class PoisonPill(OutriderError):
    """A job ran in three processes that died, all within 72 hours: it is dead, and runs no more.

    It has not been run again, and was not counted as a failed attempt before. Find out why its
    process ended (a crash in C code, `os._exit`, the kernel's out-of-memory killer; the worker's
    log says with what status), repair it, and retry the job by hand: it then starts afresh. A job
    of a batch is a dead member like any other. With `retry=False` it is not kept.
    """


class BatchNotFound(OutriderError, KeyError):
    """No batch of this id is known: it never was, has expired, or was deleted."""

    def __str__(self) -> str:  # KeyError would show the message in quotes
        return str(self.args[0]) if self.args else ""


class OperationNotFound(OutriderError, KeyError):
    """No operation of this id is known: it never was, or ended over a week ago."""

    def __str__(self) -> str:  # KeyError would show the message in quotes
        return str(self.args[0]) if self.args else ""


class NotRestorable(OutriderError):
    """A deleted job can't go back: its batch was told that it is deleted."""


class BatchFinished(OutriderError):
    """The batch is settled, so nothing more can be added."""


class BatchCancelled(OutriderError):
    """The batch, or one above it, is cancelled, so nothing more can be added."""


class BatchUnfinished(OutriderError):
    """The batch is not settled, or a callback of it has not ended, so it can't be deleted yet."""


class BatchFailed(OutriderError):
    """What a join waits for can no longer come."""


class Steer(Exception):
    """The root of the words a running job may raise to say what becomes of it.

    They are not errors of Outrider, so that `except OutriderError` in a job never swallows one.
    """


class Retry(Steer):
    """A failure with a delay of its own: run again after `delay` (seconds or timedelta).

    It counts as a failed attempt; when attempts are exhausted the job dies.
    """

    def __init__(self, delay: float | timedelta, reason: str = "") -> None:
        super().__init__(reason)
        self.delay = _seconds(delay)


class Snooze(Steer):
    """Neither a run nor a failure: the job comes again after `delay` (seconds or timedelta)."""

    def __init__(self, delay: float | timedelta, reason: str = "") -> None:
        super().__init__(reason)
        self.delay = _seconds(delay)


class Discard(Steer):
    """Done with: no retry, no dead set. In a batch it counts for success."""


class Kill(Steer):
    """Dead at once, whatever attempts are left."""


def _seconds(delay: float | timedelta) -> float:
    seconds = delay.total_seconds() if isinstance(delay, timedelta) else float(delay)
    if not 0 <= seconds <= 10 * 366 * 86_400:
        raise ValueError(f"delay must be between 0 seconds and 10 years, not {delay!r}")
    return seconds
