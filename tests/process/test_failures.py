"""Jobs that end in unusual ways without ending their process: the worker goes on."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from outrider import App
from tests.process.conftest import StartWorker
from tests.process.harness import ask, claimed, length, listed, until

KINDS = {
    "sys.exit": "SystemExit",
    "interrupt": "KeyboardInterrupt",
    "cancelled": "asyncio.exceptions.CancelledError",
    "generator": "GeneratorExit",
    "own": "work.Unusual",
}


def members(app: App, key: str) -> list[dict[str, Any]]:
    """The payloads of a set on the server."""
    return [json.loads(payload) for payload in ask(app, "ZRANGE", key, 0, -1)]


@pytest.mark.parametrize("job", ["explode", "aexplode"])
def test_what_is_no_exception_fails_the_job_alone(
    app: App, work: ModuleType, worker: StartWorker, job: str
) -> None:
    """SystemExit and its like are failed attempts, in threads and on the loop; others run on."""
    for _ in range(3):
        for kind in KINDS:
            getattr(work, job).enqueue(kind)
    one = worker("-c", "3")
    until(lambda: ask(app, "ZCARD", "dead") == 3 * len(KINDS), "all have failed")
    found = sorted(dead["error_class"] for dead in members(app, "dead"))
    assert found == sorted(3 * list(KINDS.values()))
    # All three slots still work, at the same time.
    for i in range(3):
        (work.gated if job == "explode" else work.agated).enqueue(i, "gate")
    until(lambda: length(app, "started") == 3, "three run at once")
    ask(app, "SET", "gate", 1)
    until(lambda: length(app, "ran") == 3, "they end")
    assert not one.said("ended with status")
    assert one.stop() == 0


def test_an_async_timeout_is_a_failure(app: App, work: ModuleType, worker: StartWorker) -> None:
    """A coroutine that takes longer than its `timeout` fails with TimeoutError."""
    work.too_long.enqueue(1)
    assert worker("--drain", ready=False).wait() == 0
    (dead,) = members(app, "dead")
    assert dead["error_class"] == "TimeoutError"
    assert "longer than its timeout of" in dead["error_message"]


@pytest.mark.parametrize("job", ["explode", "aexplode"])
def test_a_handler_of_deaths_cannot_end_what_runs_jobs(
    app: App, work: ModuleType, worker: StartWorker, tmp_path: Path, job: str
) -> None:
    """SystemExit in `on_death` is logged: threads, the loop and all slots go on."""
    with (tmp_path / "work.py").open("a") as code:
        code.write("\n@app.on_death\ndef leave(job, error):\n    raise SystemExit('enough')\n")
    for _ in range(3):
        getattr(work, job).enqueue("own")
    one = worker("-c", "2", "--drain", ready=False)
    assert one.wait() == 0
    assert ask(app, "ZCARD", "dead") == 3
    assert one.said("on_death handler failed") == 3


def test_coroutines_are_cancelled_at_the_deadline(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """A coroutine that still runs when time is up sees CancelledError, and runs again later."""
    one = worker("--timeout", "0.5")
    work.anap.enqueue(1, 60)
    until(lambda: length(app, "started") == 1, "it runs")
    assert one.stop() == 0
    assert listed(app, "cancelled") == ["1"]
    assert ask(app, "LLEN", "queue:default") == 1
    assert claimed(app) == 0


def test_a_coroutine_that_swallows_cancellation_cannot_hold_the_worker(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """It is told once; then its process ends, and its job goes back to the queue."""
    one = worker("--timeout", "0.5")
    work.stubborn.enqueue(1)
    until(lambda: length(app, "started") == 1, "it runs")
    assert one.stop(8.0) == 0
    assert listed(app, "cancelled") == ["1"]
    assert ask(app, "LLEN", "queue:default") == 1
    assert claimed(app) == 0


def test_a_program_that_a_job_starts_can_be_terminated(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """Jobs' own subprocesses do not inherit ignored signals from the worker."""
    work.start_program.enqueue()
    assert worker("--drain", ready=False).wait() == 0
    assert listed(app, "ran") == [str(-number) for number in (signal.SIGTERM, signal.SIGINT)]


def test_wrong_arguments_by_name_are_a_clear_failure(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """By name nothing is checked at the enqueue: the run fails, is retried, and says why."""
    app.enqueue("work.mark", args=[1, 2, 3])
    app.enqueue("work.mark", kwargs={"nothing": 1})
    app.enqueue("work.amark", args=[])
    work.mark.enqueue(7)
    assert worker("--drain", ready=False).wait() == 0
    assert listed(app, "ran") == ["7"]
    failed = members(app, "retry")
    assert len(failed) == 3
    for job in failed:
        assert job["error_class"] in ("TypeError", "outrider.errors.ArgumentError"), job
        assert job["class"].rpartition(".")[2] in job["error_message"], job


@pytest.mark.parametrize(
    "name",
    ["work.nothing", "os.system", "os:system", "subprocess.run", "work:Callbacks.on_success"],
)
def test_an_unknown_name_is_retried_and_never_imported(
    app: App, work: ModuleType, worker: StartWorker, name: str
) -> None:
    """Only registered jobs run: another name fails clearly, even one that could be imported."""
    app.enqueue(name, args=["touch pwned"])
    work.mark.enqueue(1)
    one = worker("--drain", ready=False)
    assert one.wait() == 0
    assert listed(app, "ran") == ["1"]
    (job,) = members(app, "retry")
    assert job["error_class"] == "outrider.errors.UnknownJob"
    assert name in job["error_message"]
    assert not (one.log_path.parent / "pwned").exists()


def test_a_callback_without_its_method_does_not_cost_a_slot(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """A class that lost its method in a deployment: the callback fails, the worker goes on.

    P35.
    """
    payload = {
        "jid": "00" * 12,
        "cb": "0011223344556677:success:0",
        "class": "work:Callbacks.on_nothing",
        "queue": "default",
        "args": [{}],
    }
    ask(app, "LPUSH", "queue:default", json.dumps(payload, separators=(",", ":")))
    work.mark.enqueue(1)
    assert worker("-c", "1", "--drain", ready=False).wait() == 0
    assert listed(app, "ran") == ["1"]
    (job,) = members(app, "retry")
    assert "on_nothing" in job["error_message"]


NOT_JOBS = {
    "not json": b"not json",
    "empty": b"",
    "list": b"[]",
    "object": b"{}",
    "number": b"17",
    "invalid utf-8": b'{"jid":"\xff\xfe","class":"work.mark","args":[1],"queue":"default"}',
    "deep": b'{"jid":"a","class":"work.mark","args":' + b"[" * 2000 + b"]" * 2000 + b"}",
    "very deep": b"[" * 100_000,
    "null jid": b'{"jid":null,"class":"work.mark","args":[1],"queue":"default"}',
    "number jid": b'{"jid":5,"class":"work.mark","args":[1],"queue":"default"}',
    "no class": b'{"jid":"abc","args":[1],"queue":"default"}',
    "args no list": b'{"jid":"abc","class":"work.mark","args":{"i":1},"queue":"default"}',
    "cut off": b'{"jid":"abc","class":"work.mark","queue":"default","args":[1',
}


def test_what_is_no_job_goes_to_the_dead_set_byte_for_byte(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """Nothing in a queue can stop a worker: what can't be read is kept as it was found."""
    work.mark.enqueue(1)
    for payload in NOT_JOBS.values():
        ask(app, "LPUSH", "queue:default", payload)
    work.mark.enqueue(2)
    one = worker("-c", "2", "--drain", ready=False)
    assert one.wait() == 0
    assert sorted(listed(app, "ran")) == ["1", "2"]
    dead = set(ask(app, "ZRANGE", "dead", 0, -1))
    missing = [name for name, payload in NOT_JOBS.items() if payload not in dead]
    assert missing == []
    assert len(dead) == len(NOT_JOBS)
    assert ask(app, "KEYS", "o:claims:*") == []
    assert not one.said("ended with status")


@pytest.mark.parametrize("key", ["schedule", "retry"])
def test_what_is_no_job_is_harmless_in_a_set(
    app: App, work: ModuleType, worker: StartWorker, key: str
) -> None:
    """The same for what lies among the scheduled jobs and the retries."""
    for payload in NOT_JOBS.values():
        ask(app, "ZADD", key, 1, payload)
    work.mark.enqueue_in(0.1, 1)
    one = worker("--drain", ready=False)
    assert one.wait() == 0
    assert listed(app, "ran") == ["1"]
    # Here a payload may have been read, and stamped, before anybody saw that it is no job.
    assert ask(app, "ZCARD", "dead") == len(NOT_JOBS)
    assert ask(app, "ZCARD", key) == 0
