"""Putting jobs into the store: drafts through the middleware, encoded, pushed in one step.

Operations that need Python between requests are flows, which `App.perform` and `App.aperform`
drive, so nothing is written twice.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from outrider import clock
from outrider.arguments import Signature, encode_plain
from outrider.context import blocks, running
from outrider.delivery import deliver
from outrider.errors import ConfigError, EnqueueError, NotDurable, StoreError
from outrider.events import JobEvent
from outrider.hub import Flow, Hub
from outrider.ids import new_jid
from outrider.options import Options, check_queue, to_seconds
from outrider.payload import Draft, encode
from outrider.store import queue as store

T = TypeVar("T")
BULK = 1000
MAX_AHEAD = 10 * 366 * 86_400
_telling = ContextVar("outrider_telling", default=False)


@dataclass(frozen=True, slots=True)
class EnqueuedJob:
    """A job that was handed over. `at` is when it is due, in seconds, None for at once."""

    jid: str
    job: str
    queue: str
    bid: str | None = None
    at: float | None = None


def make_draft(
    job: str, options: Options, args: Sequence[Any], kwargs: dict[str, Any], at: float | None
) -> Draft:
    """A draft with the options written out; TypeError when `args` is no list or tuple."""
    if isinstance(args, str | bytes) or not isinstance(args, Sequence):
        raise TypeError(f"{job}() args must be a list or a tuple, not {type(args).__name__}")
    return Draft(
        job,
        list(args),
        kwargs,
        options.queue or "default",
        options.retry,
        retry_for=to_seconds(options.retry_for),
        expires_in=to_seconds(options.expires_in),
        timeout=to_seconds(options.timeout),
        at=at,
        tags=list(options.tags),
        durability=options.durability,
    )


def finish(
    hub: Hub, draft: Draft, signature: Signature | None, now: float
) -> tuple[Draft, str] | None:
    """Send a draft through the middleware and encode it; None when it was vetoed.

    The draft that comes back is the one that was encoded: middleware may push another one.
    """
    done: list[tuple[Draft, str]] = []

    def innermost(final: Draft) -> Draft:
        check_queue(final.queue)
        carry = encode_plain if signature is None else signature.encode
        args, kwargs = carry(final.args, final.kwargs)
        stamp = final.at is None or final.at <= now
        payload = encode(final, args, kwargs, now=now, max_bytes=hub.max_payload, stamp=stamp)
        done.append((final, payload))
        return final

    draft.jid = draft.jid or new_jid()
    passed = hub.middleware.through(draft, innermost)
    return done[-1] if passed is not None and done else None


def enqueue(hub: Hub, draft: Draft, signature: Signature | None) -> Flow[EnqueuedJob | None]:
    """Enqueue one job: into the open block if there is one, else at once. None when vetoed."""
    jobs = yield from enqueue_all(hub, [draft], signature, keep=lambda job: job)
    return jobs[0]


def enqueue_all(
    hub: Hub,
    drafts: Iterable[Draft],
    signature: Signature | None,
    keep: Callable[[EnqueuedJob], T],
) -> Flow[list[T | None]]:
    """Enqueue many jobs, a thousand in one round trip; what to `keep` of each, None for a veto."""
    block, outbox = open_block(hub), open_outbox(hub)
    done: list[T | None] = []
    for chunk in _chunks(drafts, BULK):
        now, load = clock.now(), Load(hub.durability)
        for draft in chunk:
            if block is not None:
                yield from block.number(draft)
            finished = finish(hub, draft, signature, now)
            if finished is None:
                done.append(None)
                continue
            final, payload = finished
            (load if block is None else block).add(final, payload, now)
            if hub.events.of["job.enqueued"]:
                (load if block is None else block.load).events.append(_enqueued(final, now))
            done.append(keep(EnqueuedJob(final.jid, final.job, final.queue, final.bid, final.at)))
        if block is not None or not load.count:
            continue
        if outbox is not None:
            outbox.add(load)
        else:
            yield from _push(hub, load, len(done) - len(chunk))
    return done


def _push(hub: Hub, load: Load, before: int) -> Flow[None]:
    push = store.push(hub.keys, queues=load.groups(), scheduled=load.scheduled)
    try:
        yield from deliver(hub, push.lasting(load.durable))
        tell(hub, load)
    except (StoreError, EnqueueError) as error:
        if isinstance(error, NotDurable):
            error.jids = tuple(load.jids)
            tell(hub, load)
        if before:
            error.add_note(f"This is of a part of the bulk: the {before:,} before were enqueued.")
        raise


def _enqueued(draft: Draft, now: float) -> JobEvent:
    due = draft.at if draft.at is not None and draft.at > now else None
    return JobEvent("job.enqueued", now, draft.jid, draft.job, draft.queue, draft.bid, due=due)


def tell(hub: Hub, load: Load) -> None:
    """Tell of the jobs of a load that is handed over."""
    events, load.events = load.events, []
    # A handler may enqueue; told of that as well, it would do so for ever.
    if not events or _telling.get():
        return
    mark = _telling.set(True)
    try:
        for event in events:
            hub.events.tell(event)
    finally:
        _telling.reset(mark)


class Load:
    """Payloads sorted by where they go. `durability` is that of jobs which do not say theirs.

    `events` are to be told once they are there.
    """

    def __init__(self, durability: str = "none") -> None:
        self.durability = durability
        self.count = 0
        self.wishes: set[str] = set()
        self.jids: list[str] = []
        self.events: list[JobEvent] = []
        self.size = 0
        self.queues: dict[str, list[str]] = {}
        self.scheduled: list[str | float] = []

    def add(self, draft: Draft, payload: str, now: float) -> None:
        """Sort in one payload."""
        self.wishes.add(draft.durability or self.durability)
        self.jids.append(draft.jid)
        later = draft.at is not None and draft.at > now
        self.put(payload, draft.queue, f"{draft.at:.3f}" if later else None)

    def put(self, payload: str, queue: str, score: str | float | None) -> None:
        """Sort in one payload, by its due time if it has one."""
        self.count += 1
        self.size += len(payload)
        if score is None:
            self.queues.setdefault(queue, []).append(payload)
        else:
            self.scheduled += [score, payload]

    def merge(self, other: Load) -> None:
        """Take all payloads of another load in, behind one's own."""
        self.wishes |= other.wishes
        self.jids += other.jids
        self.events += other.events
        self.count += other.count
        self.size += other.size
        for queue, payloads in other.queues.items():
            self.queues.setdefault(queue, []).extend(payloads)
        self.scheduled += other.scheduled

    @property
    def durable(self) -> set[str]:
        """What the push of it waits for."""
        return self.wishes - {"none"}

    def portions(self, most: int, most_bytes: int) -> Iterator[Load]:
        """The same in loads of at most so many jobs, and so many bytes but one job at least."""
        portion = Load()
        for payload, queue, score in self._jobs():
            if portion.count == most or (
                portion.count and portion.size + len(payload) > most_bytes
            ):
                yield portion
                portion = Load()
            portion.put(payload, queue, score)
        yield portion

    def _jobs(self) -> Iterator[tuple[str, str, str | float | None]]:
        for queue, payloads in self.queues.items():
            yield from ((payload, queue, None) for payload in payloads)
        # Of equal ones a set holds one, at the last time given.
        times = dict(zip(self.scheduled[1::2], self.scheduled[::2], strict=True))
        yield from ((str(payload), "", score) for payload, score in times.items())

    def groups(self) -> list[store.QueueGroup]:
        """The queues with their payloads, as scripts take them."""
        return list(self.queues.items())


def open_block(hub: Hub) -> Any:
    """The innermost block of this app that is open here, or None.

    A thread may be given the context of the one that started it, and sees no block all the same.
    """
    here = threading.get_ident()
    around = reversed(blocks.get())
    return next((block for block in around if block.hub is hub and block.thread == here), None)


def open_outbox(hub: Hub) -> Any:
    """The outbox of the running job, if it has one and belongs to this app; None otherwise."""
    job = running.get()
    return None if job is None or job.app is not hub else job.outbox


def due_in(delay: Any) -> float:
    """The time that is `delay` (seconds or timedelta) from now."""
    return due_at(clock.now() + to_seconds(delay))


def due_at(when: datetime | float) -> float:
    """Seconds since the epoch of an aware datetime; ConfigError for anything unclear."""
    if isinstance(when, datetime):
        if when.tzinfo is None:
            raise ConfigError(
                f"{when!r} has no time zone: use an aware datetime, such as "
                "datetime.now(timezone.utc) + timedelta(hours=1)"
            )
        when = when.timestamp()
    now = clock.now()
    if not -MAX_AHEAD < when - now < MAX_AHEAD:
        raise ConfigError(f"a job can't be due at {when!r}: that is more than ten years away")
    # Our clock cuts milliseconds: what is due in this one is due now, and needs no scheduler.
    return min(round(when, 3), now) if when < now + 0.001 else round(when, 3)


def _chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while chunk := list(itertools.islice(iterator, size)):
        yield chunk
