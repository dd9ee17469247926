"""Rules of those who make batches, and add to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule
from hypothesis.strategies import DataObject

from outrider import current_batch
from outrider.batch import INHERIT
from outrider.batch import Batch as RealBatch
from tests.machine.base import Base, Run
from tests.machine.model import EVENTS, Batch, Callback, Copy, Member
from tests.machine.moves import OK, NewJob, Part
from tests.machine.stage import TARGETS

ROOTS, MOST = 5, 9


class Spec(NamedTuple):
    """A job to be enqueued; times in seconds."""

    queue: str
    retry: bool | int
    delay: int
    expires_in: int


class Plan(NamedTuple):
    """A batch to be made, and its first block."""

    jobs: list[Spec]
    listeners: list[tuple[str, str]]
    callback_queue: str
    goal: tuple[str, float] | None
    root: bool


NOTHING = Plan([], [], "", None, False)
JOB = st.builds(
    Spec,
    queue=st.sampled_from(["low", "high"]),
    retry=st.sampled_from([True, 1, 0, False]),
    delay=st.sampled_from([0, 0, 0, 30]),
    expires_in=st.sampled_from([0, 0, 0, 60]),
)
JOBS = st.lists(JOB, min_size=1, max_size=3) | st.lists(JOB, max_size=1)
LISTENER = st.tuples(st.sampled_from(EVENTS), st.sampled_from(list(TARGETS)))
PLAN = st.builds(
    Plan,
    jobs=JOBS,
    listeners=st.lists(LISTENER, max_size=3),
    callback_queue=st.sampled_from(["", "", "high"]),
    goal=st.sampled_from(
        [None, None, None, ("success_ratio", 0.5), ("success_count", 1), ("cancel_when_dead", 1)]
    ),
    root=st.sampled_from([False, False, True]),
)
PLANS = st.lists(PLAN, min_size=1, max_size=3)
WITHIN = ("enqueue", "add", "add", "make", "make", "add back")
BOOM = st.sampled_from([*[""] * 8, "all", "inner"])


class BoomError(Exception):
    """What a block may be left by."""


class Producers(Base):
    """Blocks, nested or not; holds; callbacks added late."""

    @initialize(jobs=st.lists(JOB, min_size=1, max_size=4), plan=PLAN)
    def begin(self, jobs: list[Spec], plan: Plan) -> None:
        """There is always something to do."""
        self._make(None, [plan._replace(jobs=jobs)], "")

    @precondition(lambda self: len(self.model.batches) < ROOTS)
    @rule(data=st.data(), plans=PLANS, boom=BOOM)
    def make(self, data: DataObject, plans: list[Plan], boom: str) -> None:
        """Make a batch: a root, or a child of the batch of the job that makes it."""
        self._make(self.actor(data), plans, boom)

    def _make(self, actor: Run | None, plans: list[Plan], boom: str) -> None:
        parts: list[Part] = []

        def act() -> None:
            made, new = self._new(plans[0], actor, None)
            self._fill(made, new, plans, parts, boom)

        parent = None if plans[0].root else self.surrounding(actor)
        may = {OK} if parent is None else self.model.may_add(parent, actor and actor.copy)
        self._commit(actor, act, parts, may, "make a child" if parent else "make a root")

    @precondition(lambda self: self.model.batches)
    @rule(data=st.data(), jobs=JOBS, plans=st.lists(PLAN, max_size=1), boom=BOOM)
    def add(self, data: DataObject, jobs: list[Spec], plans: list[Plan], boom: str) -> None:
        """Add jobs, or a child, to a batch that exists."""
        actor, batch = self.actor(data), self.some_batch(data)
        self._add(actor, batch, [NOTHING._replace(jobs=jobs), *plans], boom)

    def _add(self, actor: Run | None, batch: Batch, plans: list[Plan], boom: str) -> None:
        """Add to a batch; a job that is inside of it says `current_batch()`."""
        parts: list[Part] = []
        is_inside = self.surrounding(actor) is batch

        def act() -> None:
            made = current_batch() if is_inside else self.app.batches.open(batch.bid)
            assert made is not None
            assert made.bid == batch.bid
            room = 1 + max(0, MOST - len(self.model.batches))
            self._fill(made, batch, plans[:room], parts, boom)

        may = self.model.may_add(batch, actor and actor.copy)
        self._commit(actor, act, parts, may, f"add {self._relation(actor, batch)}")

    def act_in(self, data: DataObject, actor: Run) -> None:
        """A running job adds to its current batch, makes a child, or enqueues what is no member."""
        what = data.draw(st.sampled_from(WITHIN), label="what")
        plans, boom = data.draw(PLANS, label="plans"), data.draw(BOOM, label="left by")
        if what == "make" and len(self.model.batches) < MOST:
            self._make(actor, plans, boom)
            return
        job, batch = self.model.jobs[actor.copy.name], self.surrounding(actor)
        if what == "add back" and isinstance(job, Callback):
            batch = job.batch
        if what != "enqueue" and batch is not None:
            self._add(actor, batch, plans, boom)
            return
        with self.acting(actor):
            assert (current_batch() is None) == (self.surrounding(actor) is None)
            self._plain(Spec("low", True, 0, 60))
        self.note("a plain job in a job")

    @precondition(lambda self: self.may("listen"))
    @rule(data=st.data(), listener=LISTENER)
    def listen(self, data: DataObject, listener: tuple[str, str]) -> None:
        """Add a callback to a batch that exists, before its event or late."""
        self.spend("listen")
        batch = self.some_batch(data)
        self.model.listen(self._on(self.app.batches.open(batch.bid), batch, *listener))
        self.note("listen", listener[0], "late" if listener[0] in batch.fired else "")

    # -- blocks -----------------------------------------------------------------------------------

    def _commit(
        self,
        actor: Run | None,
        act: Callable[[], None],
        parts: list[Part],
        may: set[str],
        what: str,
    ) -> None:
        """Run a block; the model hears of it unless it was refused, or left by an exception."""

        def block() -> None:
            with self.acting(actor):
                act()

        try:
            if self.attempt(block, may, what):
                self.model.commit(parts)
        except BoomError:
            self.note("a block left by an exception")

    def _fill(
        self, made: RealBatch, batch: Batch, plans: list[Plan], parts: list[Part], boom: str
    ) -> None:
        """A block, the next plan inside it."""
        is_new = batch.bid not in self.model.batches
        part = Part(batch.bid, batch if is_new else None, [])
        parts.append(part)
        with made.jobs():
            part.jobs.extend(self._enqueue(spec) for spec in plans[0].jobs)
            if len(plans) > 1:
                before = len(parts)
                try:
                    self._fill(*self._new(plans[1], None, batch), plans[1:], parts, boom)
                except BoomError:
                    if boom == "all":
                        raise
                    del parts[before:]
                    self.note("an inner block left by an exception")
            elif boom == "all" or (boom == "inner" and len(parts) > 1):
                raise BoomError

    def _enqueue(self, spec: Spec) -> NewJob:
        expires_in = spec.expires_in or None
        job = self.stage.job.using(queue=spec.queue, retry=spec.retry, expires_in=expires_in)
        done = job.enqueue_in(spec.delay, 1) if spec.delay else job.enqueue(1)
        assert done is not None
        due = self.stage.now + spec.delay * 1000
        deadline = due + spec.expires_in * 1000 if spec.expires_in else None
        place = "schedule" if spec.delay else spec.queue
        return NewJob(Copy(done.jid, place, spec.queue, None, deadline), place, spec.retry)

    def _plain(self, spec: Spec) -> None:
        job = self._enqueue(spec)
        self.model.jobs[job.copy.name] = Member(job.copy.name, None, spec.retry)
        self.model.lay(job.copy, job.place)

    def _relation(self, actor: Run | None, batch: Batch) -> str:
        """Who adds, seen from the batch: for the statistics."""
        job = None if actor is None else self.model.jobs[actor.copy.name]
        if isinstance(job, Callback):
            if job.batch is batch:
                return "in its own callback"
            return "in a child's callback" if job.batch.parent is batch else "in a callback"
        return "in a member" if job is not None and job.batch is batch else "from outside"

    def _new(self, plan: Plan, actor: Run | None, around: Batch | None) -> tuple[RealBatch, Batch]:
        """A batch as planned, for the library and for the model."""
        parent = None if plan.root else around or self.surrounding(actor)
        goal: dict[str, Any] = dict([plan.goal] if plan.goal else [])
        made = self.app.batch(
            callback_queue=plan.callback_queue or None,
            parent=None if plan.root else INHERIT,
            **goal,
        )
        new = Batch(
            made.bid,
            parent,
            plan.callback_queue,
            goal.get("success_ratio"),
            goal.get("success_count"),
            goal.get("cancel_when_dead"),
        )
        for event, target in plan.listeners:
            new.callbacks.append(self._on(made, new, event, target))
        return made, new

    def _on(self, made: RealBatch, batch: Batch, event: str, target: str) -> Callback:
        self.tags += 1
        tag = f"t{self.tags}"
        made.on(event, self.stage.targets[target], tag=tag)
        return Callback(tag, batch, event, target, *TARGETS[target])
