"""Rules of people, who cancel, delete, kill and retry; and of programs that know of no batch."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from hypothesis.strategies import DataObject

from outrider import BatchCancelled
from outrider.inspection.collection import Collection
from outrider.inspection.sets import JobSet
from tests.machine.base import Base
from tests.machine.model import SETS, Copy
from tests.machine.stage import read
from tests.simulator.world import KEYS


class People(Base):
    """What is done by the API from outside, or behind its back."""

    @precondition(lambda self: self.model.batches and self.may("cancel"))
    @rule(data=st.data())
    def cancel(self, data: DataObject) -> None:
        """Cancel a batch and all below it."""
        self.spend("cancel")
        batch = self.some_batch(data)
        was = "settled" if batch.counts_settled else "a child" if batch.parent else "a root"
        self.model.cancel(batch)
        self.app.batches.open(batch.bid).cancel()
        self.note("cancel", was)

    @precondition(lambda self: self.lying())
    @rule(data=st.data(), what=st.sampled_from(["delete", "kill", "retry", "retry"]))
    def act_on_one(self, data: DataObject, what: str) -> None:
        """Delete a job where it lies, move it to the dead set, or put it on its queue."""
        copy = self.first(*data.draw(st.sampled_from(self.lying()), label="job"))
        if what == "retry" and copy.place in SETS:
            self._retry(copy)
            return
        kind, state = _kind(copy.place), self.model.jobs[copy.name].state
        jid, at = self.jids[copy.name], self._at(copy.place)
        if what == "kill":
            if copy.place != "dead":
                self.model.kill(copy)
            assert at.kill(jid)
        else:
            self.model.delete([copy])
            assert at.delete(jid)
        self.note("kill from" if what == "kill" else "delete from", kind, state)

    def _retry(self, copy: Copy) -> None:
        may = self.model.may_retry(copy)
        state = self.model.jobs[copy.name].state
        try:
            assert self._set(copy.place).retry(self.jids[copy.name])
        except BatchCancelled:
            assert not may
        else:
            assert may
            self.model.retry(copy)
        self.note("retry from", copy.place, state, "" if may else "BatchCancelled")

    @precondition(lambda self: self.lying() and self.may("sweep"))
    @rule(data=st.data(), what=st.sampled_from(["clear", "retry_all", "retry_all"]))
    def sweep(self, data: DataObject, what: str) -> None:
        """Delete all jobs in a place, or put all that may be on their queues."""
        self.spend("sweep")
        place = data.draw(st.sampled_from(sorted({place for place, _ in self.lying()})))
        copies = self.model.lying(place)
        if what == "retry_all" and place in SETS:
            copies = [copy for copy in copies if self.model.may_retry(copy)]
            for copy in copies:
                self.model.retry(copy)
            assert self._set(place).retry_all() == len(copies)
            self.note("retry all in", place)
            return
        self.model.delete(copies)
        assert self._at(place).clear() == len(copies)
        self.note("clear", _kind(place))

    @precondition(lambda self: self.paused or (self.waiting() and self.may("pause")))
    @rule(data=st.data())
    def pause(self, data: DataObject) -> None:
        """Pause a queue that holds something, or resume it."""
        if not self.paused:
            self.spend("pause")
        queue = data.draw(st.sampled_from(sorted(self.paused) or self.waiting()), label="queue")
        self.toggle(queue)

    def toggle(self, queue: str) -> None:
        """Pause a queue, or resume it."""
        is_paused = queue in self.paused
        self.paused ^= {queue}
        found = self.app.queues[queue]
        (found.resume if is_paused else found.pause)()
        self.note("resume" if is_paused else "pause")

    @precondition(lambda self: self.known and self.may("meddle"))
    @rule(data=st.data(), twice=st.booleans())
    def meddle(self, data: DataObject, twice: bool) -> None:
        """Another program puts a payload on its queue: a dead job, or one that was seen before."""
        self.spend("meddle")
        dead = sorted(self.seen.scored("dead"))
        if dead and not twice:
            raw = data.draw(st.sampled_from(dead), label="job")
            self.model.take(read(raw, "dead"))
            self.stage.wire.command("ZREM", KEYS("dead"), raw)
            self._push(raw)
            self.note("brought back behind our back")
            return
        raw = data.draw(st.sampled_from(list(self.known)[-30:]), label="payload")
        self._push(raw)
        self.note("delivered twice,", self.model.jobs[read(raw, "").name].state)

    # -- how --------------------------------------------------------------------------------------

    def _push(self, raw: bytes) -> None:
        copy = read(raw, "")
        self.model.lay(copy, copy.home)
        self.stage.wire.command("LPUSH", KEYS("queue", copy.home), raw)

    def _at(self, place: str) -> Collection:
        return self._set(place) if place in SETS else self.app.queues[place]

    def _set(self, place: str) -> JobSet:
        sets = {"schedule": self.app.scheduled, "retry": self.app.retries, "dead": self.app.dead}
        return sets[place]


def _kind(place: str) -> str:
    return place if place in SETS else "a queue"
