"""Outboxes: what an outbox job enqueues is kept here, and pushed in the step that ends the job."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import NamedTuple

from outrider import clock
from outrider.block import Block, check
from outrider.client import BULK, Load, tell
from outrider.errors import EnqueueError, StoreError
from outrider.hub import Flow, Hub
from outrider.script import Call
from outrider.staging import CHUNK, MAX_BYTES, Staging
from outrider.store import outbox as store
from outrider.store.batch import LAPSED, Committed, Part


class Claim(NamedTuple):
    """What an outbox job is held by: `owner` is identity:child."""

    owner: str
    token: int


class Outbox:
    """What one run of a job has enqueued so far. Threads and tasks of the job may share it."""

    def __init__(self, jid: str) -> None:
        self._jid = jid
        self._load = Load()
        self._blocks: list[Block] = []
        self._parts: list[Part] = []
        self._staged: Staging | None = None
        self._sealed = False
        self._lock = threading.Lock()

    def add(self, load: Load) -> None:
        """Take jobs in."""
        with self._lock:
            self._check_open()
            self._load.merge(load)

    def take_in(self, block: Block) -> None:
        """Take in a block, and those inside it."""
        with self._lock:
            self._check_open()
            self._load.merge(block.load)
            self._blocks += block.all()

    def seal(self) -> None:
        """End it: the job has. Of a job that has failed, nobody asks for what is in it."""
        with self._lock:
            self._sealed = True

    def finish(self) -> bool:
        """Note what the blocks add to their batches; whether there is anything to push.

        Called in the job, whose batch they know by it.
        """
        self.seal()
        self._parts = [block.part() for block in self._blocks]
        return bool(self._load.count or self._parts)

    def deliver(self, hub: Hub, claim: Claim, now: int) -> Flow[bool]:
        """Push all of it and end the claim as a success, in one step; `now` in ms.

        False when the claim stood no more: then nothing was pushed, unless it was by an earlier
        attempt. Raises BatchNotFound, BatchFinished or BatchCancelled when a batch can't be added
        to, EnqueueError when the server does not keep what is staged, and StoreError: then nothing
        was pushed, or that is unknown.
        """
        answer = yield from self._attempt(hub, claim, now)
        if answer.answer == LAPSED:
            answer = yield from self._attempt(hub, claim, now)
        if answer.answer == LAPSED:
            raise EnqueueError(
                f"outbox job {self._jid}: what was staged for its end is gone, twice; "
                "does the server evict keys (maxmemory-policy)?"
            )
        if answer.answer == store.LATE:
            return False
        check(answer.answer, answer.bid)
        for block in self._blocks:
            block.batch.exists = True
        tell(hub, self._load)
        return True

    def _attempt(self, hub: Hub, claim: Claim, now: int) -> Flow[Committed]:
        if self._staged is None:
            self._staged = yield from self._stage(hub)
        load = Load() if self._staged.counts else self._load
        answer: Committed = yield self._call(hub, claim, now, load, self._staged)
        if answer.answer not in (1, store.LATE):
            # After an answer that never came, what was staged may be on its way to its queues: only
            # an answer tells that it is not.
            staged, self._staged = self._staged, None
            yield from staged.drop(hub)
        return answer

    def _stage(self, hub: Hub) -> Flow[Staging]:
        staging = Staging()
        if self._load.count > BULK or self._load.size > MAX_BYTES:
            staging.sent = True
            try:
                for portion in self._load.portions(CHUNK, MAX_BYTES):
                    yield staging.stage(hub, portion)
            except StoreError:
                with suppress(StoreError):
                    yield from staging.drop(hub)
                raise
        return staging

    def _call(
        self, hub: Hub, claim: Claim, now: int, load: Load, staging: Staging
    ) -> Call[Committed]:
        return store.deliver(
            hub.keys,
            owner=claim.owner,
            token=claim.token,
            now=now,
            day=clock.utc_day(now),
            batches=self._parts,
            queues=load.groups(),
            scheduled=load.scheduled,
            staged=list(staging.counts.items()),
        )

    def _check_open(self) -> None:
        if self._sealed:
            raise EnqueueError(
                f"outbox job {self._jid} has ended: what is enqueued in its name can't be "
                "part of its success any more"
            )
