"""Workers that are stopped at random moments, in every way, and replaced: nothing is lost."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest

from outrider import App
from tests.process.account import check, complaints, cut_off, is_slow, tell
from tests.process.harness import Worker, ask, load_work, measured, until

SEATS = 4
TIMEOUT = 0.4
SIGNALS = {
    "term": [signal.SIGTERM],
    "int": [signal.SIGINT],
    "quiet, then term": [signal.SIGTSTP, signal.SIGTERM],
    "term twice": [signal.SIGTERM, signal.SIGTERM],
    "int, then term": [signal.SIGINT, signal.SIGTERM],
}


class Seat:
    """A place that always has a worker, which is stopped at a moment drawn when it is started."""

    def __init__(self, folder: Path, app: App, chance: random.Random) -> None:
        self._folder = folder
        self._app = app
        self._chance = chance
        self.ended: list[Worker] = []
        self.hurried: list[Worker] = []
        self._begin()

    def _begin(self) -> None:
        chance = self._chance
        options = ["-c", "3", "-p", chance.choice("112"), "--timeout", str(TIMEOUT)]
        self.worker = Worker(self._folder, self._app, *options, target="steady")
        # Two thirds are let to begin, however busy the machine is; the others meet it anywhere.
        self._since = time.monotonic() if chance.random() < 1 / 3 else None
        at = chance.uniform(0.0, 1.5)
        self._plan = []
        for number in SIGNALS[chance.choice(list(SIGNALS))]:
            self._plan.append((at, number))
            at += chance.uniform(0.0, TIMEOUT)

    def _elapsed(self) -> float:
        if self._since is None and self.worker.registered:
            self._since = time.monotonic()
        return -1.0 if self._since is None else time.monotonic() - self._since

    def look(self, *, again: bool) -> bool:
        """Send what is due; whether the worker has ended, so that another one was started."""
        while self._plan and self._plan[0][0] <= self._elapsed():
            if self.worker.process.poll() is None:
                self.worker.send(self._plan[0][1])
            self._plan.pop(0)
        self.worker.children  # noqa: B018  (notes their pids)
        if self.worker.process.poll() is None:
            return False
        self._check_end()
        if again:
            self._begin()
        return True

    def _check_end(self) -> None:
        one = self.worker
        # Before Python code runs at all, nobody can catch a signal: then nothing was begun.
        assert one.wait() == 0 or not one.messages, one.log
        assert not complaints(one), one.log
        self.ended.append(one)
        if one.said("stopping: ") > 1:
            self.hurried.append(one)
        one.end()


@pytest.fixture
def steady(tmp_path: Path, app: App) -> Iterator[ModuleType]:
    """The jobs, in the folder where workers run."""
    module = load_work(tmp_path, app.url, name="steady")
    yield module
    module.app.close()


def _stop_at_random(
    app: App, steady: ModuleType, folder: Path, stops: int, chance: random.Random
) -> None:
    seats: list[Seat] = []
    fed = 0
    try:
        seats = [Seat(folder, app, chance) for _ in range(SEATS)]
        while (done := sum(len(seat.ended) for seat in seats)) < stops or (
            fed < stops // 5 and done < 2 * stops
        ):
            if ask(app, "LLEN", "queue:default") < 20:
                steady.feed(fed, chance.uniform(0.05, 0.5))
                fed += 1
            for seat in seats:
                seat.look(again=True)
            time.sleep(0.01)
        for seat in seats:
            until(partial(seat.look, again=False), "the last one stops")
    finally:
        for seat in seats:
            seat.worker.end()
    last = Worker(folder, app, "--drain", target="steady")
    assert last.wait(60) == 0, last.log
    doubled = check(app, fed)
    ended = [one for seat in seats for one in seat.ended]
    hurried = [one for seat in seats for one in seat.hurried]
    tell(f"{len(ended)} stops, {cut_off(ended)} jobs cut off", fed, doubled)
    measured(f"{sum(not one.messages for one in ended)} before anything, {len(hurried)} at once")
    assert doubled.total() <= cut_off(ended)
    # Only a second signal cuts off what is brief.
    quick = sum(n for name, n in doubled.items() if not is_slow(name))
    assert quick <= cut_off(hurried)


def _seed() -> int:
    seed = int(os.environ.get("TERMS_SEED", str(random.randrange(1_000_000))))
    measured(f"seed {seed} (TERMS_SEED={seed} repeats its choices)")
    return seed


@pytest.mark.timeout(300)
def test_a_hundred_stops_lose_nothing(app: App, steady: ModuleType, tmp_path: Path) -> None:
    """TERM, INT, twice, after TSTP, during boot: all is done, counted and called back once.

    P125, P133, P134.
    """
    _stop_at_random(app, steady, tmp_path, 100, random.Random(_seed()))


@pytest.mark.soak
def test_a_thousand_stops_lose_nothing(app: App, steady: ModuleType, tmp_path: Path) -> None:
    """The same for minutes (P134)."""
    _stop_at_random(app, steady, tmp_path, 1000, random.Random(_seed()))
