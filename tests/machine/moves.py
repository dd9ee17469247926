"""What each operation does to the model, as the contract has it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from tests.machine.model import LIVE, OPEN, Batch, Callback, Copy, Job, Member, Tree

OK, FINISHED, CANCELLED = "", "BatchFinished", "BatchCancelled"
DEFAULT_RETRIES = 25


class NewJob(NamedTuple):
    """A job that a block has added, where it comes to lie, and its option `retry`."""

    copy: Copy
    place: str
    retry: bool | int


class Part(NamedTuple):
    """What a commit does to one batch; `new` for one that begins to exist by it."""

    bid: str
    new: Batch | None
    jobs: list[NewJob]


class Model(Tree):
    """The operations. Each ends with the judgement of all batches."""

    # -- producers --------------------------------------------------------------------------------

    def may_add(self, batch: Batch, actor: Copy | None, *, to_hold: bool = False) -> set[str]:
        """What may come of adding jobs or children; where two errors apply, either will do."""
        job = None if actor is None else self.jobs[actor.name]
        is_own = isinstance(job, Callback) and job.batch is batch
        of_it = isinstance(job, Member) and job.batch is batch
        of_child = isinstance(job, Callback) and job.batch.parent is batch
        lives = job is not None and (
            (of_it and job.state in LIVE) or (of_child and job.state in OPEN)
        )
        is_open = bool(batch.holds) or (to_hold and batch.barred)
        late = "settled" in batch.fired and not lives and not is_open
        errors = set()
        if any(one.cancelled for one in batch.line()):
            errors.add(CANCELLED)
        if late or is_own:
            errors.add(FINISHED)
        if errors == {FINISHED} and (of_it or of_child or (is_own and to_hold)):
            # Of one whose run was overtaken by a second delivery the contract says nothing.
            errors.add(OK)
        return errors or {OK}

    def commit(self, parts: list[Part]) -> None:
        """Blocks are committed, the outer before the inner."""
        for part in parts:
            if part.new is not None:
                self.create(part.new)
            batch = self.batches[part.bid]
            for job in part.jobs:
                member = Member(job.copy.name, batch, job.retry)
                self.jobs[member.name] = member
                batch.members.append(member)
                batch.first_queue = batch.first_queue or job.copy.home
                self.lay(job.copy, job.place)
        self.settle()

    def create(self, batch: Batch) -> None:
        """A batch begins to exist, and is its parent's child from then on."""
        self.batches[batch.bid] = batch
        self.jobs.update({callback.name: callback for callback in batch.callbacks})
        if batch.parent is not None:
            batch.parent.children.append(batch)

    def listen(self, callback: Callback) -> None:
        """A callback is added; for an event that has fired it is pushed at once."""
        self.jobs[callback.name] = callback
        callback.batch.callbacks.append(callback)
        if callback.event in callback.batch.fired:
            self.push(callback)
        self.settle()

    def end_hold(self, batch: Batch, hold: int, *, well: bool) -> None:
        """A hold ends; one that ends badly bars success until another one ends well."""
        stood = hold in batch.holds
        batch.holds.discard(hold)
        batch.barred = not well if stood or well else batch.barred
        self.settle()

    # -- workers ----------------------------------------------------------------------------------

    def claim(
        self, copies: Iterable[Copy], worker: str, now: int, want: int
    ) -> tuple[list[Copy], list[str]]:
        """A worker looks at jobs on a queue until it has enough.

        Those that it has met, and the names of those that it will run.
        """
        cancelled = {batch for batch in self.batches.values() if batch.cancelled}
        met: list[Copy] = []
        taken: list[str] = []
        for copy in copies:
            if len(taken) == want:
                break
            met.append(copy)
            self.take(copy)
            job = self.jobs[copy.name]
            late = copy.deadline is not None and copy.deadline < now
            if isinstance(job, Member) and job.batch in cancelled:
                job.become("cancelled")
            elif self._admits(copy, job, late=late):
                self.lay(copy, worker)
                taken.append(copy.name)
        self.settle()
        return met, taken

    def _admits(self, copy: Copy, job: Job, *, late: bool) -> bool:
        if isinstance(job, Callback):
            _revive(job)
            return True
        if job.batch is None:
            if late and copy.tries is not None:
                self.lay(copy, "dead")
            return not late
        _revive(job)
        if late and job.state == "failing":
            self.die(job)
            self.lay(copy, "dead")
        elif late:
            job.become("expired")
        return job.state in LIVE

    def report(self, copy: Copy, verdict: str) -> None:
        """A worker says how a job has ended, `success` or the name of an error. No judgement."""
        self.take(copy)
        job = self.jobs[copy.name]
        batch = job.batch if isinstance(job, Member) else None
        if batch is not None and batch.cancelled and verdict not in ("success", "Discard"):
            job.become("cancelled")
        elif verdict == "success":
            job.become("succeeded")
        elif verdict == "release":
            self.lay(copy, copy.home)
        elif verdict == "Snooze":
            self.lay(copy, "schedule")
        elif batch is None or job.state in LIVE:
            self._fail(copy, job, verdict, is_plain=batch is None and isinstance(job, Member))

    def _fail(self, copy: Copy, job: Job, verdict: str, *, is_plain: bool) -> None:
        if verdict == "Discard":
            job.become("discarded")
            return
        if verdict == CANCELLED and isinstance(job, Member) and not is_plain:
            job.become("cancelled")
            return
        failed = copy._replace(tries=0 if copy.tries is None else copy.tries + 1)
        closes = verdict in (FINISHED, CANCELLED) and not is_plain
        limit = DEFAULT_RETRIES if job.retry is True else int(job.retry)
        if failed.tries is not None and failed.tries < limit and not closes and verdict != "Kill":
            job.become("failing")
            self.lay(failed, "retry")
            return
        self.die(job)
        if job.retry is not False or verdict == "Kill":
            self.lay(failed, "dead")

    def recall(self, worker: str) -> None:
        """A worker is lost: what it held goes back, and is no run."""
        for copy in self.lying(worker):
            self.take(copy)
            self.lay(copy, copy.home)
            job = self.jobs[copy.name]
            if isinstance(job, Member) and job.batch is not None and job.batch.cancelled:
                self.undone.add(job.batch)

    def promote(self, due: Iterable[Copy]) -> None:
        """Jobs of a set are due."""
        for copy in due:
            self.take(copy)
            self.lay(copy, copy.home)

    # -- people -----------------------------------------------------------------------------------

    def cancel(self, batch: Batch) -> None:
        """The batch and all below it; of what is settled nothing."""
        if "settled" in batch.fired and batch.settled_now:
            return
        batch.cancelled = True
        self.finish(batch)
        self.settle()

    def finish(self, batch: Batch) -> None:
        """What waits or fails and is not running never will. No judgement."""
        self.undone.discard(batch)
        for child in batch.children:
            if not ("settled" in child.fired and child.settled_now):
                child.cancelled = True
                self.finish(child)
        running = self.running()
        for member in batch.members:
            if member.name not in running:
                member.become("cancelled")
        # One search does for all that are cancelled, also those that nobody has finished yet.
        cancelled = (one for one in self.batches.values() if one.cancelled)
        names = {member.name for one in cancelled for member in one.members}
        for place in ("schedule", "retry"):
            for copy in self.lying(place):
                if copy.name in names:
                    self.take(copy)

    def delete(self, copies: Iterable[Copy]) -> None:
        """Jobs are deleted; what lies in the dead set stays dead."""
        for copy in copies:
            self.take(copy)
            if copy.place != "dead":
                self.jobs[copy.name].become("deleted")
        self.settle()

    def kill(self, copy: Copy) -> None:
        """A job is moved to the dead set."""
        self.take(copy)
        self.lay(copy, "dead")
        self.die(self.jobs[copy.name])
        self.settle()

    def may_retry(self, copy: Copy) -> bool:
        """Whether a job of a set may be put on its queue by hand."""
        job = self.jobs[copy.name]
        batch = job.batch if isinstance(job, Member) else None
        line = [] if batch is None else batch.line()
        return copy.place != "dead" or not any(one.cancelled for one in line)

    def retry(self, copy: Copy) -> None:
        """A job is put on its queue: a retry that does not count, without deadline."""
        self.take(copy)
        changed = copy
        if copy.place != "schedule":
            tries = None if copy.tries is None else max(-1, copy.tries - 1)
            changed = copy._replace(tries=tries, deadline=None)
        self.lay(changed, copy.home)
        _revive(self.jobs[copy.name])
        self.settle()


def _revive(job: Job) -> None:
    """Whoever was dead and is brought back is failing."""
    if job.state == "dead":
        job.state = "failing"
