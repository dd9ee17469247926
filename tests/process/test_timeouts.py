"""Jobs that take longer than their timeout: told, given a moment, and ended with their process."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from types import ModuleType
from typing import Any

import pytest

from outrider import App
from tests.process.conftest import StartWorker
from tests.process.harness import ask, claimed, ended, length, listed, measured, until


def members(app: App, key: str) -> list[dict[str, Any]]:
    """The payloads of a set on the server."""
    return [json.loads(payload) for payload in ask(app, "ZRANGE", key, 0, -1)]


@pytest.mark.parametrize("fails", [False, True])
def test_a_plain_job_that_is_told_and_ends(
    app: App, work: ModuleType, worker: StartWorker, fails: bool
) -> None:
    """What it returns or raises then counts, and its process goes on."""
    work.obedient.enqueue(fails)
    one = worker("-c", "2", "--drain", ready=False)
    assert one.wait() == 0
    assert listed(app, "ran") == ["0.0"]
    assert [job["error_class"] for job in members(app, "dead")] == ["ValueError"] * fails
    assert not one.said("is to replace")
    assert not one.said("is killed")


@pytest.mark.parametrize(
    ("job", "kind"),
    [
        ("endless", "sleep"),
        ("endless", "spin"),
        ("endless", "hold"),
        ("endless", "regex"),
        ("endless", "program"),
        ("aendless", "sleep"),
        ("aendless", "block"),
    ],
)
def test_a_job_that_does_not_end_is_ended_with_its_process(
    app: App, work: ModuleType, worker: StartWorker, job: str, kind: str
) -> None:
    """It fails once with TimeoutError; what ran beside it runs again without blame."""
    batch = work.app.batch()
    batch.on("complete", work.fired, tag="complete").on("death", work.fired, tag="death")
    batch.on("success", work.fired, tag="success")
    with batch.jobs():
        for i in range(3):
            work.gated.enqueue(i, "gate")
        getattr(work, job).enqueue(kind)
    one = worker("-c", "4", hasty=True)
    until(lambda: one.said("is killed"), "it is killed")
    until(lambda: ask(app, "ZCARD", "dead") == 1, "it is dead")
    until(lambda: claimed(app) == 3, "the others run again")
    held = [ask(app, "HVALS", key) for key in ask(app, "KEYS", "o:claims:*")]
    assert b"blamed" not in b"".join(payload for payloads in held for payload in payloads)
    ask(app, "SET", "gate", 1)
    until(lambda: length(app, "ran") == 3, "the others end")
    until(lambda: length(app, "fired") == 2, "callbacks run")
    (dead,) = members(app, "dead")
    assert dead["error_class"] == "TimeoutError"
    assert "timeout of 0.3 s" in dead["error_message"]
    assert dead["retry_count"] == 0
    assert "timed_out" not in dead
    assert listed(app, "deaths") == [f"work.{job} TimeoutError"]
    assert Counter(listed(app, "fired")) == Counter(["complete", "death"])
    status = app.batches[batch.bid]
    assert (status.pending, status.failures, status.dead) == (1, 1, 1)
    assert listed(app, "started").count(kind) == 1
    assert app.stats.failed == 1
    until(lambda: claimed(app) == 0, "nothing is held")
    assert [pid for pid in map(int, listed(app, "programs")) if not ended(pid)] == []
    assert one.stop() == 0


def test_a_timeout_is_an_attempt_like_others(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """With its backoff, and counted once; the next attempt has a time of its own."""
    work.late_once.enqueue(7)
    one = worker("-c", "2", "--drain", ready=False, hasty=True)
    assert one.wait() == 0
    assert listed(app, "attempts") == ["1", "2"]
    assert listed(app, "ran") == ["7"]
    assert (app.stats.processed, app.stats.failed) == (2, 1)


def test_a_worker_that_was_stopped_does_not_kill_at_once(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """A job whose time passed while its host was asleep is told, and has its moment like others."""
    one = worker("-c", "1", hasty=True)
    (child,) = one.children
    work.obedient.enqueue(False)
    until(lambda: length(app, "started") == 1, "it runs")
    for pid in (one.pid, child):
        os.kill(pid, signal.SIGSTOP)
    time.sleep(2.0)  # its time and more than the grace
    os.kill(one.pid, signal.SIGCONT)
    time.sleep(0.3)
    os.kill(child, signal.SIGCONT)
    until(lambda: listed(app, "ran") == ["0.0"], "it ends by itself")
    assert not one.said("is killed")
    assert one.stop() == 0
    assert app.stats.failed == 0


def test_what_follows_a_job_is_not_on_its_time(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """A handler of its death may take longer than the job may, and the grace."""
    work.mourned.enqueue(2.0)
    one = worker("--drain", ready=False, hasty=True)
    assert one.wait() == 0
    assert listed(app, "deaths") == ["work.mourned ValueError"]
    assert not one.said("is to replace")
    assert app.stats.failed == 1


def test_callbacks_have_timeouts(app: App, work: ModuleType, worker: StartWorker) -> None:
    """The option travels with the callback."""
    batch = work.app.batch().on("success", work.late_callback)
    with batch.jobs():
        work.mark.enqueue(1)
    one = worker("--drain", ready=False, hasty=True)
    assert one.wait() == 0
    assert [job["error_class"] for job in members(app, "dead")] == ["TimeoutError"]
    assert listed(app, "fired") == ["late"]


def test_the_worker_keeps_its_strength(app: App, work: ModuleType, worker: StartWorker) -> None:
    """Before a child is killed another one works, so that short jobs need not wait for it."""
    one = worker("-c", "1", hasty=False)
    work.endless.enqueue("sleep")
    until(lambda: length(app, "started") == 1, "it runs")
    started = time.monotonic()
    work.mark.enqueue(1)
    until(lambda: length(app, "ran") == 1, "the next job runs")
    assert not one.said("is killed")
    until(lambda: one.said("is killed"), "it is killed")
    seconds = time.monotonic() - started
    measured(f"killed {seconds:.1f} s after its start, with a timeout of 0.3 s")
    assert seconds > 5.0
    until(lambda: ask(app, "ZCARD", "dead") == 1, "it is dead")
    assert not one.said("starts in")
    assert one.stop() == 0


def test_a_worker_that_stops_holds_jobs_to_their_timeouts(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """A job whose time is over does not have that of --timeout as well."""
    one = worker("--timeout", "60", hasty=True)
    work.endless.enqueue("sleep")
    until(lambda: length(app, "started") == 1, "it runs")
    assert one.stop() == 0
    assert claimed(app) == 0
    # Told of its time-out, it waits for whoever judges it.
    (payload,) = ask(app, "LRANGE", "queue:default", 0, -1)
    assert json.loads(payload)["timed_out"] == 0.3
    assert worker("--drain", ready=False).wait() == 0
    assert [job["error_class"] for job in members(app, "dead")] == ["TimeoutError"]
