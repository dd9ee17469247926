"""How long one script keeps the server: the slowest call by the server's own clock (SLOWLOG).

A worker drains plain jobs and members of batches; scripts that work in slices are called with
slices of full size. Other programs delay the server too, so this is done in rounds, and the rule
is for the round with the least delay.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from bench import drain
from bench.jobs import app, noop
from bench.rig import Figure, Rig, percentile
from outrider import clock
from outrider.client import BULK
from outrider.context import RunningJob, running
from outrider.io import Topics
from outrider.outbox import Claim, Outbox
from outrider.payload import Job
from outrider.script import SCRIPTS
from outrider.store import held, process, queue, schedule
from outrider.store.queue import Other
from outrider.worker.acks import BATCHES

ROUNDS = 4
CALLS = 10
JOBS = 40_000
BLOCK = 5_000
SLICE = 250
RULE = ("<=", 5.0)
OWNER = {"identity": "bench:0:scripts", "child": "1"}


def measure(rig: Rig) -> list[Figure]:
    """Let each situation come up in each round."""
    situations: list[tuple[str, tuple[str, ...], Callable[[Rig], None]]] = [
        ("plain jobs", ("claim", "ack"), _plain),
        ("members of batches", ("claim", "ack"), _members),
        (f"{BLOCK:,} jobs", ("commit",), _commit),
        (f"outbox of {BULK:,} jobs", ("deliver",), _deliver),
        ("500 failures", ("ack",), _fail),
        (f"slice of {schedule.SLICE}", ("promote",), _promote),
        (f"slice of {schedule.SLICE}, told to one", ("promote",), _promote_told),
        (f"slice of {SLICE}", ("recall",), _recall),
        ("past 500 of a paused name", ("claim", "handback"), _put_aside),
        ("past 500 expired ones", ("claim",), _expire),
    ]
    yard = min(_round(rig, _yard)["LPUSH"])
    figures = [Figure("yardstick: LPUSH of 500 jobs", yard, "ms")]
    for where, names, happen in situations:
        rounds = [_round(rig, happen) for _ in range(ROUNDS)]
        figures += [
            _figure(f"{name}, {where}", [times[name] for times in rounds], yard) for name in names
        ]
    rig.wire("CONFIG", "SET", "slowlog-log-slower-than", "-1")
    return figures


def _figure(what: str, rounds: list[list[float]], yard: float) -> Figure:
    slowest = [max(times) for times in rounds]
    typical = percentile([time for times in rounds for time in times], 50)
    calls = sum(map(len, rounds))
    note = f"median of {calls} calls {typical:.2f}: {typical / yard:.0f} × the yardstick"
    return Figure(what, min(slowest), "ms", min(slowest), max(slowest), RULE, note)


def _round(rig: Rig, happen: Callable[[Rig], None]) -> dict[str, list[float]]:
    """Let something happen; the milliseconds of each script's calls."""
    rig.clear()
    scripts = {name: load() for name, load in SCRIPTS.items()}
    for script in scripts.values():
        # Otherwise the first call would be refused, and be listed as a very fast one.
        rig.wire("SCRIPT", "LOAD", script.source)
    happen(rig)
    names = {script.sha.encode(): name for name, script in scripts.items()}
    times: dict[str, list[float]] = {name: [] for name in (*scripts, "LPUSH")}
    for entry in rig.wire("SLOWLOG", "GET", "-1"):
        microseconds, command = entry[2], entry[3]
        if command[0] == b"EVALSHA" and command[1] in names:  # a worker has more than we know
            times[names[command[1]]].append(microseconds / 1000)
        elif command[0] == b"LPUSH":
            times["LPUSH"].append(microseconds / 1000)
    return times


def _listen(rig: Rig) -> None:
    """Have all calls from now on listed."""
    rig.wire("CONFIG", "SET", "slowlog-log-slower-than", "0", "slowlog-max-len", "100000")
    rig.wire("SLOWLOG", "RESET")


# -- what happens ----------------------------------------------------------------------------------


def _yard(rig: Rig) -> None:
    noop.enqueue_many([(i,) for i in range(500)])
    jobs = rig.wire("LRANGE", app.keys("queue", "default"), 0, -1)
    _listen(rig)
    for _ in range(CALLS):
        rig.wire("LPUSH", "bench:yard", *jobs)


def _plain(rig: Rig) -> None:
    noop.enqueue_many([(i,) for i in range(JOBS)])
    rig.wire("RENAME", app.keys("queue", "default"), "bench:full")
    _listen(rig)
    drain.timed(rig, JOBS, lambda: rig.worker("--drain"))


def _members(rig: Rig) -> None:
    for _ in range(JOBS // BLOCK):
        _batch()
    _listen(rig)
    worker = rig.worker("--drain")
    worker.wait(60)
    rig.end(worker)


def _commit(rig: Rig) -> None:
    _listen(rig)
    for _ in range(CALLS):
        _batch()


def _deliver(rig: Rig) -> None:
    _listen(rig)
    for _ in range(CALLS):
        claimed = _hold(rig, 1)
        box = Outbox("")
        with _inside(box):
            noop.enqueue_many([(i,) for i in range(BULK // 2)])
            with app.batch().jobs():
                noop.enqueue_many([(i,) for i in range(BULK // 2)])
            box.finish()
        claim = Claim(f"{OWNER['identity']}:{OWNER['child']}", claimed.first)
        app.perform(box.deliver(app, claim, clock.now_ms()))
        rig.wire("DEL", app.keys("queue", "default"))


def _fail(rig: Rig) -> None:
    _listen(rig)
    for _ in range(CALLS):
        _hold_and_fail(rig, 500)


def _promote(rig: Rig) -> None:
    for _ in range(CALLS):
        _hold_and_fail(rig, schedule.SLICE)
    _listen(rig)
    for _ in range(CALLS):
        soon = clock.now_ms() + 60_000
        call = schedule.promote_slice(app.keys, name="retry", identity=OWNER["identity"], now=soon)
        app.perform(call)


def _promote_told(rig: Rig) -> None:
    with app.listener(Topics((app.keys.channel("news", "job.due"),))) as listener:
        listener.hear(5.0)
        _promote(rig)
        while listener.hear(0.1):
            pass


def _recall(rig: Rig) -> None:
    _listen(rig)
    for _ in range(CALLS // 2):
        _hold(rig, 500)
        who, child = OWNER["identity"], OWNER["child"]
        why: dict[str, Any] = {"blamed": [], "timed_out": [], "now": clock.now_ms()}
        for _ in range(2):
            app.perform(process.recall(app.keys, identity=who, child=child, limit=SLICE, **why))
        rig.wire("DEL", app.keys("queue", "default"))


def _put_aside(rig: Rig) -> None:
    for _ in range(2):
        _batch()
    noop.pause()
    _listen(rig)
    _pass_by(rig)
    noop.resume()
    while app.perform(held.handback_slice(app.keys)):
        pass


def _expire(rig: Rig) -> None:
    with app.batch().jobs():
        for i in range(BLOCK):
            noop.using(expires_in=0.001).enqueue(i)
    time.sleep(0.01)
    _listen(rig)
    _pass_by(rig)


# -- how to make it happen -------------------------------------------------------------------------


@contextmanager
def _inside(outbox: Outbox) -> Iterator[None]:
    """Be in a job that has this outbox."""
    job = Job("", noop.name, [])
    mark = running.set(RunningJob(app, job, 0, "", outbox=outbox))
    yield
    running.reset(mark)


def _batch() -> None:
    """Commit a batch of one full block."""
    with app.batch().jobs():
        for i in range(BLOCK):
            noop.enqueue(i)


def _hold(rig: Rig, count: int) -> queue.Claimed:
    """Be a worker's only child, and claim so many new jobs."""
    noop.enqueue_many([(i,) for i in range(count)])
    return _claim(rig, count)


def _pass_by(rig: Rig) -> None:
    """Look for one job to run until there is nothing left to look at."""
    while _claim(rig, 1).met:
        pass


def _claim(rig: Rig, count: int) -> queue.Claimed:
    """Be a worker's only child, and claim so many jobs."""
    rig.wire("DEL", app.keys("owners", OWNER["identity"]))
    life: dict[str, Any] = {"life": 60_000, "register": 1, "heard": "", "override": 0}
    who = OWNER["identity"]
    app.perform(process.beat(app.keys, identity=who, fields=["busy", 0], work=[], **life))
    app.perform(process.enlist(app.keys, **OWNER))
    now = clock.now_ms()
    day = clock.utc_day(now)
    return app.perform(
        queue.claim(
            app.keys, **OWNER, request=1, seen=0, now=now, day=day, queues=["default"], want=count
        )
    )


def _hold_and_fail(rig: Rig, count: int) -> None:
    """Report so many jobs as failed, to be retried at once."""
    claimed = _hold(rig, count)
    now = clock.now_ms()
    day = clock.utc_day(now)
    others = [
        Other("retry", claimed.first + i, _failed(payload), now, "{}")
        for i, payload in enumerate(claimed.payloads)
    ]
    app.perform(
        queue.ack(
            app.keys,
            **OWNER,
            request=2,
            now=now,
            day=day,
            done=[],
            others=others,
            batches=BATCHES,
        )
    )


def _failed(payload: bytes) -> str:
    fields = {**json.loads(payload), "retry_count": 0, "error_message": "no " * 30}
    return json.dumps(fields, separators=(",", ":"))
