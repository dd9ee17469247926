"""The bare loop: what one process with one thread can do with the same scripts and decoding.

`python -m bench.limit [WANT]` empties the queue of OUTRIDER_URL: claim, decode, look the function
up, call it, and report all tokens in the round trip of the next claim. It has no threads, no
time-outs, no retries and no log, sees no error, and holds no context for a job: no worker with one
thread could be faster. One with more can, as it works while the server does. With WANT 1000 it is
3 % faster, but then the scripts keep the server twice as long; with a second request under way it
was no faster.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from bench.jobs import app
from bench.wire import Wire, words
from outrider import clock
from outrider.keys import Keys
from outrider.payload import decode
from outrider.store import process, queue
from outrider.worker.acks import BATCHES

WANT = 500
OWNER = {"identity": f"bench:{os.getpid()}:limit", "child": "1"}


def begin(wire: Wire, keys: Keys) -> None:
    """Take a lease, and be let in as a child: without, nothing can be claimed."""
    beat = process.beat(
        keys,
        identity=OWNER["identity"],
        life=60_000,
        register=1,
        fields=["busy", 0],
        work=[],
        heard="",
        override=0,
    )
    enlist = process.enlist(keys, **OWNER)
    for call in (beat, enlist):
        wire.load(call)
        wire(*words(call))
    wire.load(_claim(keys, 0, 0))
    wire.load(_ack(keys, 0, []))


def loop(
    wire: Wire, keys: Keys, functions: dict[str, Callable[..., Any]], queues: list[str], want: int
) -> int:
    """Run all jobs there are; how many there were."""
    total, request, tokens = 0, 0, range(0)
    read = _claim(keys, 0, 0).decode
    while True:
        request += 1
        commands = [words(_claim(keys, request, want, queues))]
        if tokens:
            commands.insert(0, words(_ack(keys, request, list(tokens))))
        claimed = read(wire.exchange(commands)[-1])
        for payload in claimed.payloads:
            job = decode(payload)
            functions[job.name](*job.args)
        tokens = range(claimed.first, claimed.first + len(claimed.payloads))
        total += len(tokens)
        if not tokens:
            assert not claimed.fenced
            return total


def _claim(keys: Keys, request: int, want: int, queues: list[str] | None = None) -> Any:
    now = clock.now_ms()
    return queue.claim(
        keys,
        **OWNER,
        request=request,
        seen=0,
        now=now,
        day=clock.utc_day(now),
        queues=queues or ["default"],
        want=want,
    )


def _ack(keys: Keys, request: int, done: list[int]) -> Any:
    now = clock.now_ms()
    day = clock.utc_day(now)
    return queue.ack(
        keys,
        **OWNER,
        request=request,
        now=now,
        day=day,
        done=done,
        others=[],
        batches=BATCHES,
    )


def main() -> None:
    """Empty the queue."""
    want = int(sys.argv[1]) if len(sys.argv) > 1 else WANT
    wire = Wire(os.environ["OUTRIDER_URL"])
    functions = {job.name: job.function for job in app.registry}
    begin(wire, app.keys)
    loop(wire, app.keys, functions, ["default"], want)


if __name__ == "__main__":
    main()
