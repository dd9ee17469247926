"""A million jobs that are due at once: how fast the scheduler's loop moves them to their queue.

The other way is to pop a job and then push it, as the open-source poller of Sidekiq does: two round
trips a job: with redis-py over TCP, with the client of our own worker, and with two bare commands
over a bare socket, which is the least that can be done that way where the server is on the same
machine. No worker claims meanwhile.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from typing import Any

import redis

from bench.jobs import app, noop
from bench.rig import Figure, Rig, percentile, spread
from outrider import clock
from outrider.script import SCRIPTS, Word, command
from outrider.worker.keeping import Scheduler

JOBS = 1_000_000
SLICE = 10_000
ROUNDS = 3
CHUNK = 5_000
POP = """
local job = redis.call('ZRANGE', KEYS[1], '-inf', ARGV[1], 'BYSCORE', 'LIMIT', 0, 1)[1]
if job then redis.call('ZREM', KEYS[1], job) end
return job
"""


def measure(rig: Rig) -> list[Figure]:
    """In each round move slices one by one, then all the rest."""
    ways = {"redis-py": _plainly, "our client": _thriftily, "a bare socket": _barely}
    theirs: dict[str, list[float]] = {name: [] for name in ways}
    ours: list[float] = []
    longest: list[float] = []
    for _ in range(ROUNDS):
        _fill(rig, JOBS)
        for name, way in ways.items():
            theirs[name].append(way(rig))
        times = _listen(rig)
        ours.append(_promote(JOBS - len(ways) * SLICE))
        longest.append(max(times()) / 1000)
    figures = [spread(f"{JOBS:,} due jobs, the loop", ours, "jobs/s")]
    for name, rates in theirs.items():
        ratios = [one / other for one, other in zip(ours, rates, strict=True)]
        rule = (">=", 50.0) if name == "redis-py" else None
        figures.append(spread(f"one by one with {name}", rates, "jobs/s"))
        figures.append(spread("  the loop's rate of that", ratios, "×", rule))
    figures.append(spread("the longest script", longest, "ms", ("<=", 5.0)))
    return figures + _lateness(rig)


def _fill(rig: Rig, count: int) -> None:
    rig.clear()
    start = clock.now() - 3600
    text = f'"class":"{noop.name}","queue":"default"'
    for first in range(0, count, CHUNK):
        words: list[Word] = ["ZADD", app.keys("schedule")]
        for i in range(first, first + CHUNK):
            at = f"{start + i / 1000:.3f}"
            words += [at, f'{{"jid":"{i:024x}",{text},"args":[{i}],"created_at":{at}}}']
        rig.wire(*words)


def _plainly(rig: Rig) -> float:
    """Jobs a second, by a program that uses redis-py as it comes, over TCP as most do."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    rig.wire("CONFIG", "SET", "port", port)
    client = redis.Redis(port=port)
    pop = client.register_script(POP)

    def step() -> None:
        fields = _stamped(pop(keys=[app.keys("schedule")], args=[clock.now()]))
        push = client.pipeline(transaction=False)
        push.sadd(app.keys("queues"), fields["queue"])
        push.lpush(app.keys("queue", fields["queue"]), json.dumps(fields))
        push.execute()

    return _rate(step)


def _thriftily(rig: Rig) -> float:
    """The same, by the client that our own worker uses."""
    sha = rig.wire("SCRIPT", "LOAD", POP)

    def step() -> None:
        pop = ("EVALSHA", sha, 1, app.keys("schedule"), clock.now())
        fields = _stamped(app.perform(command(*pop, decode=bytes)))
        queue = app.keys("queue", fields["queue"])
        app.executor.run_all(
            [
                command("SADD", app.keys("queues"), fields["queue"], decode=int),
                command("LPUSH", queue, json.dumps(fields), decode=int),
            ]
        )

    return _rate(step)


def _barely(rig: Rig) -> float:
    """Two bare commands by a bare socket: the job as it is, and no name of the queue."""
    sha = rig.wire("SCRIPT", "LOAD", POP)
    source, queue = app.keys("schedule"), app.keys("queue", "default")
    return _rate(lambda: rig.wire("LPUSH", queue, rig.wire("EVALSHA", sha, 1, source, clock.now())))


def _stamped(job: bytes) -> dict[str, Any]:
    return {**json.loads(job), "enqueued_at": clock.now()}


def _rate(step: Callable[[], object]) -> float:
    begin = time.perf_counter()
    for _ in range(SLICE):
        step()
    return SLICE / (time.perf_counter() - begin)


def _scheduler() -> Scheduler:
    return Scheduler(app.executor, app.keys, "bench", clock.now_ms, *3 * [lambda _: None])


def _promote(left: int) -> float:
    """Jobs a second, over all that are left."""
    scheduler = _scheduler()
    begin = time.perf_counter()
    while not scheduler.tick():
        pass
    took = time.perf_counter() - begin
    assert app.queues["default"].size == JOBS
    return left / took


def _listen(rig: Rig) -> Callable[[], list[int]]:
    """Have the scripts that take a millisecond or more listed; gives them, in microseconds."""
    rig.wire("SCRIPT", "LOAD", SCRIPTS["promote"]().source)
    rig.wire("CONFIG", "SET", "slowlog-log-slower-than", "1000", "slowlog-max-len", "100000")
    rig.wire("SLOWLOG", "RESET")

    def times() -> list[int]:
        found = [entry[2] for entry in rig.wire("SLOWLOG", "GET", "-1")]
        rig.wire("CONFIG", "SET", "slowlog-log-slower-than", "-1")
        return [1000, *found]

    return times


def _lateness(rig: Rig) -> list[Figure]:
    """How late a worker has jobs on their queue that are delayed by 0 to 3 seconds."""
    rig.clear()
    with rig.idle_worker("-q", "nothing", "-q", "default"):
        rig.wire("SADD", app.keys("paused"), "default")
        for i in range(200):
            noop.enqueue_in(i * 0.015, i)
        time.sleep(4.0)
        late = []
        for text in rig.wire("LRANGE", app.keys("queue", "default"), 0, -1):
            job = json.loads(text)
            late.append(job["enqueued_at"] - job["created_at"] - job["args"][0] * 0.015)
    note = f"p50 {percentile(late, 50):.3f}, of {len(late)} jobs"
    what = "latest after its time, on an idle worker"
    return [Figure(what, max(late), "s", rule=("<=", 1.0), note=note)]
