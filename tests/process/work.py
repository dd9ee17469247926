"""The target of the workers under test. Jobs leave their traces in lists on the server."""

from __future__ import annotations

import asyncio
import ctypes
import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from outrider import (
    App,
    Batch,
    BatchStatus,
    RunningJob,
    current_batch,
    current_job,
    valid_within_batch,
)
from outrider.script import Call, command

app = App(os.environ["OUTRIDER_TEST_URL"], timeout=float(os.environ["OUTRIDER_TEST_TIMEOUT"]))


def _push(key: str, value: object) -> Call[int]:
    return command("RPUSH", key, str(value), decode=int)


def note(key: str, value: object) -> None:
    """Append to a list on the server."""
    app.perform(_push(key, value))


async def anote(key: str, value: object) -> None:
    """Append to a list on the server."""
    await app.aperform(_push(key, value))


def is_open(gate: str) -> bool:
    """Whether a test has opened a gate."""
    return app.perform(command("EXISTS", gate, decode=bool))


@app.job
def mark(i: int) -> None:
    """Leave a trace."""
    note("ran", i)


@app.job
async def amark(i: int | str) -> None:
    """Leave a trace."""
    await asyncio.sleep(0.001)
    await anote("ran", i)


@app.job(queue="high")
def high(i: int) -> None:
    """Leave a trace, from a queue of its own."""
    note("ran", f"high {i}")


@app.job(queue="low")
def low(i: int) -> None:
    """Leave a trace, from a queue of its own."""
    note("ran", f"low {i}")


@app.job
def brief(i: int) -> None:
    """Take 5 ms."""
    time.sleep(0.005)
    note("ran", i)


@app.job
def dull(text: str) -> None:
    """Take so long that no job is claimed ahead."""
    note("ran", text)
    time.sleep(0.03)


@app.job
def noop(i: int) -> None:
    """Do nothing."""


@app.job
def nap(i: int, seconds: float) -> None:
    """Take a while."""
    note("started", i)
    time.sleep(seconds)
    note("ran", i)


@app.job
async def anap(i: int, seconds: float) -> None:
    """Take a while, and say so when cancelled."""
    await anote("started", i)
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        await anote("cancelled", i)
        raise
    await anote("ran", i)


@app.job
async def ablock(i: int, seconds: float) -> None:
    """Hold up the event loop, but not the interpreter."""
    time.sleep(seconds)  # noqa: ASYNC251
    await anote("ran", i)


@app.job
def offline(folder: str) -> None:
    """Run until a test opens the gate, without the server; leave traces in files."""
    with Path(folder, "offline").open("a") as trace:
        trace.write("started ")
    while not Path(folder, "gate").exists():
        time.sleep(0.005)
    with Path(folder, "offline").open("a") as trace:
        trace.write("ended ")


@app.job
def hold(seconds: float) -> None:
    """Hold the interpreter, as C code does that does not let it go."""
    note("started", "hold")
    ctypes.PyDLL(None).usleep(int(seconds * 1_000_000))
    note("ran", "hold")


@app.job
def grab(i: int, seconds: float) -> None:
    """Hold the interpreter from the first moment on."""
    ctypes.PyDLL(None).usleep(int(seconds * 1_000_000))
    note("ran", i)


@app.job
def gated(i: int, gate: str) -> None:
    """Run until a test opens the gate."""
    note("started", i)
    while not is_open(gate):
        time.sleep(0.005)
    note("ran", i)


@app.job
async def agated(i: int, gate: str) -> None:
    """Run until a test opens the gate."""
    await anote("started", i)
    while not await app.aperform(command("EXISTS", gate, decode=bool)):  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    await anote("ran", i)


@app.job
async def stubborn(i: int) -> None:
    """Never end, whoever cancels."""
    await anote("started", i)
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await anote("cancelled", i)


@app.job(timeout=0.1, retry=0)
async def too_long(i: int) -> None:
    """Take longer than its timeout."""
    await asyncio.sleep(60)


@app.job(retry=2, backoff=lambda n: 0.1)
def flaky(i: int) -> None:
    """Fail at the first attempt."""
    note("attempts", f"{i}.{current_job().attempt}")
    if current_job().attempt == 1:
        raise ValueError(f"not yet: {i}")
    note("ran", i)


@app.job(retry=0)
def hopeless(i: int) -> None:
    """Die at the first attempt."""
    raise ValueError(f"never: {i}")


class Unusual(BaseException):
    """What no `except Exception` catches."""


def _explode(kind: str) -> None:
    known = {
        "sys.exit": SystemExit(3),
        "interrupt": KeyboardInterrupt(),
        "cancelled": asyncio.CancelledError(),
        "generator": GeneratorExit(),
    }
    raise known.get(kind, Unusual(kind))


@app.job(retry=0)
def explode(kind: str) -> None:
    """Raise what is no Exception."""
    _explode(kind)


@app.job(retry=0)
async def aexplode(kind: str) -> None:
    """Raise what is no Exception."""
    await asyncio.sleep(0)
    _explode(kind)


def _crash(kind: str, again: bool) -> None:
    note("crashes", kind)
    if not again and len(app.perform(command("LRANGE", "crashes", 0, -1, decode=list))) > 1:
        note("ran", kind)
    elif kind == "os._exit":
        os._exit(1)
    elif kind == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    else:
        ctypes.string_at(0)


@app.job
def toxic(kind: str) -> None:
    """End the whole process, each time, once other jobs have run beside it."""
    before, patience = _length("ran"), time.monotonic() + 1.0
    while _length("ran") < before + 8 and time.monotonic() < patience:
        time.sleep(0.001)
    _crash(kind, again=True)


def _length(key: str) -> int:
    return app.perform(command("LLEN", key, decode=int))


@app.on_death
def died(job: RunningJob, error: BaseException) -> None:
    """Leave a trace of each death, after a while where that is wanted."""
    time.sleep(job.args[0] if job.name.endswith("mourned") else 0)
    note("deaths", f"{job.name} {type(error).__name__}")


@app.job
def crash(kind: str, again: bool = False) -> None:
    """End the whole process: at the first run, or each time."""
    _crash(kind, again)


@app.job
async def acrash(kind: str) -> None:
    """End the whole process at the first run."""
    await asyncio.sleep(0)
    _crash(kind, again=False)


@app.job(retry=0)
def start_program() -> None:
    """Start programs, and end them by signals."""
    for number in (signal.SIGTERM, signal.SIGINT):
        program = subprocess.Popen(["sleep", "60"])
        program.send_signal(number)
        note("ran", program.wait(10))


@app.job
def fired(status: BatchStatus, tag: str) -> None:
    """A callback: leave a trace."""
    note("fired", tag)


@app.job(durability="replicated")
def sure(status: BatchStatus, tag: str) -> None:
    """The same, once a replica knows of the event."""
    note("fired", tag)


@app.job(durability="replicated")
async def asure(status: BatchStatus, tag: str) -> None:
    """The same for asyncio."""
    await anote("fired", tag)


@app.callbacks
class Callbacks:
    """A callback for each event: leave a trace."""

    def on_complete(self, status: BatchStatus, options: dict[str, Any]) -> None:
        """Leave a trace."""
        note("fired", "complete")

    async def on_success(self, status: BatchStatus, options: dict[str, Any]) -> None:
        """Leave a trace."""
        await anote("fired", "success")


@app.callbacks
class Stages:
    """Callbacks of batches in a tree: each leaves a trace, and one adds a stage to the parent."""

    def on_complete(self, status: BatchStatus, options: dict[str, Any]) -> None:
        """Leave a trace."""
        note("fired", f"{options['path']} complete")

    def on_success(self, status: BatchStatus, options: dict[str, Any]) -> None:
        """Leave a trace."""
        note("fired", f"{options['path']} success")

    async def on_death(self, status: BatchStatus, options: dict[str, Any]) -> None:
        """Leave a trace."""
        await anote("fired", f"{options['path']} death")

    def on_settled(self, status: BatchStatus, options: dict[str, Any]) -> None:
        """Leave a trace."""
        note("fired", f"{options['path']} settled")

    async def stage(self, status: BatchStatus, options: dict[str, Any]) -> None:
        """Add a job and a child to the parent of the batch that has completed."""
        path = options["path"]
        parent = current_batch()
        assert parent is not None
        async with parent.jobs():
            await amark.aenqueue(path + "+")
            async with watched(path + "+").jobs():
                await amark.aenqueue(path + "++")
        await anote("fired", f"{path} stage")


def watched(path: str, *, parent: bool = True) -> Batch:
    """A batch that tells of all its events."""
    batch = app.batch() if parent else app.batch(parent=None)
    for event in ("complete", "success", "death", "settled"):
        batch.on(event, Stages, path=path)
    return batch


@app.job(retry=0)
def branch(path: str, depth: int, doomed: str) -> None:
    """Make two children of one's batch, whose jobs do the same; one that is doomed dies."""
    note("ran", path)
    if path == doomed:
        raise ValueError(path)
    if len(path) < depth:
        for name in "ab":
            child = watched(path + name)
            if name == "b":
                child.on("complete", f"{Stages.__module__}:Stages.stage", path=path + name)
            with child.jobs():
                branch.enqueue(path + name, depth, doomed)


@app.job
async def enduring(i: int) -> None:
    """Sleep for ever, but end well when interrupted."""
    await anote("started", i)
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        await anote("cancelled", i)
    await asyncio.sleep(0.01)
    await anote("ran", i)


@app.job
def asking(i: int) -> None:
    """Work as long as that is wanted."""
    note("started", i)
    while valid_within_batch():
        time.sleep(0.01)
    note("ran", i)


@app.job(timeout=0.3, retry=0)
def mourned(seconds: float) -> None:
    """Die within one's time, and have that told at length."""
    raise ValueError(seconds)


@app.job
def orphan() -> None:
    """Start a program whose parent ends before it does."""
    shell = ["sh", "-c", "sleep 0.2 > /dev/null & echo $!"]
    note("orphans", subprocess.run(shell, capture_output=True, text=True, check=True).stdout)


@app.job
def where(i: int, seconds: float = 0.005) -> None:
    """Leave a trace with the process that runs it."""
    time.sleep(seconds)
    note("where", f"{os.getpid()} {i}")


_hoard: list[bytes] = []


@app.job
def hoard(i: int, mb: int) -> None:
    """Keep memory for good; say which process has how much."""
    _hoard.append(b"x" * (mb << 20))
    time.sleep(0.05)
    rss = int(Path("/proc/self/statm").read_text().split()[1]) * 4 // 1024
    note("where", f"{os.getpid()} {i} {rss}")


def _last(kind: str) -> None:
    if kind == "spin":
        while True:
            pass
    if kind == "hold":
        ctypes.PyDLL(None).usleep(60_000_000)
    if kind == "regex":
        re.match(r"(a|aa)+$", "a" * 100 + "b")
    if kind == "program":
        program = subprocess.Popen(["sleep", "60"])
        note("programs", program.pid)
        program.wait()
    time.sleep(60)


@app.job(timeout=0.3, retry=0)
def endless(kind: str) -> None:
    """Do not end, and ask nobody."""
    note("started", kind)
    _last(kind)


@app.job(timeout=0.3, retry=0)
async def aendless(kind: str) -> None:
    """Do not end, though cancelled, or hold up the whole loop."""
    await anote("started", kind)
    try:
        if kind == "sleep":
            await asyncio.sleep(60)
        _last("sleep")
    except asyncio.CancelledError:
        await asyncio.sleep(60)


@app.job(timeout=0.3, retry=0)
def obedient(fails: bool) -> None:
    """End when told that the time is over."""
    job = current_job()
    assert 0.0 < (job.time_left or 0.0) <= 0.3
    note("started", job.time_left)
    while not job.timed_out:
        time.sleep(0.01)
    note("ran", job.time_left)
    if fails:
        raise ValueError("out of time")


@app.job(timeout=0.3, retry=3, backoff=lambda n: 0.1)
def late_once(i: int) -> None:
    """Take too long at the first attempt."""
    note("attempts", current_job().attempt)
    if current_job().attempt == 1:
        time.sleep(60)
    note("ran", i)


@app.job(timeout=0.3, retry=0)
def late_callback(status: BatchStatus) -> None:
    """A callback that does not end."""
    note("fired", "late")
    time.sleep(60)


_beside: set[str] = set()
_seen: set[str] = set()


@app.job
def innocent(i: int) -> None:
    """Take 50 ms beside others."""
    _beside.add(current_job().jid)
    _seen.add(current_job().jid)
    time.sleep(0.05)
    _beside.discard(current_job().jid)
    note("ran", i)


@app.job
def culprit(crashes: bool) -> None:
    """Note which jobs run beside it in its process, and end that."""
    _seen.clear()
    time.sleep(0.2)
    note("beside", len(_beside | _seen))
    if crashes:
        os._exit(1)
    note("ran", "culprit")
