"""Rolling deploys: workers and producers of the previous release beside those of this one."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from outrider import App
from tests.process.account import check, complaints, cut_off, tell
from tests.process.harness import (
    Worker,
    ask,
    environment,
    length,
    load_work,
    measured,
    until,
)

PREVIOUS = Path(__file__).parents[1] / "previous"
SLOTS = 4
OPTIONS = ("-c", str(SLOTS), "--timeout", "1")
KILLED = "ended with status -9"
FEED = "import steady, outrider; steady.feed({}, {}); print(outrider.__file__)"


@pytest.fixture(scope="session")
def previous(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source folder of the previous release."""
    (packed,) = PREVIOUS.glob("outrider-*.zip")
    folder = tmp_path_factory.mktemp("previous")
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(folder)
    return folder / "src"


class Site:
    """Two workers, of whichever release, replaced one by one; jobs are fed by either too."""

    def __init__(
        self,
        folder: Path,
        app: App,
        steady: ModuleType,
        previous: Path,
        chance: random.Random,
    ) -> None:
        self._folder = folder
        self._steady = steady
        self._app = app
        self._settings = [{}, {"PYTHONPATH": str(previous)}]
        self.chance = chance
        self.fed = 0
        self.harms = 0
        self.workers: list[Worker] = []
        self.working = [self._start(0), self._start(1)]

    def _start(self, release: int, *options: str) -> Worker:
        settings = self._settings[release]
        one = Worker(
            self._folder, self._app, *OPTIONS, *options, target="steady", settings=settings
        )
        self.workers.append(one)
        return one if options else one.ready()

    def feed(self) -> None:
        """Have a process of one release enqueue a round of work."""
        settings = self.chance.choice(self._settings)
        program = FEED.format(self.fed, round(self.chance.uniform(0.01, 0.2), 3))
        came = subprocess.check_output(
            [sys.executable, "-c", program],
            cwd=self._folder,
            env=environment(**settings),
            text=True,
        )
        assert came.startswith(settings.get("PYTHONPATH", "")), came
        assert ("previous" in came) == bool(settings)
        self.fed += 1

    def deploy(self) -> None:
        """Start a worker of one release, quiet an old one, and stop it."""
        new = self._start(self.chance.randrange(2))
        old = self.working.pop(self.chance.randrange(2))
        self.working.append(new)
        old.send(signal.SIGTSTP)
        time.sleep(self.chance.uniform(0.0, 0.3))
        assert old.stop() == 0

    def kill(self) -> None:
        """Kill the child of a worker that has work."""
        one = self.chance.choice(self.working)
        self._employ(one)
        for pid in one.children:
            self.harms += 1
            os.kill(pid, signal.SIGKILL)
        self._go_on()

    def lose(self) -> None:
        """Kill a whole worker, as a host is lost: the other one takes over when its lease ends."""
        lost = self.working.pop(self.chance.randrange(2))
        identity = lost.identity
        self._employ(lost)
        self.harms += 1
        lost.process.kill()
        lost.wait()
        ask(self._app, "ZADD", "o:leases", 0, identity)
        until(lambda: not ask(self._app, "EXISTS", f"o:owners:{identity}"), "it is reaped")
        self.working.append(self._start(self.chance.randrange(2)))

    def _employ(self, one: Worker) -> None:
        for _ in range(2):
            self._steady.feed(self.fed, 0.5)
            self.fed += 1
        until(lambda: ask(self._app, "KEYS", f"o:claims:{one.identity}:*"), "it holds jobs")

    def _go_on(self) -> None:
        # What was cut off lies at the front: it has ended before the next harm is done.
        done = length(self._app, "ran")
        waiting = ask(self._app, "LLEN", "queue:default")
        until(lambda: length(self._app, "ran") >= done + min(waiting, 2 * SLOTS), "work goes on")

    def finish(self) -> None:
        """Stop all, and have what is left done."""
        for one in self.working:
            assert one.stop() == 0
        assert self._start(0, "--drain").wait(60) == 0


@pytest.fixture
def site(tmp_path: Path, app: App, previous: Path) -> Iterator[Callable[[random.Random], Site]]:
    """Makes a site; all of it ends with the test."""
    module = load_work(tmp_path, app.url, name="steady")
    made: list[Site] = []

    def make(chance: random.Random) -> Site:
        made.append(Site(tmp_path, app, module, previous, chance))
        return made[-1]

    yield make
    module.app.close()
    for one in made:
        for worker in one.workers:
            worker.end()


def _deploy_at_random(app: App, site: Callable[[random.Random], Site], acts: int) -> None:
    seed = int(os.environ.get("DEPLOY_SEED", str(random.randrange(1_000_000))))
    measured(f"seed {seed} (DEPLOY_SEED={seed} repeats its choices)")
    here = site(random.Random(seed))
    least = [here.feed, here.feed, here.deploy, here.deploy, here.kill, here.lose]
    for act in (*least, *here.chance.choices(least, k=acts)):
        here.feed()
        act()
    here.finish()
    doubled = check(app, here.fed)
    tell(f"{len(here.workers)} workers, {here.harms} killed", here.fed, doubled)
    # Per kill: what ran in each slot, and what had ended within the last flush of some 10 ms.
    assert doubled.total() <= cut_off(here.workers) + here.harms * 3 * SLOTS
    for one in here.workers:
        assert [line for line in complaints(one) if KILLED not in line] == []


@pytest.mark.timeout(300)
def test_two_releases_side_by_side(app: App, site: Callable[[random.Random], Site]) -> None:
    """Batches, retries, delayed jobs, deploys, kills of either release: each reads the other's."""
    _deploy_at_random(app, site, 8)


@pytest.mark.soak
def test_two_releases_for_long(app: App, site: Callable[[random.Random], Site]) -> None:
    """The same for minutes."""
    _deploy_at_random(app, site, 150)
