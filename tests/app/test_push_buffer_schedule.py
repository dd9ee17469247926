"""Random schedules: whatever comes, what was accepted is on the server once, in its order."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from outrider import App, PushBufferFull, StoreUnavailable
from outrider import staging as stagings
from tests.app.outage import Outage, buffer_of, job_of, payloads, sent

STEPS = 60


class Schedule:
    """One producer after the other on one line, and what they were told.

    Blocks that are staged have a queue of their own: what is pushed later may overtake them.
    """

    def __init__(self, outage: Outage, seed: int) -> None:
        self.outage = outage
        self.chance = random.Random(seed)
        self.accepted: dict[str, list[str]] = {"default": [], "large": []}
        self.unknown: list[str] = []
        self.refused: list[str] = []
        self.batches: dict[str, int] = {}
        self.producer = outage.producer(jobs=60)

    def run(self) -> None:
        """Do anything, many times; in the end the line is good."""
        acts = [
            *(self.single, self.single, self.bulk, self.block, self.large, self.tree),
            *(self.down, self.up, self.up, self.harm, self.wait, self.restart),
        ]
        for _ in range(STEPS):
            self.chance.choice(acts)()
        self.up()
        self.outage.line.plan.clear()
        sent(self.producer)

    def single(self) -> None:
        self.push(1)

    def bulk(self) -> None:
        self.push(self.chance.randrange(2, 8))

    def block(self) -> None:
        self.push(self.chance.randrange(4), in_batch=True)

    def large(self) -> None:
        self.push(self.chance.randrange(6, 30), queue="large", in_batch=True)

    def tree(self) -> None:
        self.push(self.chance.randrange(4), in_batch=True, nested=True)

    def down(self) -> None:
        self.outage.line.down()

    def up(self) -> None:
        self.outage.line.up()

    def harm(self) -> None:
        kinds = ("reply lost", "request cut", "")
        self.outage.line.plan += self.chance.choices(kinds, k=self.chance.randrange(6))

    def wait(self) -> None:
        buffer_of(self.producer).flush(self.chance.uniform(0, 0.05))

    def restart(self) -> None:
        """Only a journal outlives its process."""
        if self.outage.journal is not None:
            self.outage.abandon(self.producer)
            self.producer = self.outage.producer(jobs=60)

    def push(
        self, count: int, *, queue: str = "default", in_batch: bool = False, nested: bool = False
    ) -> None:
        jids: list[str] = []
        batch = self.producer.batch(parent=None)
        try:
            if not in_batch:
                self._enqueue(count, queue, jids)
            else:
                with batch.jobs():
                    self._enqueue(count, queue, jids)
                    if nested:
                        with self.producer.batch().jobs():
                            self._enqueue(1, queue, jids)
        except PushBufferFull:
            self.refused += jids
        except StoreUnavailable as error:
            (self.refused if error.executed is False else self.unknown).extend(jids)
        else:
            self.accepted[queue] += jids
            if in_batch:
                self.batches[batch.bid] = count

    def _enqueue(self, count: int, queue: str, jids: list[str]) -> None:
        for _ in range(count):
            done = job_of(self.producer).using(queue=queue).enqueue(0)
            assert done is not None
            jids.append(done.jid)

    def check(self) -> None:
        """The server has what it should have."""
        app = self.outage.app
        for queue, accepted in self.accepted.items():
            found = [record.jid for record in app.queues[queue]]
            assert [jid for jid, times in Counter(found).items() if times > 1] == []
            assert not set(accepted) - set(found)
            if queue == "default":
                lying = [one["jid"] for one in payloads(app) if one["jid"] in set(accepted)]
                assert lying == accepted
        for bid, count in self.batches.items():
            assert app.batches[bid].total == count
        assert buffer_of(self.producer).refused == 0


@pytest.fixture(params=["memory", "journal"])
def kind(request: pytest.FixtureRequest) -> str:
    """Both kinds of buffer."""
    return str(request.param)


@pytest.mark.parametrize("seed", range(12))
def test_any_schedule(
    app: App, tmp_path: Path, kind: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing dropped, nothing doubled, nothing overtaken."""
    monkeypatch.setattr(stagings, "MAX_LOAD", 5)
    monkeypatch.setattr(stagings, "CHUNK", 5)
    outage = Outage(app, tmp_path, is_journal=kind == "journal")
    schedule = Schedule(outage, seed)
    try:
        schedule.run()
        schedule.check()
    finally:
        outage.close()
