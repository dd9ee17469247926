"""The whole machine: all rules, and how a run ends."""

from __future__ import annotations

from tests.conftest import PERMANENT
from tests.machine.holding import Holding
from tests.machine.model import WORKERS
from tests.machine.people import People
from tests.machine.workers import LIMIT, QUEUES, Workers
from tests.simulator.world import KEYS, snapshot

ROUNDS = 200
LATER = 30 * 86_400


class Machine(Holding, Workers, People):
    """Batches from all sides at once."""

    def drain(self) -> None:
        """Everything runs to success; then all is settled, expires, and leaves nothing."""
        for queue in sorted(self.paused):
            self.toggle(queue)
        self._check()
        for batch in self.batches():
            assert self.app.batches[batch.bid].explain()
        for _ in range(ROUNDS):
            if not self._busy():
                break
        assert not self.runs()
        for batch in self.batches():
            assert batch.counts_settled, f"{batch} is stuck"
        for name in ("holds", "cancelling", "batches"):
            assert not self.seen.scored(KEYS(name).removeprefix(KEYS.prefix))
        self._expire()

    def _check(self) -> None:
        self.server_and_model_agree()

    def _busy(self) -> bool:
        """One round of work; whether there was any."""
        for worker in range(len(WORKERS)):
            self._report([run for run in self.runs() if run.worker == worker], "success")
            self._check()
        if self.model.undone:
            self._upkeep()
            self._check()
        for queue in QUEUES:
            if self.seen.queues.get(queue):
                self._report(self._claim(0, queue, LIMIT), "success")
                self._check()
        if self.lying("dead", *QUEUES):
            self.wait(LATER)
            self._check()
        return bool(self.lying("dead") or self.runs() or self.model.undone)

    def _expire(self) -> None:
        """The time to live of everything is over: no batch is known, and its jobs are plain."""
        for key, ttl in self.seen.ttl.items():
            if ttl >= 0:
                self.stage.wire.command("DEL", KEYS.prefix + key)
        for batch in self.batches():
            assert self.app.batches.get(batch.bid) is None
        self.app.dead.retry_all()
        for queue in QUEUES:
            for hands in self.hands:
                hands.work(queue)
        left = {key for key in snapshot(self.stage.wire).ttl if key.startswith("o:")}
        owners = {key for key in left if key.startswith("o:owners:")}
        assert left - owners <= set(PERMANENT)
