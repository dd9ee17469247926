"""What all rules stand on: the model beside the server, and who acts."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import NamedTuple

from hypothesis import event
from hypothesis.stateful import RuleBasedStateMachine, invariant
from hypothesis.strategies import DataObject, sampled_from

from outrider import BatchCancelled, BatchFinished
from outrider.batch import Batch as RealBatch
from outrider.hold import Hold
from outrider.outbox import Claim, Outbox
from outrider.payload import decode
from outrider.store import process
from tests.app.hands import Hands, inside, live
from tests.machine.compare import Stamps, compare
from tests.machine.model import WORKERS, Batch, Callback, Copy
from tests.machine.moves import OK, Model
from tests.machine.stage import Stage, payloads, read
from tests.simulator.world import KEYS, Snapshot

STEP = 10_000
BUDGET = {
    "cancel": 2,
    "sweep": 3,
    "lose": 2,
    "lapse": 1,
    "pause": 1,
    "hold": 3,
    "meddle": 4,
    "listen": 5,
}
"""How often a rule may be used that ends much at once: what lives shall grow too."""


class Run(NamedTuple):
    """A job that a worker holds."""

    worker: int
    token: int
    raw: bytes

    @property
    def copy(self) -> Copy:
        """As the model knows it."""
        return read(self.raw, WORKERS[self.worker])


class Base(RuleBasedStateMachine):
    """The state; rules are in the classes below it. What a rule leaves is compared at once."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.stage, self.app = stage, stage.app
        stage.clear()
        self.model = Model()
        self.seen = Snapshot()
        self.stamps: Stamps = {}
        self.hands = [Hands(self.app, identity, now=stage.now) for identity in WORKERS]
        self.holds: dict[int, tuple[Hold[RealBatch], Batch]] = {}
        self.until: dict[int, int] = {}
        self.lost: list[Run] = []
        self.known: dict[bytes, None] = {}
        self.jids: dict[str, str] = {}
        self.paused: set[str] = set()
        self.outbox: Outbox | None = None
        self.tags = 0
        self.spent: Counter[str] = Counter()

    @invariant()
    def server_and_model_agree(self) -> None:
        """After each step all is compared."""
        self.stage.now += 1
        self.seen = compare(self.stage, self.model, self.stamps)
        for place, raw in payloads(self.seen):
            if raw not in self.known:
                self.known[raw] = None
                jid = decode(raw).jid
                assert self.jids.setdefault(read(raw, place).name, jid) == jid

    # -- what there is ----------------------------------------------------------------------------

    def runs(self) -> list[Run]:
        """All jobs that workers hold, by token."""
        found = []
        for (identity, _), claims in self.seen.claims.items():
            found += [Run(WORKERS.index(identity), token, raw) for token, raw in claims.items()]
        return sorted(found, key=lambda run: run.token)

    def batches(self) -> list[Batch]:
        """All batches, the oldest first."""
        return list(self.model.batches.values())

    def some_batch(self, data: DataObject) -> Batch:
        """One that is not settled, or one of those that are: these all behave alike."""
        found = [batch for batch in self.batches() if not batch.counts_settled]
        settled = [batch for batch in self.batches() if batch.counts_settled]
        return data.draw(sampled_from(found + settled[-1:]), label="batch")

    def lying(self, *without: str) -> list[tuple[str, bytes]]:
        """All payloads that no worker holds, with their places."""
        return sorted(
            (place, raw)
            for place, raw in payloads(self.seen)
            if place not in WORKERS and place not in without
        )

    def waiting(self) -> list[str]:
        """Queues that hold something."""
        return sorted(queue for queue, found in self.seen.queues.items() if found)

    def first(self, place: str, raw: bytes) -> Copy:
        """The payload that the library finds in this place when it looks for this one's jid."""
        wanted = read(raw, place).name
        copies = (read(other, there) for there, other in payloads(self.seen) if there == place)
        return next(copy for copy in copies if copy.name == wanted)

    # -- acting -----------------------------------------------------------------------------------

    def note(self, *words: str) -> None:
        """Count that something has happened."""
        text = " ".join(word for word in words if word)
        self.stage.reached[text] += 1
        event(text)

    def may(self, rule: str) -> bool:
        """Whether a rule with a budget may be used again."""
        return self.spent[rule] < BUDGET[rule]

    def spend(self, rule: str) -> None:
        """Use such a rule."""
        self.spent[rule] += 1

    def actor(self, data: DataObject) -> Run | None:
        """Who adds: code in a running job, or outside of any."""
        return data.draw(sampled_from([None, *self.runs()]), label="actor")

    @contextmanager
    def acting(self, actor: Run | None) -> Iterator[None]:
        """Be in this job, as its worker would have it; with an outbox it ends well then."""
        if actor is None:
            with nullcontext():
                yield
            return
        owner = f"{WORKERS[actor.worker]}:0"
        with inside(self.app, actor.raw, actor.token, owner) as job:
            if job.callback_of is not None:
                job.callback_parent = self.app.batches[job.callback_of].parent_bid
            job.outbox = self.outbox
            yield
            if self.outbox is not None:
                self.outbox.finish()
        if self.outbox is not None:
            claim = Claim(owner, actor.token)
            assert self.app.perform(self.outbox.deliver(self.app, claim, self.stage.now))

    def surrounding(self, actor: Run | None) -> Batch | None:
        """The batch that a batch made by this actor is a child of."""
        if actor is None:
            return None
        job = self.model.jobs[actor.copy.name]
        return job.batch.parent if isinstance(job, Callback) else job.batch

    def attempt(self, act: Callable[[], None], may: set[str], what: str) -> bool:
        """Do what may be refused; whether it was done. `may` are the outcomes that are right."""
        outcome = OK
        try:
            act()
        except (BatchFinished, BatchCancelled) as error:
            outcome = type(error).__name__
        assert outcome in may, f"{what}: {outcome or 'done'}, but it may be {sorted(may)}"
        self.note(what, outcome)
        return not outcome

    def vt(self) -> int:
        """The virtual clock, in ms."""
        return int(self.stage.wire.command("HGET", KEYS("clock"), "vt"))

    def beat(self, *workers: int) -> None:
        """Ten seconds later these workers show that they live."""
        self.stage.now += STEP
        for worker in workers:
            live(self.app, WORKERS[worker], override=self.stage.now)

    def enlist(self, worker: int) -> None:
        """A new child of a worker whose last one is lost."""
        live(self.app, WORKERS[worker], override=self.stage.now)
        owner = self.hands[worker].owner
        assert self.app.perform(process.enlist(self.app.keys, **owner))

    # -- the end ----------------------------------------------------------------------------------

    def teardown(self) -> None:
        """Everything runs to its end; a run that failed is only cleaned up."""
        failed = sys.exc_info()[1] is not None
        for number, (hold, batch) in list(self.holds.items()):
            hold.__exit__(None, None, None)
            self.model.end_hold(batch, number, well=True)
        if not failed:
            self.drain()

    def drain(self) -> None:
        """See `end.py`."""
        raise NotImplementedError
