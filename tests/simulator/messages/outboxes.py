"""What an outbox job sends at its end: its success, and all that it has enqueued."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from outrider.script import Call
from outrider.store import outbox
from tests.simulator.messages.staging import CommitStaged
from tests.simulator.messages.workers import settle
from tests.simulator.model import SUCCEEDED, Model
from tests.simulator.payloads import read
from tests.simulator.world import DAY, KEYS, Snapshot


@dataclass
class Outbox(CommitStaged):
    """The end of a run, under its claim."""

    child: tuple[str, str] = ("", "")
    token: int = 0
    held: bytes | None = field(default=None, repr=False)

    def call(self) -> Call[Any]:
        return outbox.deliver(
            KEYS,
            owner=":".join(self.child),
            token=self.token,
            now=self.now,
            day=DAY,
            batches=self.parts,
            queues=self.queues,
            scheduled=self.scheduled,
            staged=self.staged,
        )

    def expect(self, model: Model, before: Snapshot, after: Snapshot, answer: Any) -> None:
        self.held = before.held(self.child).get(self.token)
        super().expect(model, before, after, answer)

    def execute(self, model: Model) -> Any:
        if self.held is None:
            return outbox.LATE
        said = super().execute(model)
        if said == 1:
            job = read(self.held)
            model.take(job.id, "claim")
            model.processed += 1
            model.change(job, SUCCEEDED)
            model.call_back(job, "succeeded")
            settle(model, [job])
        return said
