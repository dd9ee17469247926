"""Jobs that take processes with them, and what becomes of those that only ran beside them."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections import Counter
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from outrider import App
from tests.process.conftest import StartWorker
from tests.process.harness import Worker, ask, claimed, length, listed, until

STATUS = {"kill": -signal.SIGKILL, "segfault": -signal.SIGSEGV}


@pytest.mark.parametrize("kind", STATUS)
def test_a_job_that_kills_its_process_dies_of_it(
    app: App, work: ModuleType, worker: StartWorker, kind: str
) -> None:
    """After the third process it is dead, once; the batch and handlers hear of it (P111)."""
    batch = work.app.batch()
    for event in ("death", "complete", "settled", "success"):
        batch.on(event, work.fired, tag=event)
    with batch.jobs():
        for i in range(20):
            work.brief.enqueue(i)
        jid = work.toxic.enqueue(kind).jid
        for i in range(20, 60):
            work.brief.enqueue(i)
    one = worker("-c", "4", "--drain", ready=False)
    assert one.wait(40.0) == 0
    assert listed(app, "crashes") == [kind] * 3
    assert one.said(f"ended with status {int(STATUS[kind])}") == 3
    assert listed(app, "deaths") == ["work.toxic PoisonPill"]
    assert {int(i) for i in listed(app, "ran")} == set(range(60))
    (dead,) = app.dead
    assert (dead.jid, dead.error_class) == (jid, "outrider.errors.PoisonPill")
    assert Counter(listed(app, "fired")) == Counter(["death", "complete", "settled"])
    status = app.batches[batch.bid]
    assert (status.total, status.pending, status.dead) == (61, 1, 1)
    assert [info.jid for info in status.failure_info] == [jid]
    assert claimed(app) == 0


def _payload(app: App, one: Worker) -> dict[str, Any]:
    """What a worker holds: one job."""
    (key,) = ask(app, "KEYS", f"o:claims:{one.identity}:*")
    (payload,) = ask(app, "HVALS", key)
    found: dict[str, Any] = json.loads(payload)
    return found


def _started(app: App, one: Worker) -> bytes:
    """What ran at a worker's last beat."""
    return ask(app, "HGET", f"o:owners:{one.identity}", ":started") or b""


def test_a_lost_worker_blames_what_its_last_beat_named(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """kill -9 of a supervisor: whoever takes over blames what ran, and not what had just begun."""
    lost = worker("-c", "1")
    work.gated.enqueue(1, "gate")
    until(lambda: length(app, "started") == 1, "it runs")
    until(lambda: _started(app, lost), "a beat names it", 15)
    identity = lost.identity
    lost.process.kill()
    lost.wait()
    other = worker("-c", "1")
    ask(app, "ZADD", "o:leases", 0, identity)
    until(lambda: length(app, "started") == 2, "it runs again")
    (at,) = _payload(app, other)["blamed"]
    seconds, _ = ask(app, "TIME")
    assert abs(int(seconds) - at) < 60
    ask(app, "SET", "gate", 1)
    until(lambda: listed(app, "ran") == ["1"], "it ends")
    assert other.stop() == 0
    assert length(app, "deaths") == 0


def test_a_stop_blames_nobody(app: App, work: ModuleType, worker: StartWorker) -> None:
    """A job that is cut off at the end of the time to stop goes back as it was."""
    one = worker("-c", "1", "--timeout", "0.1")
    work.gated.enqueue(1, "gate")
    until(lambda: length(app, "started") == 1, "it runs")
    until(lambda: _started(app, one), "a beat names it", 15)
    assert one.stop() == 0
    (payload,) = listed(app, "queue:default")
    assert "blamed" not in payload


def test_a_claim_that_nobody_knows_of_runs(app: App, work: ModuleType, worker: StartWorker) -> None:
    """As a server's crash leaves it, which lost a report: within two audits it goes back (P123)."""
    one = worker("-c", "1")
    work.mark.enqueue(7)
    until(lambda: listed(app, "ran") == ["7"], "it works")
    payload = '{"jid":"ghost","class":"work.mark","queue":"default","args":[8]}'
    token = ask(app, "INCR", "o:tokens")
    ask(app, "HSET", f"o:claims:{one.identity}:1", token, payload)
    until(lambda: listed(app, "ran") == ["7", "8"], "the ghost runs", 25)
    assert one.said("held here unknown to all") == 1
    assert one.stop() == 0
    assert claimed(app) == 0


def _both(app: App, end: int) -> bool:
    """Whether two workers have a lease until then, in the virtual clock."""
    return bool(ask(app, "ZCOUNT", "o:leases", end, "inf") == 2)


def test_a_supervisor_that_stands_still_loses_nothing(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """Stopped for longer than a lease while another worker beats: its children keep it."""
    one = worker("-c", "1")
    work.gated.enqueue(1, "gate")
    until(lambda: length(app, "started") == 1, "it runs")
    other = worker("-c", "1")
    os.kill(one.pid, signal.SIGSTOP)
    try:
        for _ in range(2):
            vt = ask(app, "HINCRBY", "o:clock", "vt", 15_000)
            until(partial(_both, app, vt + 30_000), "its child renews the lease", 25)
        ask(app, "SET", "gate", 1)
        until(lambda: listed(app, "ran") == ["1"], "it ends")
    finally:
        os.kill(one.pid, signal.SIGCONT)
    assert one.stop() == 0
    assert other.stop() == 0
    assert not other.said("is lost")
    assert length(app, "started") == 1
    assert ask(app, "GET", "stat:processed") == b"1"


_CLOCK = """
import time
ns, seconds = time.time_ns, time.time
time.time_ns = lambda: ns() + {days} * 86_400 * 10**9
time.time = lambda: seconds() + {days} * 86_400
"""


@pytest.mark.parametrize("days", [1, -1])
def test_a_host_whose_clock_is_a_day_off(
    app: App,
    work: ModuleType,
    worker: StartWorker,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    days: int,
) -> None:
    """What expires, and when what failed comes again, goes by the server's time."""
    (tmp_path / "clock").mkdir()
    (tmp_path / "clock" / "sitecustomize.py").write_text(_CLOCK.format(days=days))
    known = os.pathsep.join(filter(None, [str(tmp_path / "clock"), *sys.path]))
    monkeypatch.setenv("PYTHONPATH", known)
    work.mark.using(expires_in=3600).enqueue(1)
    work.mark.using(expires_in=0.001).enqueue(2)
    work.flaky.enqueue(3)
    one = worker("-c", "1")
    until(lambda: set(listed(app, "ran")) == {"1", "3"}, "all run but what has expired")
    assert listed(app, "attempts") == ["3.1", "3.2"]
    assert one.stop() == 0
    assert claimed(app) == 0
