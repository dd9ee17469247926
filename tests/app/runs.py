"""A worker in this process: it claims and reports by hand, and runs what it has claimed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from outrider import App
from outrider.clock import now_ms
from outrider.payload import Job, decode
from outrider.store.queue import Other
from outrider.worker.parking import Outcome
from outrider.worker.perform import Performer
from tests.app.conftest import loop
from tests.app.hands import IDENTITY, Hands


@dataclass
class Ran:
    """What was run, and what came of it: success, or the kind of another outcome."""

    job: Job
    end: str


class Runs(Hands):
    """One child that runs jobs one after the other, the oldest first."""

    def __init__(self, app: App, identity: str = IDENTITY, **told: Any) -> None:
        super().__init__(app, identity, now=now_ms())
        self.performer = Performer(app, f"{identity}:0", **told)

    def run_all(self, *queues: str, most: int = 1000) -> list[Ran]:
        """Run all that lies on these queues, also what is pushed meanwhile."""
        done: list[Ran] = []
        homes = queues or ("default",)
        while len(done) < most and any(self.app.queues[name].size for name in homes):
            claimed = self.claim(*homes, want=1)
            if not claimed.payloads:  # it was not to run any more
                continue
            outcome = self.perform(claimed.payloads[0], claimed.first)
            assert self.ack(outcome) == []
            end = outcome.kind if isinstance(outcome, Other) else "success"
            done.append(Ran(decode(claimed.payloads[0]), end))
        return done

    def perform(self, payload: bytes, token: int) -> Outcome:
        """Run one claimed job here, as a child does; its outcome."""
        prepared = self.performer.prepare(payload, token)
        if isinstance(prepared, Other):
            return prepared
        if prepared.code.is_async:
            return loop(self.app, self.performer.arun(prepared))
        return self.performer.run(prepared)
