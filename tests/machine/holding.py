"""Rules of holds, and of what workers look after now and then."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from hypothesis.strategies import DataObject

from outrider import cancelling
from outrider.store import life
from tests.machine.moves import OK
from tests.machine.producers import NOTHING, PLAN, BoomError, Plan, Producers

HOLD_LIFE = 600_000
HOLD_STEPS = 61  # of ten seconds: a bit more


class Holding(Producers):
    """Holds that end well, by an exception, or not at all."""

    @precondition(lambda self: self.may("hold"))
    @rule(data=st.data(), plan=st.none() | PLAN)
    def hold(self, data: DataObject, plan: Plan | None) -> None:
        """Hold a batch open: one that exists, or one that begins by it."""
        self.spend("hold")
        actor = self.actor(data)
        if plan is None and self.model.batches:
            batch = self.some_batch(data)
            may = self.model.may_add(batch, actor and actor.copy, to_hold=True)
            made, is_new = self.app.batches.open(batch.bid), False
        else:
            with self.acting(actor):
                made, batch = self._new(plan or NOTHING, actor, None)
            above, is_new = batch.parent, True
            may = {OK} if above is None else self.model.may_add(above, actor and actor.copy)
        hold = made.open()

        def begin() -> None:
            with self.acting(actor):
                hold.__enter__()

        what = "hold a new one" if is_new else "hold what is barred" if batch.barred else "hold"
        if self.attempt(begin, may, what):
            if is_new:
                self.model.create(batch)
            self.tags += 1
            self.holds[self.tags] = (hold, batch)
            self.until[self.tags] = self.vt() + HOLD_LIFE
            batch.holds.add(self.tags)
            self.model.settle()

    @precondition(lambda self: self.holds)
    @rule(data=st.data(), well=st.sampled_from([True, True, False]))
    def end_hold(self, data: DataObject, well: bool) -> None:
        """A hold ends: well, or by an exception."""
        number = data.draw(st.sampled_from(sorted(self.holds)), label="hold")
        hold, batch = self.holds.pop(number)
        stood = number in batch.holds
        if well:
            hold.__exit__(None, None, None)
        else:
            hold.__exit__(BoomError, BoomError(), None)
        self.model.end_hold(batch, number, well=well)
        self.note("end a hold" if stood else "end a lapsed hold", "well" if well else "badly")

    @precondition(lambda self: self.may("lapse") and any(one.holds for one in self.batches()))
    @rule()
    def lapse(self) -> None:
        """Ten minutes in which nobody renews a hold."""
        self.spend("lapse")
        for _ in range(HOLD_STEPS):
            self.beat(0, 1)
        self._upkeep()
        self.note("holds lapse")

    @precondition(lambda self: self.model.undone)
    @rule()
    def upkeep(self) -> None:
        """A worker finishes what was left of cancelling."""
        self._upkeep()
        self.note("cancelling finished by a worker")

    def _upkeep(self) -> None:
        now = self.stage.now
        lapsed = [
            (batch, number)
            for batch in self.model.batches.values()
            for number in sorted(batch.holds)
            if self.until[number] < self.vt()
        ]
        while True:
            look = life.upkeep(self.app.keys, limit=100, since=now, heard=0, now=now)
            done = self.app.perform(look)
            assert done.lapsed in (0, len(lapsed))
            if not done.undone:
                break
            self.app.perform(cancelling.finish(self.app.keys, done.undone))
        for batch, number in lapsed:
            self.model.end_hold(batch, number, well=False)
        for batch in list(self.model.undone):
            self.model.finish(batch)
        self.model.settle()
