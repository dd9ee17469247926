"""Two ways of waking idle processes, with 1, 20 and 60 of them waiting for one queue.

a: `BLMOVE q q RIGHT RIGHT` wakes everybody and moves nothing; all try to claim, one wins. With
   back-off, whoever lost rests for a while, longer each time. This is what our workers do.
b: `BLMOVE q inbox RIGHT RIGHT` wakes one and gives it the job, which then lies in its inbox: if it
   dies there, or the connection breaks, somebody else has to find it.
"""

from __future__ import annotations

import multiprocessing
import random
import time
from multiprocessing.synchronize import Event
from typing import Any

from bench.rig import Figure, Rig, percentile
from bench.wire import Wire

PUSHES = 300
GAP = 0.005
WAITERS = (1, 20, 60)
WAYS = ("a", "a + back-off", "b")
CLAIM = """
local found = redis.call('LRANGE', KEYS[1], -1, -1)
if #found == 0 then return false end
redis.call('HSET', KEYS[2], found[1], found[1])
redis.call('LTRIM', KEYS[1], 0, -2)
return found[1]
"""


def measure(rig: Rig) -> list[Figure]:
    """Compare the ways."""
    return [_compare(rig, way, waiters) for waiters in WAITERS for way in WAYS]


def _compare(rig: Rig, way: str, waiters: int) -> Figure:
    rig.clear()
    context = multiprocessing.get_context("fork")
    stop, results = context.Event(), context.Queue()
    processes = [
        context.Process(target=_wait, args=(way, rig.url, number, stop, results), daemon=True)
        for number in range(waiters)
    ]
    for process in processes:
        process.start()
    time.sleep(0.5 + waiters * 0.01)
    before = rig.server_seconds()
    for _ in range(PUSHES):
        rig.wire("LPUSH", "bench:q", time.monotonic_ns())
        time.sleep(GAP)
    time.sleep(0.3)
    cost = (rig.server_seconds() - before) / PUSHES * 1e6
    stop.set()
    times: list[float] = []
    wakes = 0
    for _ in processes:
        won, woken = results.get(timeout=30)
        times += won
        wakes += woken
    for process in processes:
        process.join()
    assert len(times) == PUSHES, f"{PUSHES - len(times)} pushes were not seen"
    return _figure(f"{way}, {waiters} waiting", times, wakes / PUSHES, cost)


def _figure(what: str, times: list[float], wakes: float, cost: float) -> Figure:
    p99 = percentile(times, 99)
    note = f"p99 {p99:.2f} ms, {wakes:.1f} wakes/push, server CPU {cost:.0f} µs/push"
    return Figure(what, percentile(times, 50), "ms", min(times), max(times), None, note)


def _wait(way: str, url: str, number: int, stop: Event, results: Any) -> None:
    """One waiting process: latencies of the pushes it got, and how often it was woken."""
    wire = Wire(url)
    sha = wire("SCRIPT", "LOAD", CLAIM)
    source = f"bench:inbox:{number}" if way == "b" else "bench:q"
    won, wakes, losses = [], 0, 0
    while not stop.is_set():
        if wire("BLMOVE", "bench:q", source, "RIGHT", "RIGHT", 1) is None:
            continue
        wakes += 1
        found = wire("EVALSHA", sha, 2, source, f"bench:claims:{number}")
        if found is not None:
            won.append((time.monotonic_ns() - int(found)) / 1e6)
            losses = 0
        else:
            losses += 1
            if way == "a + back-off":
                time.sleep(random.random() * min(0.1, 0.001 * 2**losses))
    results.put((won, wakes))
