"""Signals: quiet, stop in good order, stop at once, stack dump, and the same during boot."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path
from types import ModuleType

import pytest

from outrider import App
from tests.process.conftest import StartWorker
from tests.process.harness import Worker, ask, claimed, length, listed, load_work, until

BOOT_LIMIT = 3.0


def test_quiet_takes_no_new_jobs_and_ends_those_that_run(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """After TSTP running jobs end, nothing new starts, and a second worker has what is left."""
    busy = worker("-c", "2")
    for i in range(6):
        work.gated.enqueue(i, "gate")
    until(lambda: length(app, "started") == 2, "two jobs run")
    busy.send(signal.SIGTSTP)
    until(lambda: busy.said("quiet"), "quiet is logged")
    ask(app, "SET", "gate", 1)
    until(lambda: length(app, "ran") == 2 and claimed(app) == 0, "both end")
    until(lambda: ask(app, "HGET", busy.identity, "quiet") == b"true", "quiet is shown")
    time.sleep(0.2)
    assert ask(app, "LLEN", "queue:default") == 4
    assert length(app, "started") == 2
    assert worker("--drain", ready=False).wait() == 0
    assert sorted(map(int, listed(app, "ran"))) == list(range(6))
    assert busy.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_jobs_finish_within_the_time_given(
    app: App, work: ModuleType, worker: StartWorker, number: signal.Signals
) -> None:
    """TERM and INT let running jobs end, plain and async; the others are left or given back."""
    one = worker("-c", "2", "--timeout", "20")
    work.gated.enqueue(1, "gate")
    work.agated.enqueue(2, "gate")
    for i in range(3, 9):
        work.mark.enqueue(i)
    until(lambda: length(app, "started") == 2, "both run")
    one.send(number)
    until(lambda: one.said("stopping"), "stopping is logged")
    ask(app, "SET", "gate", 1)
    assert one.wait() == 0
    assert {"1", "2"} <= set(listed(app, "ran"))
    assert length(app, "ran") + ask(app, "LLEN", "queue:default") == 8
    assert claimed(app) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_unfinished_jobs_go_to_the_front_and_run_again(
    app: App, work: ModuleType, worker: StartWorker, number: signal.Signals
) -> None:
    """What still runs after --timeout goes back before all others, and runs again (P133)."""
    one = worker("-c", "2", "--timeout", "1")
    work.gated.enqueue(1, "gate")
    work.agated.enqueue(2, "gate")
    work.mark.enqueue(3)
    until(lambda: length(app, "started") == 2, "both run")
    one.send(number)
    started = time.monotonic()
    assert one.wait() == 0
    assert 0.9 < time.monotonic() - started < 5.0
    queued = [b'"args":[%d' % i in ask(app, "LINDEX", "queue:default", -i) for i in (1, 2, 3)]
    assert queued == [True, True, True]
    ask(app, "SET", "gate", 1)
    assert worker("-c", "1", "--drain", ready=False).wait() == 0
    assert listed(app, "ran") == ["1", "2", "3"]
    assert ask(app, "GET", "stat:processed") == b"3"


def test_a_coroutine_may_clean_up(app: App, tmp_path: Path) -> None:
    """At the deadline it is cancelled, may await in `finally`, and runs again as first attempt."""
    extremes = load_work(tmp_path, app.url, name="extremes")
    extremes.tidy.enqueue(0.4)
    one = Worker(tmp_path, app, "--timeout", "0.2", target="extremes")
    last = None
    try:
        until(lambda: length(app, "started") == 1, "it runs")
        assert one.stop() == 0
        assert listed(app, "tidied") == ["1"]
        assert ask(app, "LLEN", "queue:default") == 1
        last = Worker(tmp_path, app, "--drain", target="extremes")
        assert last.wait() == 0
    finally:
        extremes.app.close()
        for started in filter(None, [one, last]):
            started.end()
    assert listed(app, "started") == ["1", "1"]
    assert listed(app, "ran") == ["tidy"]
    assert (app.stats.processed, app.stats.failed) == (1, 0)


def test_an_idle_worker_stops_at_once(app: App, work: ModuleType, worker: StartWorker) -> None:
    """It waits for jobs in a request of five seconds; a stop does not wait for that (P119)."""
    one = worker("-p", "2")
    work.mark.enqueue(1)
    until(lambda: length(app, "ran") == 1, "it has worked")
    time.sleep(0.3)
    started = time.monotonic()
    assert one.stop() == 0
    assert time.monotonic() - started < 3.0


def test_a_second_signal_stops_at_once(app: App, work: ModuleType, worker: StartWorker) -> None:
    """TERM twice does not wait for the jobs; they go back to their queue (P119)."""
    one = worker("--timeout", "60")
    work.gated.enqueue(1, "never")
    work.agated.enqueue(2, "never")
    until(lambda: length(app, "started") == 2, "both run")
    one.send(signal.SIGTERM)
    until(lambda: one.said("stopping"), "stopping is logged")
    one.send(signal.SIGTERM)
    started = time.monotonic()
    assert one.wait() == 0
    assert time.monotonic() - started < 4.0
    assert ask(app, "LLEN", "queue:default") == 2


def test_a_stack_dump_names_the_running_function(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """TTIN writes the stacks of all threads to standard error, and the work goes on."""
    one = worker("-c", "2")
    work.gated.enqueue(1, "gate")
    work.agated.enqueue(2, "gate")
    until(lambda: length(app, "started") == 2, "they run")
    one.send(signal.SIGTTIN)
    until(lambda: " in gated" in one.log, "the dump names the plain job's function")
    until(lambda: " in agated" in one.log, "the dump names the coroutine")
    assert "work.py" in one.log
    ask(app, "SET", "gate", 1)
    until(lambda: length(app, "ran") == 2, "the jobs end")
    assert one.stop() == 0


def test_a_stack_dump_of_a_process_that_is_held(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """A job that never lets the interpreter go is named all the same."""
    one = worker("-c", "2")
    work.hold.enqueue(4.0)
    until(lambda: length(app, "started") == 1, "it runs")
    one.send(signal.SIGTTIN)
    until(lambda: " in hold" in one.log, "the dump names the job's function", 3.5)
    until(lambda: length(app, "ran") == 1, "the job ends")
    assert not one.said("ended with status")
    assert one.stop() == 0


def test_many_stack_dumps_do_not_disturb_the_work(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """A storm of TTIN while jobs run: no deadlock, nothing lost."""
    work.brief.enqueue_many([(i,) for i in range(500)])
    one = worker("-c", "4")
    for _ in range(200):
        one.send(signal.SIGTTIN)
        time.sleep(0.002)
    until(lambda: length(app, "ran") == 500, "all jobs run")
    assert not one.said("ended with status")
    assert one.stop() == 0


def test_a_job_that_ends_at_the_deadline_counts_once(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """Ended or given back, never both: what ends in the very moment is counted once (P28, P125)."""
    batch = work.app.batch()
    with batch.jobs():
        for i in range(40):
            (work.nap if i % 2 else work.anap).enqueue(i, 0.25 + i / 400)
    one = worker("-c", "40", "--timeout", "0.3")
    until(lambda: length(app, "started") == 40, "all run")
    assert one.stop() == 0
    queued = ask(app, "LLEN", "queue:default")
    assert claimed(app) == 0
    assert app.batches[batch.bid].pending == queued == 40 - app.stats.processed
    assert worker("-c", "40", "--drain", ready=False).wait() == 0
    assert app.batches[batch.bid].is_success
    assert app.stats.processed == 40
    assert set(map(int, listed(app, "ran"))) == set(range(40))


def test_a_stack_dump_during_boot_stops_nobody(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """A TTIN that meets a child before it can dump must not leave it stopped for ever."""
    one = worker("-p", "2", ready=False)
    until(lambda: one.children, "a child starts")
    for _ in range(40):
        one.send(signal.SIGTTIN)
        time.sleep(0.02)
    one.ready()
    work.mark.enqueue(1)
    until(lambda: listed(app, "ran") == ["1"], "the job runs")
    assert one.stop() == 0


def test_quiet_during_boot(app: App, work: ModuleType, worker: StartWorker) -> None:
    """A TSTP that meets a child before it was let in: it stays, and takes nothing."""
    work.mark.enqueue(1)
    one = worker("-p", "2", ready=False)
    until(lambda: one.children, "a child starts")
    while not one.said(" serves "):
        one.send(signal.SIGTSTP)
        time.sleep(0.002)
    one.ready()
    until(lambda: ask(app, "HGET", one.identity, "quiet") == b"true", "quiet is shown")
    time.sleep(0.3)
    assert ask(app, "LLEN", "queue:default") == 1
    assert one.stop() == 0
    assert not one.said("ended with status")


def test_a_hail_of_signals_ends_well(app: App, work: ModuleType, worker: StartWorker) -> None:
    """TERM until the very end: an orderly stop has status 0, however impatient its caller is."""
    for _ in range(3):
        one = worker()
        while one.process.poll() is None:
            one.send(signal.SIGTERM)
            time.sleep(0.0005)
        assert one.wait() == 0
        assert one.said("stopped") == 1


def test_a_quiet_worker_stops(app: App, work: ModuleType, worker: StartWorker) -> None:
    """TSTP, then TERM: how a deployment does it."""
    one = worker()
    one.send(signal.SIGTSTP)
    until(lambda: one.said("quiet"), "quiet is logged")
    assert one.stop() == 0


def test_signals_to_the_whole_group_are_the_supervisors_to_interpret(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """A service manager sends TERM to every process: children let their jobs end all the same."""
    one = worker("--timeout", "20")
    work.gated.enqueue(1, "gate")
    until(lambda: length(app, "started") == 1, "it runs")
    for pid in [*one.children, one.pid]:
        os.kill(pid, signal.SIGTERM)
    until(lambda: one.said("stopping"), "stopping is logged")
    time.sleep(0.2)
    ask(app, "SET", "gate", 1)
    assert one.wait() == 0
    assert listed(app, "ran") == ["1"]
    assert length(app, "started") == 1


def _terminate_after(one: Worker, delay: float) -> tuple[int, float]:
    time.sleep(delay)
    started = time.monotonic()
    status = one.stop()
    return status, time.monotonic() - started


@pytest.mark.parametrize("part", range(4))
def test_a_stop_at_any_moment_of_boot_is_orderly(
    app: App, work: ModuleType, tmp_path: Path, part: int
) -> None:
    """TERM at a random moment of the first second: a prompt end, nothing claimed, nothing left."""
    random.seed(part)
    for _ in range(5):
        work.mark.enqueue(1)
        delay = random.random()
        one = Worker(tmp_path, app, "--timeout", "5")
        try:
            status, seconds = _terminate_after(one, delay)
        finally:
            one.end()
        # Before Python code runs at all, nobody can catch the signal: then nothing was begun.
        assert status == 0 or (status == -15 and not one.messages), (delay, status, one.log)
        assert seconds < BOOT_LIMIT, (delay, seconds, one.log)
        assert claimed(app) == 0
        assert ask(app, "SCARD", "processes") == 0
        assert "Traceback" not in one.log
        assert length(app, "ran") + ask(app, "LLEN", "queue:default") > 0
        ask(app, "DEL", "queue:default", "ran")


def test_a_stop_ends_a_slow_import(app: App, tmp_path: Path) -> None:
    """TERM while the target is still being imported does not wait for the import."""
    (tmp_path / "slow.py").write_text("import time\nprint('importing', flush=True)\ntime.sleep(60)")
    one = Worker(tmp_path, app, target="slow")
    try:
        until(lambda: "importing" in one.log, "the import begins")
        started = time.monotonic()
        assert one.stop() == 0
        assert time.monotonic() - started < BOOT_LIMIT
    finally:
        one.end()
