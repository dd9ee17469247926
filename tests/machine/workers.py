"""Rules of workers: claims, reports, the schedule, and what happens to those that are lost."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from hypothesis.strategies import DataObject

from outrider import BatchCancelled, BatchFinished, Discard, Kill, Snooze
from outrider.outbox import Outbox
from outrider.payload import decode
from outrider.store import process, queue
from outrider.store.queue import Other
from outrider.worker.outcome import decide
from tests.app.hands import promote
from tests.machine.base import Run
from tests.machine.model import WORKERS, Callback, Copy, Member
from tests.machine.producers import Producers
from tests.machine.stage import read

QUEUES = ("low", "high", "calls", "default")
ERRORS: dict[str, BaseException] = {
    "RuntimeError": RuntimeError("no"),
    "Kill": Kill("no"),
    "Discard": Discard("no"),
    "Snooze": Snooze(30),
    "BatchFinished": BatchFinished("no"),
    "BatchCancelled": BatchCancelled("no"),
}
VERDICT = st.sampled_from(
    ["success", "success", "RuntimeError", "RuntimeError", "release", *ERRORS]
)
WAITS = (61, 61, 3_600, 3 * 86_400)
LIMIT = 250


class Workers(Producers):
    """Two workers with a child each, moved by hand."""

    # In each example Hypothesis switches about half of the rules off, by their names: under three
    # names work goes on nearly always.

    @precondition(lambda self: self.waiting() or self.runs())
    @rule(data=st.data())
    def work(self, data: DataObject) -> None:
        """Claim jobs, act in one that is running, or report an outcome."""
        todo = ["claim"] * bool(self.waiting())
        todo += ["act", "hand over", "report", "report"] * bool(self.runs())
        what = data.draw(st.sampled_from(todo), label="work")
        if what == "claim":
            self.claim(data)
            return
        run = data.draw(st.sampled_from(self.runs()), label="job")
        if what == "act":
            self.act_in(data, run)
        elif what == "hand over":
            self.hand_over(data, run)
        else:
            self._report([run], data.draw(VERDICT, label="verdict"))

    @precondition(lambda self: self.waiting() or self.runs())
    @rule(data=st.data())
    def work_on(self, data: DataObject) -> None:
        """The same."""
        self.work(data)

    @precondition(lambda self: self.waiting() or self.runs())
    @rule(data=st.data())
    def work_further(self, data: DataObject) -> None:
        """The same."""
        self.work(data)

    def claim(self, data: DataObject) -> None:
        """Claim jobs of one queue, and leave them running, or report all of them."""
        worker = data.draw(st.sampled_from([0, 1]), label="worker")
        home = data.draw(st.sampled_from(self.waiting()), label="queue")
        taken = self._claim(worker, home, data.draw(st.integers(1, 4), label="want"))
        if data.draw(st.booleans(), label="at once") and taken:
            self.server_and_model_agree()
            verdict = data.draw(VERDICT, label="verdict")
            # Successes are reported by one script; others would be judged one after another.
            for runs in [taken] if verdict == "success" else [[run] for run in taken]:
                self._report(runs, verdict)

    def hand_over(self, data: DataObject, run: Run) -> None:
        """An outbox job acts and has ended well in one step; or it is refused, and runs on."""
        self.outbox = Outbox(run.copy.name)
        self.act_in(data, run)
        self.outbox = None
        owner = f"{WORKERS[run.worker]}:0"
        if self.app.perform(queue.stands(self.app.keys, owner, run.token)):
            self.note("hand over in vain")
        else:
            self.model.report(run.copy, "success")
            self.model.settle()
            self.note("handed over")

    @precondition(lambda self: self.lost)
    @rule(data=st.data(), verdict=VERDICT)
    def report_late(self, data: DataObject, verdict: str) -> None:
        """A worker that was taken for lost reports after all: nothing changes."""
        run = data.draw(st.sampled_from(self.lost), label="job")
        outcome = self._outcome(run, verdict)
        assert self.hands[run.worker].ack(outcome, now=self.stage.now) == [run.token]
        self.note("late report")

    @precondition(lambda self: self.runs() and self.may("lose"))
    @rule(data=st.data(), whole=st.booleans())
    def lose(self, data: DataObject, whole: bool) -> None:
        """A child dies, and its supervisor gives its jobs back; or a whole worker is gone."""
        self.spend("lose")
        worker = data.draw(st.sampled_from(sorted({run.worker for run in self.runs()})))
        held = [run for run in self.runs() if run.worker == worker]
        self.lost += held
        self.model.recall(WORKERS[worker])
        if whole:
            while self.vt() <= self.lease(worker):
                self.beat(1 - worker)
            reap = process.reap(self.app.keys, limit=LIMIT, override=self.stage.now)
            reaped = self.app.perform(reap)
            assert reaped == (WORKERS[worker], len(held))
        else:
            assert self.hands[worker].recall(LIMIT) == len(held)
        self.enlist(worker)
        self.note("reap" if whole else "recall")

    @precondition(lambda self: self.lying("dead", *QUEUES) or self.deadlines())
    @rule(seconds=st.sampled_from(WAITS))
    def wait(self, seconds: int) -> None:
        """Time passes, and what is due goes to its queue."""
        self.stage.now += seconds * 1000
        for name in ("schedule", "retry"):
            at = self.stage.now / 1000
            due = [raw for raw, score in self.seen.scored(name).items() if score <= at]
            assert promote(self.app, name, self.stage.now).moved == len(due)
            self.model.promote(read(raw, name) for raw in due)
            if due:
                self.note("promote", name)

    def deadlines(self) -> bool:
        """Whether any job that waits can expire."""
        waiting = [copy for copy in self.model.copies.elements() if copy.place == copy.home]
        return any(copy.deadline is not None for copy in waiting)

    # -- how --------------------------------------------------------------------------------------

    def lease(self, worker: int) -> int:
        """When a worker's lease ends, in the virtual clock."""
        return int(self.seen.scored("o:leases")[WORKERS[worker].encode()])

    def _claim(self, worker: int, queue: str, want: int) -> list[Run]:
        copies = [read(raw, queue) for raw in reversed(self.seen.queues.get(queue, []))]
        is_paused = queue in self.paused
        if is_paused:
            self.note("claim from a paused queue")
        before = {copy.name: self.model.jobs[copy.name].state for copy in copies}
        lying = [] if is_paused else copies
        met, expected = self.model.claim(lying, WORKERS[worker], self.stage.now, want)
        claimed = self.hands[worker].claim(queue, want=want, now=self.stage.now)
        runs = [
            Run(worker, claimed.first + number, raw) for number, raw in enumerate(claimed.payloads)
        ]
        got = [run.copy.name for run in runs]
        assert got == expected, f"claimed {got}, but it should be {expected}"
        for copy in met:
            self._note_claim(copy, before[copy.name], ran=copy.name in got)
        return runs

    def _note_claim(self, copy: Copy, was: str, *, ran: bool) -> None:
        job = self.model.jobs[copy.name]
        kind = "callback" if isinstance(job, Callback) else "member" if job.batch else "plain job"
        now = job.state if was != job.state else "the same"
        self.note("claim", kind, was, "runs" if ran else f"dropped, {now}")

    def _report(self, runs: list[Run], verdict: str) -> None:
        for run in runs:
            job = self.model.jobs[run.copy.name]
            was = job.state
            self.model.report(run.copy, verdict)
            is_member = isinstance(job, Member) and job.batch
            kind = "callback" if isinstance(job, Callback) else "member" if is_member else "plain"
            self.note("report", kind, verdict, was, "to", job.state)
        self.model.settle()
        worker = self.hands[runs[0].worker] if runs else self.hands[0]
        outcomes = [self._outcome(run, verdict) for run in runs]
        assert worker.ack(*outcomes, now=self.stage.now) == []

    def _outcome(self, run: Run, verdict: str) -> int | Other:
        if verdict == "success":
            return run.token
        if verdict == "release":
            return Other("release", run.token)
        error = ERRORS[verdict]
        return decide(decode(run.raw), run.raw, run.token, error, None, self.stage.now)
