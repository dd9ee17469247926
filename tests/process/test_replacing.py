"""Children that are replaced while the worker goes on: after many jobs, or with much memory."""

from __future__ import annotations

import os
import random
import resource
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from types import ModuleType

import pytest

from outrider import App
from outrider.worker.memory import MB, rss_kb
from tests.process.conftest import StartWorker
from tests.process.harness import (
    Worker,
    ask,
    claimed,
    ended,
    length,
    listed,
    measured,
    outrider,
    reach,
    until,
)


@contextmanager
def load(work: ModuleType, jobs: int = 100) -> Iterator[list[int]]:
    """Enqueue jobs of 5 ms as fast as they are done; the numbers that were."""
    over, sent = Event(), [0]

    def feed() -> None:
        while not over.wait(0.02):
            if work.app.queues["default"].size < jobs:
                work.where.enqueue_many([(sent[0] + i,) for i in range(jobs)])
                sent[0] += jobs

    feeder = Thread(target=feed)
    feeder.start()
    try:
        yield sent
    finally:
        over.set()
        feeder.join()


def runs(app: App) -> Counter[int]:
    """How many jobs each process has run."""
    return Counter(int(line.split()[0]) for line in listed(app, "where"))


def test_children_are_replaced_after_so_many_jobs(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """Under load: nothing lost or doubled, never fewer children, and old ones leave quietly."""
    one = worker("-c", "2", "-p", "2", "--max-jobs", "50")
    until(lambda: len(one.children) == 2, "both are there")
    fewest = [2]

    def six() -> bool:
        fewest.append(len(one.children))
        return len(runs(app)) >= 6

    with load(work) as sent:
        until(six, "six children have worked", 60)
    reach(app, "where", sent[0])
    until(lambda: claimed(app) == 0, "all is reported")
    assert sorted(int(line.split()[1]) for line in listed(app, "where")) == list(range(sent[0]))
    assert app.stats.processed == sent[0]
    assert min(fewest) >= 2
    counts = runs(app)
    measured(f"jobs by child, with --max-jobs 50: {list(counts.values())}")
    until(lambda: len(one.children) == 2, "the old ones have left")
    until(lambda: one.said("has left") >= 4, "that is said")
    assert not one.said("ended with status")
    assert not one.said("died")
    # What is known of those that have left does not stay on the server.
    until(lambda: ask(app, "HLEN", f"o:owners:{one.identity}") <= 4, "they are forgotten")
    assert one.stop() == 0


def test_a_stop_while_children_are_replaced(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """At any moment: each job has run once or is queued, and no process is left."""
    random.seed(4)
    with load(work) as sent:
        for _ in range(4):
            one = worker("-c", "2", "-p", "2", "--max-jobs", "10")
            before = length(app, "where")
            reach(app, "where", before + random.randrange(10, 60))
            seen = one.children
            assert one.stop() == 0
            assert all(map(ended, seen))
            assert claimed(app) == 0
            assert not one.said("ended with status")
            log = one.messages
            stop = log.index("stopping: running jobs have 25 s")
            assert not [line for line in log[stop:] if "is to replace" in line]
    assert worker("-c", "10", "--drain", ready=False).wait() == 0
    assert sorted(int(line.split()[1]) for line in listed(app, "where")) == list(range(sent[0]))
    assert app.stats.processed == sent[0]


def test_a_child_with_too_much_memory_is_replaced(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """Jobs that keep 5 MB each: no child takes what all together do."""
    one = worker("-c", "1", "--max-memory", "200")
    work.hoard.enqueue_many([(i, 5) for i in range(150)])
    reach(app, "where", 150)
    lines = [list(map(int, line.split())) for line in listed(app, "where")]
    assert sorted(i for _, i, _ in lines) == list(range(150))
    most = max(rss for _, _, rss in lines)
    pids = {pid for pid, _, _ in lines}
    measured(f"most memory of a child, with --max-memory 200: {most} MB, {len(pids)} children")
    assert len(pids) >= 3
    assert most < 700
    assert one.said("more than --max-memory 200") >= 2
    assert not one.said("ended with status")
    assert one.stop() == 0
    assert app.stats.processed == 150


def test_a_limit_below_what_the_app_takes_is_an_error(work: ModuleType, tmp_path: Path) -> None:
    """It is told at the start: children would be replaced for ever."""
    told = outrider(tmp_path, "worker", "work", "--max-memory", "5")
    assert told.returncode == 1
    assert told.stderr.count("\n") == 1
    assert "before its first job" in told.stderr


def test_an_idle_child_is_not_replaced_for_ever(
    app: App, work: ModuleType, worker: StartWorker, tmp_path: Path
) -> None:
    """Not one that grows beyond the limit by what every child does before its first job."""
    with (tmp_path / "work.py").open("a") as code:
        code.write(
            "\nfrom threading import Timer\n"
            "Timer(0.5, lambda: globals().update(ballast=b'x' * (300 << 20))).start()\n"
        )
    one = worker("-c", "1", "--max-memory", "200")
    (child,) = one.children
    until(lambda: rss_kb(child) > 250 * MB, "it has grown")
    time.sleep(2.5)  # longer than two looks
    assert one.children == [child]
    work.where.enqueue(1)
    until(lambda: one.said("more than --max-memory 200") == 1, "it has run a job")
    assert one.stop() == 0


def test_a_supervisor_that_cannot_start_a_process_tries_again(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """It goes on with the children that it has, and says once what is in the way."""
    one = worker("-c", "1", "-p", "2")
    until(lambda: ask(app, "HLEN", f"o:owners:{one.identity}") == 3, "both may claim")
    first, second = one.children
    usual = resource.prlimit(one.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(one.pid, resource.RLIMIT_NOFILE, (3, usual[1]))
    os.kill(first, signal.SIGKILL)
    until(lambda: one.said("no child can be started"), "it is said")
    work.where.enqueue(1)
    reach(app, "where", 1)
    assert one.children == [second]
    resource.prlimit(one.pid, resource.RLIMIT_NOFILE, usual)
    until(lambda: len(one.children) == 2, "another one starts")
    assert one.said("no child can be started") == 1
    assert one.stop() == 0


def test_new_code_that_takes_more_than_the_limit_works(
    app: App, work: ModuleType, worker: StartWorker, tmp_path: Path
) -> None:
    """To replace such a child would help nothing: it is said, and the work goes on."""
    one = worker("-c", "1", "--max-memory", "200")
    with (tmp_path / "work.py").open("a") as code:
        code.write("\n_ballast = b'x' * (300 << 20)\n")
    os.kill(one.children[0], signal.SIGKILL)
    for i in range(3):
        work.hoard.enqueue(i, 1)
        reach(app, "where", i + 1)
    time.sleep(1.5)  # longer than from one look to the next
    assert one.said("before its first job") == 1
    assert one.said("is to replace") == 0
    assert len({line.split()[0] for line in listed(app, "where")}) == 1
    assert one.stop() == 0


BAD = """
from pathlib import Path
with Path(__file__).with_name("imports").open("a") as trace:
    trace.write("x")
raise RuntimeError("a bad deployment")
"""


@pytest.fixture
def outdated(app: App, work: ModuleType, worker: StartWorker, tmp_path: Path) -> tuple[Worker, str]:
    """A worker whose child is to be replaced, while the code can't be imported; the good code."""
    path = tmp_path / "work.py"
    good = path.read_text()
    one = worker("-c", "2", "--max-jobs", "3")
    path.write_text(BAD)
    work.where.enqueue_many([(i,) for i in range(5)])
    until((tmp_path / "imports").exists, "another child has tried")
    return one, good


def test_bad_new_code_leaves_the_old_child_at_work(
    app: App, work: ModuleType, outdated: tuple[Worker, str], tmp_path: Path
) -> None:
    """It is said once, tried again after a growing pause, and done when the code is good."""
    one, good = outdated
    started = time.monotonic()
    (old,) = runs(app)
    until(lambda: len((tmp_path / "imports").read_text()) >= 3, "it is tried again")
    assert time.monotonic() - started > 2.0  # 1 s, then 2 s
    work.where.enqueue_many([(5 + i,) for i in range(20)])
    reach(app, "where", 25)
    assert set(runs(app)) == {old}
    assert one.said("can't start") == 1
    assert one.said("a bad deployment") == 1
    assert not one.said("ended with status")
    (tmp_path / "work.py").write_text(good)
    until(lambda: ended(old), "it leaves when another one works", 30)
    work.where.enqueue(25)
    reach(app, "where", 26)
    assert set(runs(app)) - {old}
    assert one.stop() == 0
    assert app.stats.processed == 26


def test_a_child_that_dies_before_its_successor_works(
    app: App, work: ModuleType, outdated: tuple[Worker, str], tmp_path: Path
) -> None:
    """Then it is a death like others, and another one starts as soon as the code is good."""
    one, good = outdated
    until(lambda: len((tmp_path / "imports").read_text()) >= 2, "it is tried again")
    old = max(runs(app))
    os.kill(old, signal.SIGKILL)
    (tmp_path / "work.py").write_text(good)
    work.where.enqueue(25)
    reach(app, "where", 6)
    until(lambda: len(one.children) == 1, "one child is there")
    assert one.stop() == 0


def test_a_retiring_child_ends_what_it_runs(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """However long that takes; the heartbeat shows it, and a stop ends it."""
    one = worker("-c", "2", "--max-jobs", "3", "--timeout", "0.5")
    (old,) = one.children
    work.gated.enqueue(1, "gate")
    until(lambda: length(app, "started") == 1, "it runs")
    work.where.enqueue_many([(i,) for i in range(3)])
    until(lambda: len(one.children) == 2, "another one starts")
    until(lambda: ask(app, "HLEN", f"o:owners:{one.identity}") >= 2, "it is let in")
    work.gated.enqueue(2, "gate")
    until(lambda: length(app, "started") == 2, "the other one works")
    until(lambda: ask(app, "HGET", one.identity, "busy") == b"2", "both jobs are shown", 15)
    assert old in one.children
    assert one.stop() == 0
    assert ask(app, "LLEN", "queue:default") == 2
    assert claimed(app) == 0
