"""Chaos: batches go on while processes and connections come to harm at random. `make chaos`."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest

from outrider import App
from outrider.job import Job
from tests.process.conftest import StartWorker
from tests.process.harness import Worker, ask, children, claimed, load_work, measured, until

SECONDS = float(os.environ.get("CHAOS_SECONDS", "60"))
BATCH = 1000
# A supervisor's lease has 30 s of the virtual clock to run when it is killed.
LEASE_PATIENCE = 90.0


class Nemesis:
    """Does harm, drawn at random from a seed."""

    def __init__(
        self, app: App, start: Callable[[], Worker], job: Job[..., None], seed: int
    ) -> None:
        self.random = random.Random(seed)
        self.done: Counter[str] = Counter()
        self._app = app
        self._start = start
        self._job = job
        self._frozen: set[int] = set()
        self.workers = [start(), start()]
        self._acts = [self.child] * 3 + [
            self.freeze,
            self.still,
            self.supervisor,
            self.lost,
            self.suspended,
            self.stop,
            self.flush,
            self.cut,
            self.pause,
            self.pause_name,
        ]

    def strike(self) -> None:
        """Undo what is not to last, and do one harm."""
        self.relent()
        act = self.random.choice(self._acts)
        self.done[act.__name__] += 1
        act()

    def relent(self) -> None:
        """Let go on what was frozen or paused."""
        for pid in self._frozen:
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                continue
        self._frozen.clear()
        self._app.queues["default"].resume()
        self._job.resume()

    def child(self) -> None:
        """Kill a child."""
        for pid in self._any_child():
            os.kill(pid, signal.SIGKILL)

    def freeze(self) -> None:
        """Freeze a child until the next strike."""
        self._freeze(self._any_child())

    def still(self) -> None:
        """Freeze a supervisor until the next strike."""
        self._freeze([self.random.choice(self.workers).pid])

    def supervisor(self) -> None:
        """Kill a supervisor, and start another worker."""
        self._replace(signal.SIGKILL)

    def lost(self) -> None:
        """The same, and its lease is over at once."""
        self._lapse(self._replace(signal.SIGKILL))

    def suspended(self) -> None:
        """Freeze a worker until the next strike, with its lease over: others take its jobs."""
        one = self.random.choice(self.workers)
        self._freeze([one.pid, *children(one.pid)])
        self._lapse(one.identity)

    def stop(self) -> None:
        """Stop a worker in good order, as a deploy does, and start another one."""
        self._replace(signal.SIGTERM)

    def flush(self) -> None:
        """Make the server forget all scripts."""
        ask(self._app, "SCRIPT", "FLUSH")

    def cut(self) -> None:
        """Cut all connections but ours."""
        ask(self._app, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")

    def pause(self) -> None:
        """Pause the queue until the next strike."""
        self._app.queues["default"].pause()

    def pause_name(self) -> None:
        """Pause a job's name until the next strike."""
        self._job.pause()

    def _any_child(self) -> list[int]:
        found = children(self.random.choice(self.workers).pid)
        return [self.random.choice(found)] if found else []

    def _freeze(self, pids: list[int]) -> None:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
            self._frozen.add(pid)

    def _lapse(self, identity: str) -> None:
        # Thirty seconds of the virtual clock, in a moment: only that this lease is in the past.
        ask(self._app, "ZADD", "o:leases", "XX", 0, identity)

    def _replace(self, number: signal.Signals) -> str:
        old = self.workers.pop(self.random.randrange(len(self.workers)))
        identity = old.identity
        os.kill(old.pid, number)
        self.workers.append(self._start())
        return identity


class Load:
    """Batches of brief jobs, some of them delayed, failing once, or ending their process."""

    def __init__(self, work: ModuleType, folder: Path, rng: random.Random) -> None:
        self.work = work
        self.path = str(folder / "ran")
        self.fired = str(folder / "fired")
        self.bids: list[str] = []
        self.jobs = 0
        self._rng = rng

    def add(self) -> None:
        """One batch more."""
        work, first = self.work, self.jobs
        self.jobs += BATCH
        batch = work.app.batch().on("success", work.trace, path=self.fired)
        with batch.jobs():
            for i in range(first, self.jobs):
                kind = work.shaky if i % 20 == 1 else work.line
                if i % 20 == 0:
                    kind.enqueue_in(self._rng.uniform(0.1, 1.0), i, self.path)
                elif i == first + 5 and self._rng.random() < 0.2:
                    work.lethal.enqueue(i, self.path)
                else:
                    kind.enqueue(i, self.path)
        self.bids.append(batch.bid)

    def ran(self) -> Counter[int]:
        """How often each job has left its trace."""
        return Counter(map(int, _lines(self.path)))


@pytest.fixture
def work(tmp_path: Path, app: App) -> Iterator[ModuleType]:
    """The jobs, in the folder where workers run."""
    module = load_work(tmp_path, app.url, name="filed")
    yield module
    module.app.close()


def _lines(path: str) -> list[str]:
    return Path(path).read_text().split() if Path(path).exists() else []


@pytest.mark.chaos
@pytest.mark.timeout(int(SECONDS) + 240)
def test_chaos(app: App, work: ModuleType, worker: StartWorker, tmp_path: Path) -> None:
    """No job is lost, every batch succeeds, and its callback is called for it alone (P40, P74)."""
    seed = int(os.environ.get("CHAOS_SEED", str(random.randrange(1_000_000))))
    measured(f"seed {seed} (CHAOS_SEED={seed} CHAOS_SECONDS={SECONDS:g} make chaos)")
    options = ("-p", "2", "-c", "4", "--timeout", "2")
    nemesis = Nemesis(app, lambda: worker(*options), work.line, seed)
    load = Load(work, tmp_path, nemesis.random)
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        load.add()
        time.sleep(nemesis.random.uniform(0.0, 0.4))
        nemesis.strike()
        time.sleep(nemesis.random.uniform(0.0, 0.6))
        nemesis.relent()
        until(partial(_goes_on, app, load), "work goes on", LEASE_PATIENCE)
    until(lambda: len(set(_lines(load.fired))) == len(load.bids), "all succeed", LEASE_PATIENCE)
    runs = load.ran()
    assert set(runs) == set(range(load.jobs))
    assert set(_lines(load.fired)) == set(load.bids)
    assert len(app.dead) == 0
    until(lambda: claimed(app) == 0, "no claim is left", LEASE_PATIENCE)
    doubled = runs.total() - len(runs)
    again = len(_lines(load.fired)) - len(load.bids)
    measured(
        f"{len(load.bids)} batches, {load.jobs} jobs, 0 lost, {doubled} runs doubled, "
        f"{again} callbacks run again; {dict(nemesis.done)}"
    )


def _goes_on(app: App, load: Load) -> bool:
    """All but as many jobs as two batches have have run: so work never ends, nor heaps up."""
    return app.stats.processed >= load.jobs - 2 * BATCH
