"""What a worker shows of itself, in Sidekiq's keys."""

from __future__ import annotations

import json
import os
from types import ModuleType

from outrider import App
from tests.process.conftest import StartWorker
from tests.process.harness import ask, length, until

BEAT = 12.0


def test_a_worker_shows_itself_in_sidekiqs_keys(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """`processes` has it, and its hash has the fields that Sidekiq's web UI reads."""
    one = worker("-c", "3", "-p", "2", "-q", "high,2", "-q", "default,1")
    identity = one.identity
    fields = ask(app, "HGETALL", identity)
    fields = dict(zip(fields[::2], fields[1::2], strict=True))
    assert {b"info", b"concurrency", b"busy", b"beat", b"quiet", b"rtt_us", b"rss"} <= set(fields)
    assert fields[b"concurrency"] == b"6"
    assert fields[b"quiet"] == b"false"
    assert int(fields[b"rss"]) > 1000
    info = json.loads(fields[b"info"])
    assert info["identity"] == identity
    assert info["pid"] == one.pid
    assert info["hostname"] == os.uname().nodename
    assert info["queues"] == ["high", "default"]
    assert 0 < ask(app, "TTL", identity) <= 60
    assert one.stop() == 0
    assert ask(app, "EXISTS", identity, "processes") == 0


def test_a_running_job_is_shown(app: App, work: ModuleType, worker: StartWorker) -> None:
    """`<identity>:work` has one entry a busy slot, with queue, payload and time of start."""
    one = worker("-c", "2")
    job = work.gated.enqueue(1, "gate")
    until(lambda: length(app, "started") == 1, "it runs")
    key = f"{one.identity}:work"
    (entry,) = until(lambda: ask(app, "HVALS", key), "the next beat shows it", BEAT)
    shown = json.loads(entry)
    assert shown["queue"] == "default"
    assert json.loads(shown["payload"])["jid"] == job.jid
    assert shown["run_at"] > 1_000_000_000
    assert ask(app, "HGET", one.identity, "busy") == b"1"
    assert app.stats.busy == 1
    ask(app, "SET", "gate", 1)
    assert one.stop() == 0
    assert ask(app, "EXISTS", key) == 0


def test_executions_are_counted(app: App, work: ModuleType, worker: StartWorker) -> None:
    """stat:processed counts every execution, failed ones included; stat:failed those."""
    for i in range(5):
        work.mark.enqueue(i)
    work.flaky.enqueue(5)
    work.hopeless.enqueue(6)
    assert worker("--drain", ready=False).wait() == 0
    assert ask(app, "GET", "stat:processed") == b"8"
    assert ask(app, "GET", "stat:failed") == b"2"
    (day,) = ask(app, "KEYS", "stat:processed:*")
    assert ask(app, "GET", day) == b"8"
    assert (app.stats.processed, app.stats.failed) == (8, 2)


def test_a_signal_by_the_web_ui_is_obeyed(app: App, work: ModuleType, worker: StartWorker) -> None:
    """Sidekiq's UI pushes TSTP and TERM to `<identity>-signals`: the next beat obeys."""
    one = worker()
    ask(app, "LPUSH", f"{one.identity}-signals", "TERM")
    assert one.wait(BEAT) == 0
