"""Chaos: batches go on while processes and connections are killed at random. `make chaos`."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from functools import partial
from types import ModuleType

import pytest

from outrider import App
from tests.process.conftest import StartWorker
from tests.process.harness import Worker, ask, children, claimed, listed, measured, until

SECONDS = float(os.environ.get("CHAOS_SECONDS", "60"))
BATCH = 200
# A supervisor's lease has 30 s of the virtual clock to run when it is killed.
LEASE_PATIENCE = 90.0


class Nemesis:
    """Does harm, drawn at random from a seed."""

    def __init__(self, app: App, start: Callable[[], Worker], seed: int) -> None:
        self.random = random.Random(seed)
        self.done: dict[str, int] = {}
        self._app = app
        self._start = start
        self.workers = [start(), start()]

    def strike(self) -> None:
        """Do one harm."""
        acts = [
            self.child,
            self.child,
            self.child,
            self.supervisor,
            self.stop,
            self.flush,
            self.cut,
        ]
        act = self.random.choice(acts)
        self.done[act.__name__] = self.done.get(act.__name__, 0) + 1
        act()

    def child(self) -> None:
        """Kill a child."""
        found = children(self.random.choice(self.workers).pid)
        if found:
            os.kill(self.random.choice(found), signal.SIGKILL)

    def supervisor(self) -> None:
        """Kill a supervisor, and start another worker."""
        self._replace(signal.SIGKILL)

    def stop(self) -> None:
        """Stop a worker in good order, as a deploy does, and start another one."""
        self._replace(signal.SIGTERM)

    def flush(self) -> None:
        """Make the server forget all scripts."""
        ask(self._app, "SCRIPT", "FLUSH")

    def cut(self) -> None:
        """Cut all connections but ours."""
        ask(self._app, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")

    def _replace(self, number: signal.Signals) -> None:
        old = self.workers.pop(self.random.randrange(len(self.workers)))
        os.kill(old.pid, number)
        self.workers.append(self._start())


def _goes_on(app: App, made: int) -> bool:
    return len(set(listed(app, "ran"))) >= (made - 4) * BATCH


@pytest.mark.chaos
@pytest.mark.timeout(int(SECONDS) + 240)
def test_chaos(app: App, work: ModuleType, worker: StartWorker) -> None:
    """No job is lost, every batch succeeds, and its callback is called for it alone (P40, P74)."""
    seed = int(os.environ.get("CHAOS_SEED", str(random.randrange(1_000_000))))
    measured(f"seed {seed} (CHAOS_SEED={seed} CHAOS_SECONDS={SECONDS:g} make chaos)")
    nemesis = Nemesis(app, lambda: worker("-p", "2", "-c", "4", "--timeout", "2"), seed)
    deadline, made = time.monotonic() + SECONDS, 0
    while time.monotonic() < deadline:
        batch = work.app.batch().on("success", work.fired, tag=f"batch-{made}")
        with batch.jobs():
            work.brief.enqueue_many([(made * BATCH + i,) for i in range(BATCH)])
        made += 1
        nemesis.strike()
        until(partial(_goes_on, app, made), "work goes on", LEASE_PATIENCE)
        time.sleep(nemesis.random.uniform(0.1, 0.6))
    until(lambda: len(set(listed(app, "fired"))) == made, "every batch succeeds", LEASE_PATIENCE)
    ran = listed(app, "ran")
    assert set(ran) == {str(i) for i in range(made * BATCH)}
    assert set(listed(app, "fired")) == {f"batch-{i}" for i in range(made)}
    until(lambda: claimed(app) == 0, "no claim is left", LEASE_PATIENCE)
    doubled = len(ran) - len(set(ran))
    measured(f"{made} batches, {len(ran)} runs, {doubled} of them twice, 0 lost; {nemesis.done}")
