"""The running job and the open block, as code inside them sees them."""

from __future__ import annotations

import time
from contextvars import ContextVar
from typing import Any

import msgspec

from outrider.payload import Job


class RunningJob(msgspec.Struct, eq=False, gc=False):
    """The job that is running here.

    `attempt` counts from 1. `token` grows with every claim of any job: a fencing token for the
    user's own database. `app` is the app that runs it. `deadline` is when its `timeout` is over,
    by `time.monotonic()`; None without one. `outbox` keeps what an outbox job enqueues.
    """

    app: Any
    _job: Job
    token: int
    owner: str
    deadline: float | None = None
    callback_parent: str | None = None
    outbox: Any = None

    @property
    def args(self) -> list[Any]:
        """The positional arguments, as they came."""
        return self._job.args

    @property
    def kwargs(self) -> dict[str, Any]:
        """The keyword arguments, as they came."""
        return self._job.kwargs or {}

    @property
    def jid(self) -> str:
        """The job's id: the same for all attempts."""
        return self._job.jid

    @property
    def name(self) -> str:
        """The job's name."""
        return self._job.name

    @property
    def queue(self) -> str:
        """The queue it came from."""
        return self._job.queue

    @property
    def bid(self) -> str | None:
        """The batch that it is a member of; None as well when that is forgotten."""
        return None if self._job.forgotten else self._job.bid

    @property
    def callback_of(self) -> str | None:
        """The batch whose callback this is."""
        return self._job.cb.partition(":")[0] if self._job.cb else None

    @property
    def tags(self) -> list[str]:
        """The job's tags."""
        return self._job.tags or []

    @property
    def attempt(self) -> int:
        """1 at the first run, 2 at the first retry, and so on."""
        count = self._job.retry_count
        return 1 if count is None else count + 2

    @property
    def time_left(self) -> float | None:
        """Seconds until its `timeout` is over, 0 from then on; None without one."""
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())

    @property
    def timed_out(self) -> bool:
        """Whether its `timeout` is over. Plain code asks, and returns or raises within 5 seconds.

        What it then returns or raises counts, as at any other time. After that its process is
        killed, and it has failed with TimeoutError.
        """
        return self.time_left == 0.0

    @property
    def blamed(self) -> int:
        """How many processes died of late while they ran this job: a reason to go about it gently.

        At the third within 72 hours it runs no more: see PoisonPill.
        """
        return len(self._job.blamed or ())

    def still_mine(self) -> bool:
        """Whether this run's claim still stands: ask before an act that can't be undone.

        It may stand no more the next moment. A database can refuse what comes late by `token`.
        """
        return bool(self.app.perform(self._claim()))

    async def astill_mine(self) -> bool:
        """The same for asyncio."""
        return bool(await self.app.aperform(self._claim()))

    def _claim(self) -> Any:
        from outrider.store import queue

        return queue.stands(self.app.keys, self.owner, self.token)


running: ContextVar[RunningJob | None] = ContextVar("outrider_running", default=None)
blocks: ContextVar[tuple[Any, ...]] = ContextVar("outrider_blocks", default=())


def current_job() -> RunningJob:
    """The job that is running here; LookupError outside of one."""
    job = running.get()
    if job is None:
        raise LookupError("no job is running here: current_job() is for code inside a job")
    return job
