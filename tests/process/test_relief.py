"""Jobs behind one that holds the interpreter of its process: they run elsewhere, each once."""

from __future__ import annotations

import random
import time
from types import ModuleType

import pytest

from outrider import App
from tests.process.conftest import StartWorker
from tests.process.harness import ask, length, listed, measured, until


def children(app: App) -> int:
    """How many children may claim."""
    found = [ask(app, "HKEYS", key) for key in ask(app, "KEYS", "o:owners:*")]
    return sum(b":" not in name for names in found for name in names)


@pytest.mark.parametrize("options", [("-p", "2"), ("-p", "1")], ids=["same worker", "another"])
def test_jobs_behind_a_held_interpreter(
    app: App, work: ModuleType, worker: StartWorker, options: tuple[str, str]
) -> None:
    """One child claims ten jobs, the first holds its interpreter: an idle one has the others."""
    some = [worker("-c", "10", *options) for _ in range(2 if options[1] == "1" else 1)]
    until(lambda: children(app) == 2, "two children")
    ask(app, "SADD", "paused", "default")
    work.grab.enqueue(0, 4.0)
    work.mark.enqueue_many([(i,) for i in range(1, 10)])
    ask(app, "SREM", "paused", "default")
    until(lambda: length(app, "queue:default") < 10, "one child claims")
    begun = time.monotonic()
    until(lambda: length(app, "ran") >= 9, "the others run")
    measured(f"jobs behind a held interpreter ran after {time.monotonic() - begun:.2f} s")
    until(lambda: length(app, "ran") == 10, "all run")
    assert listed(app, "ran")[-1] == "0"
    assert sorted(listed(app, "ran")) == [str(i) for i in range(10)]
    assert [one.stop() for one in some] == [0] * len(some)
    assert sum(one.said("does not react") for one in some) >= 1
    assert sum(one.said("ran twice") for one in some) == 0


def test_no_job_is_lost_or_runs_twice(app: App, work: ModuleType, worker: StartWorker) -> None:
    """Interpreters are held for a moment, again and again, among jobs claimed ahead."""
    one = worker("-c", "4", "-p", "2")
    for i in range(400):
        if i % 40 == 20:
            work.grab.enqueue(i, random.uniform(0.3, 0.9))
        else:
            work.mark.enqueue(i)
    until(lambda: length(app, "ran") >= 400, "all run")
    assert sorted(map(int, listed(app, "ran"))) == list(range(400))
    assert one.stop() == 0
    assert one.said("ran twice") == 0


def test_a_blocked_loop_is_no_reason(app: App, work: ModuleType, worker: StartWorker) -> None:
    """Coroutines behind one that blocks its loop are given back by their own process."""
    one = worker("-c", "10", "-p", "2")
    until(lambda: children(app) == 2, "two children")
    ask(app, "SADD", "paused", "default")
    work.ablock.enqueue(0, 2.0)
    work.amark.enqueue_many([(i,) for i in range(1, 20)])
    ask(app, "SREM", "paused", "default")
    until(lambda: length(app, "ran") == 20, "all run")
    assert sorted(map(int, listed(app, "ran"))) == list(range(20))
    assert one.stop() == 0
    assert one.said("does not react") == 0
