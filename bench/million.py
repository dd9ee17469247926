"""A store with a million jobs: most in one queue, some elsewhere; workers, batches, metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from bench.jobs import app, noop
from bench.rig import Rig
from outrider import clock
from outrider.script import Word
from outrider.store import metrics, process, queue

JOBS = 1_000_000
BULK, SCHEDULED, RETRYING, DEAD, HELD = 600_000, 150_000, 100_000, 10_000, 40_000
OTHERS = 20
WORKERS, SLOTS = 50, 10
BATCHES, MEMBERS = 200, 10
SMALL = (JOBS - BULK - SCHEDULED - RETRYING - DEAD - HELD - BATCHES * MEMBERS) // OTHERS
HOURS, NAMES = 72, 50
HELD_NAME = "bench.held"
CHUNK = 5_000


def fill(rig: Rig) -> None:
    """Put all of it there."""
    now = clock.now()
    homes = {"bulk": BULK, **{f"other-{number}": SMALL for number in range(OTHERS)}}
    for name, count in homes.items():
        rig.wire("SADD", app.keys("queues"), name)
        _push(rig, app.keys("queue", name), count, name, now - count / 100)
    rig.wire("SADD", app.keys("heldnames"), HELD_NAME)
    rig.wire("SADD", app.keys("pausednames"), HELD_NAME)
    _push(rig, app.keys("held", HELD_NAME), HELD, "bulk", now - 3600, HELD_NAME)
    add(rig, app.keys("schedule"), SCHEDULED, now + 3600)
    add(rig, app.keys("retry"), RETRYING, now + 3600, failed)
    add(rig, app.keys("dead"), DEAD, now - 3600, failed)
    for number in range(BATCHES):
        with app.batch(description=f"Gallery {number}").jobs():
            noop.using(queue="members").enqueue_many([(i,) for i in range(MEMBERS)])
    _measure()
    for number in range(WORKERS):
        _work(rig, f"bench-{number}:{number}:worker")


def payload(number: int, home: str, at: float, name: str = "bench.resize", more: str = "") -> str:
    """A job of the usual size."""
    return (
        f'{{"jid":"{number:024x}","class":"{name}","queue":"{home}","args":[{number}],'
        f'"kwargs":{{"width":640,"source":"s3://galleries/{number % 997}/{number}.jpg"}},'
        f'"retry":25,"created_at":{at:.3f},"enqueued_at":{at:.3f}{more}}}'
    )


def nothing(number: int, at: float) -> str:  # noqa: ARG001
    """What a job has in addition that has not been run."""
    return ""


def failed(number: int, at: float) -> str:
    """What a job that has failed has in addition; each hundredth of them by a time-out."""
    error = "TimeoutError" if number % 100 == 0 else "ValueError"
    return (
        f',"error_class":"{error}","error_message":"image {number} could not be read",'
        f'"retry_count":{number % 20},"failed_at":{at - 7200:.3f}'
    )


def _push(rig: Rig, key: str, count: int, home: str, at: float, name: str = "bench.resize") -> None:
    for first in range(0, count, CHUNK):
        numbers = range(first, min(count, first + CHUNK))
        rig.wire("LPUSH", key, *(payload(i, home, at + i / 100, name) for i in numbers))


def add(
    rig: Rig,
    key: str,
    count: int,
    at: float,
    more: Callable[[int, float], str] = nothing,
) -> None:
    """Add them to a set, a thousand a second."""
    for first in range(0, count, CHUNK):
        words: list[Word] = ["ZADD", key]
        for i in range(first, min(count, first + CHUNK)):
            words += [at + i / 1000, payload(i, "bulk", at - 9000, more=more(i, at))]
        rig.wire(*words)


def _work(rig: Rig, identity: str) -> None:
    """A worker whose slots are all busy, and that is shown for as long as this takes."""
    life: dict[str, Any] = {"life": 3_600_000, "register": 1, "heard": "", "override": 0}
    info = f'{{"hostname":"bench","pid":1,"concurrency":{SLOTS},"queues":["bulk"]}}'
    fields: list[str | int] = ["info", info, "busy", SLOTS, "beat", str(clock.now())]
    app.perform(process.beat(app.keys, identity=identity, fields=fields, work=[], **life))
    app.perform(process.enlist(app.keys, identity=identity, child="0"))
    now = clock.now_ms()
    claimed = app.perform(
        queue.claim(
            app.keys,
            identity=identity,
            child="0",
            request=1,
            seen=0,
            now=now,
            day=clock.utc_day(now),
            queues=["bulk"],
            want=SLOTS,
        )
    )
    since = now // 1000
    work = [(f"0-{slot}", "0", claimed.first + slot, since) for slot in range(SLOTS)]
    app.perform(process.beat(app.keys, identity=identity, fields=fields, work=work, **life))
    for kind in ("process", "work", "workers"):
        rig.wire("PERSIST", app.keys(kind, identity))


def _measure() -> None:
    """Runs of many jobs in each of the last hours, over ten bins of times."""
    bins = [number for place in range(10) for number in (place, 100)]
    minute = clock.now_ms() // 60_000
    for hour in range(HOURS):
        entries = [
            (minute - 60 * hour, f"bench.job-{number}", [1000, 10, 50_000, 9_000, *bins])
            for number in range(NAMES)
        ]
        app.perform(metrics.measure(app.keys, entries=entries))


def stored(rig: Rig) -> int:
    """How many jobs there are."""
    lists = [app.keys("queue", name) for name in app.queues] + [app.keys("held", HELD_NAME)]
    sets = [app.keys(name) for name in ("schedule", "retry", "dead")]
    sizes = [rig.wire("LLEN", key) for key in lists] + [rig.wire("ZCARD", key) for key in sets]
    return sum(map(int, sizes)) + WORKERS * SLOTS


def places() -> Iterator[tuple[str, Any, int]]:
    """Each kind of place, by a name, with about how many jobs lie there."""
    yield "a queue", app.queues["bulk"], BULK
    yield "a held list", app.held[HELD_NAME], HELD
    yield "scheduled", app.scheduled, SCHEDULED
    yield "retries", app.retries, RETRYING
    yield "dead", app.dead, DEAD
