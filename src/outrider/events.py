"""Events in code: what happens to jobs and batches, told to functions of the user's and to our own.

Each has one name, such as `job.succeeded`. Handlers are plain functions; they run where the event
comes about, one after the other, and are found in a dict: where nobody listens nothing is made.
"""

from __future__ import annotations

import inspect
import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Any, TypeVar

import msgspec

from outrider.errors import ConfigError

log = logging.getLogger("outrider.events")

ENDS = (
    "job.succeeded",
    "job.failed",
    "job.died",
    "job.discarded",
    "job.snoozed",
    "job.cancelled",
    "job.released",
)
"""How a run ends: in exactly one of these."""
BY_HAND = ("job.requeued", "job.killed", "job.deleted")
"""What people do to one job, told where they do it."""
BY_SERVER = ("job.due", "job.expired", "job.buried", "job.recovered")
"""What scripts bring about, told by the server to whoever listens."""
JOB = ("job.enqueued", "job.started", *ENDS, *BY_HAND, *BY_SERVER)
BATCH = ("batch.progress", "batch.death", "batch.complete", "batch.success", "batch.settled")
BEGAN = "watch.began"
"""Listening to batches has begun, or begun anew after a cut: what was before was not heard."""
NAMES = (*JOB, *BATCH, BEGAN)
MAX_NAME = 200


class JobEvent(msgspec.Struct, frozen=True):
    """What happened to a job. `at`: seconds since the epoch, in a worker by the server's clock.

    `attempt` counts from 1. `waited` is for how many seconds it lay on its queue before this run,
    `elapsed` for how many it ran; None where that is not known. `token` is the run's fencing token,
    0 before a run. `error` is what it raised. `due` is when it runs next, in seconds since the
    epoch. `kept` says that it is in the dead set. `arguments` are those that `log_arguments` lets
    through. `blamed` says that its process died while it ran. Names and ids are cut to 200
    characters. What the server tells has the time of who listens, as a `BatchChange` has.
    """

    name: str
    at: float
    jid: str
    job: str
    queue: str
    bid: str | None = None
    attempt: int = 1
    token: int = 0
    waited: float | None = None
    elapsed: float | None = None
    error: BaseException | None = None
    due: float | None = None
    kept: bool = False
    arguments: dict[str, Any] | None = None
    blamed: bool = False


class BatchChange(msgspec.Struct, frozen=True):
    """What happened to a batch, as the server has told it. `at` is this machine's time, in seconds.

    `failed` says of `batch.progress` that a member has failed; otherwise one has succeeded. `bid`
    is "" where no batch is meant.
    """

    name: str
    at: float
    bid: str
    failed: bool = False


Event = JobEvent | BatchChange
Handler = Callable[[Any], Any]
H = TypeVar("H", bound=Handler)


class Handlers:
    """Who is told of which events. Any thread may tell; handlers are added one at a time.

    `of` maps each name to its handlers: where it is empty, nobody need make the event.
    """

    def __init__(self) -> None:
        self.of: dict[str, tuple[Handler, ...]] = dict.fromkeys(NAMES, ())
        self._lock = threading.Lock()

    def on(self, *patterns: str) -> Callable[[H], H]:
        """Have a plain function called with each event of these names; usable as a decorator.

        A pattern is a name, `job.*` or `*`. The function runs where the event comes about, in
        threads and event loops of jobs too, so it must be quick and safe for threads. What it
        raises is logged. One that is registered twice is called once. Raises ConfigError for no
        pattern, for one that no event has, and for what is no plain function.
        """
        names = meant(patterns, NAMES)
        if not names:
            raise ConfigError('no event is given: say which, as in app.events.on("job.*")')

        def register(function: H) -> H:
            if not callable(function):
                raise ConfigError(f"{function!r} is no function that can be told of events")
            if _is_coroutine(function):
                raise ConfigError(
                    f"{function!r} is a coroutine: a handler of events is a plain def"
                )
            with self._lock:
                for name in names:
                    if function not in self.of[name]:
                        self.of[name] = (*self.of[name], function)
            return function

        return register

    def tell(self, event: Event) -> None:
        """Call the handlers of an event; none may hurt whoever tells, or another handler."""
        for handler in self.of[event.name]:
            try:
                handler(event)
            except BaseException as error:  # a SystemExit would end a thread, or the loop of jobs
                here = threading.current_thread()
                if isinstance(error, KeyboardInterrupt) and here is threading.main_thread():
                    raise
                log.exception("a handler of %s failed: %r", event.name, handler)


def meant(patterns: Iterable[object], names: Sequence[str]) -> list[str]:
    """Those of these names that any of the patterns means; ConfigError for one that means none."""
    found: set[str] = set()
    for one in patterns:
        means = {name for name in names if isinstance(one, str) and fnmatchcase(name, one)}
        if not means:
            known = f"there are {', '.join(names)}, and batch.* for all like that"
            raise ConfigError(f"no event {one!r} here: {known}")
        found |= means
    return [name for name in names if name in found]


def _is_coroutine(function: Handler) -> bool:
    call = getattr(function, "__call__", None)  # noqa: B004  (an object with an async __call__)
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call)
