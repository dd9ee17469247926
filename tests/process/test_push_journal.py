"""Producers with a push buffer, as real processes: killed, forked, several on one journal."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from outrider import App, PushBuffer
from outrider.embedded import Server
from tests.process.harness import Worker, environment, listed, measured, until

DURABLE = {"appendonly": "yes", "appendfsync": "always", "save": ""}
# Pushes numbers of its own for as long as it lives, and notes each that was accepted.
PRODUCER = """
import os, sys, time
from outrider import App, PushBuffer, PushBufferFull
url, journal, name, most, pause = sys.argv[1:6]
app = App(url, push_buffer=PushBuffer(journal=journal or None, jobs=100_000), timeout=2.0)
def note(text: str) -> None: ...
job = app.job(name="note")(note)
notes = os.open(name + ".accepted", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
def push(first, count):
    if count > 3:
        with app.batch().jobs():
            for i in range(count):
                job.enqueue(f"{name}:{first + i}")
    else:
        job.enqueue_many([(f"{name}:{first + i}",) for i in range(count)])
    os.write(notes, "".join(f"{name}:{first + i}\\n" for i in range(count)).encode())
at = 0
while at < int(most):
    push(at, 1 + at % 5)
    at += 1 + at % 5
    time.sleep(float(pause))
"""


class Field:
    """A server that comes and goes, a folder for a journal, and producers."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.folder = folder
        self.server = server
        self.journal = folder / "journal"
        self._started: list[subprocess.Popen[str]] = []

    def start(self, name: str, most: int = 10**9, pause: float = 0.0005) -> subprocess.Popen[str]:
        """A producer of numbers under this name."""
        words = (self.server.url, str(self.journal), name, str(most), str(pause))
        return self.run(PRODUCER, *words)

    def run(self, program: str, *words: str) -> subprocess.Popen[str]:
        """Any program."""
        self._started.append(
            subprocess.Popen(
                [sys.executable, "-c", program, *words],
                cwd=self.folder,
                env=environment(),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return self._started[-1]

    def accepted(self, name: str) -> list[str]:
        """What this producer was told was taken."""
        path = self.folder / f"{name}.accepted"
        return path.read_text().split() if path.exists() else []

    def arrived(self) -> list[str]:
        """What lies on the server's queue, the oldest first."""
        app = App(self.server.url)
        found = [str(json.loads(one)["args"][0]) for one in listed(app, "queue:default")]
        app.close()
        return found[::-1]

    def drain(self) -> None:
        """Send what the journal holds, as the next process of this app does."""
        app = App(self.server.url, push_buffer=PushBuffer(journal=self.journal))
        assert app.stats.read() is not None
        assert app.push_buffer is not None
        assert app.push_buffer.flush(60)
        app.close()

    def close(self) -> None:
        """End what was started."""
        for one in self._started:
            one.kill()
            one.communicate()


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Field]:
    """A server of this test alone."""
    with Server.start(tmp_path / "server", options=DURABLE) as server:
        one = Field(tmp_path, server)
        yield one
        one.close()


def check(field: Field, names: list[str]) -> None:
    """All that was accepted arrived once, each producer's in its order; at most one push more."""
    arrived = field.arrived()
    assert [text for text, times in Counter(arrived).items() if times > 1] == []
    for name in names:
        mine = [text for text in arrived if text.startswith(f"{name}:")]
        accepted = field.accepted(name)
        assert mine[: len(accepted)] == accepted
        # What was under way when it was killed may have been taken, and nobody was told.
        assert len(mine) - len(accepted) <= 5


def test_a_producer_that_is_killed_with_a_full_journal(field: Field) -> None:
    """kill -9 in an outage; what it had kept is sent by the next process, once and in order."""
    one = field.start("a")
    until(lambda: len(field.accepted("a")) > 20, "it pushes")
    field.server.kill()
    before = len(field.accepted("a"))
    until(lambda: len(field.accepted("a")) > before + 300, "it pushes on")
    one.kill()
    one.communicate()
    field.server.restart()
    field.drain()
    check(field, ["a"])


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_producers_killed_at_any_moment(field: Field, seed: int) -> None:
    """Two share a journal; they and the server are killed while things are sent, many times."""
    chance = random.Random(seed)
    names = []
    producers: dict[int, subprocess.Popen[str]] = {}
    for turn in range(6):
        for place in (0, 1):
            if place not in producers:
                names.append(f"p{turn}{place}")
                producers[place] = field.start(names[-1])
                until(lambda: field.accepted(names[-1]), "it pushes")
        field.server.kill()
        time.sleep(chance.uniform(0.3, 0.8))
        field.server.restart()
        time.sleep(chance.uniform(0.0, 0.3))
        victim = producers.pop(chance.choice([0, 1]))
        victim.kill()
        victim.communicate()
    for one in producers.values():
        one.kill()
        one.communicate()
    field.drain()
    check(field, names)
    measured(f"{sum(len(field.accepted(name)) for name in names)} jobs")


def test_another_process_takes_over(field: Field) -> None:
    """Two keep in one journal; the one that sends is killed, and the other one goes on."""
    one, other = field.start("a"), field.start("b", pause=0.002)
    until(lambda: field.accepted("a") and field.accepted("b"), "both push")
    field.server.kill()
    count = {name: len(field.accepted(name)) for name in "ab"}
    until(lambda: all(len(field.accepted(name)) > count[name] + 50 for name in "ab"), "both keep")
    one.kill()
    one.communicate()
    field.server.restart()
    began = time.monotonic()
    until(lambda: set(field.accepted("a")) <= set(field.arrived()), "a's jobs are sent", 40)
    measured(f"all sent {time.monotonic() - began:.2f} s after the server was back")
    other.kill()
    other.communicate()
    field.drain()
    check(field, ["a", "b"])


FORKS = """
import os, sys
from outrider import App, PushBuffer
url, journal = sys.argv[1:3]
app = App(url, push_buffer=PushBuffer(journal=journal or None), timeout=2.0)
def note(text: str) -> None: ...
job = app.job(name="note")(note)
for i in range(20):
    job.enqueue(f"parent:{i}")
children = []
for child in range(3):
    if (pid := os.fork()) == 0:
        assert journal or app.push_buffer.jobs == 0
        for i in range(20):
            job.enqueue(f"child{child}:{i}")
        os.write(1, b"ready\\n")
        sys.stdin.readline()
        sys.exit(0 if app.push_buffer.flush(20) else 1)
    children.append(pid)
os.write(1, b"ready\\n")
sys.stdin.readline()
for pid in children:
    assert os.waitpid(pid, 0)[1] == 0
assert app.push_buffer.flush(20)
"""


@pytest.mark.parametrize("kind", ["memory", "journal"])
def test_a_producer_that_forks_in_an_outage(field: Field, kind: str) -> None:
    """What the parent keeps is sent by the parent alone, and each child's by that child."""
    field.server.kill()
    journal = str(field.journal) if kind == "journal" else ""
    read, write = os.pipe()
    one = subprocess.Popen(
        [sys.executable, "-c", FORKS, field.server.url, journal],
        cwd=field.folder,
        env=environment(),
        stdin=read,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert one.stdout is not None
    assert [one.stdout.readline() for _ in range(4)] == ["ready\n"] * 4
    field.server.restart()
    os.write(write, b"\n" * 4)
    os.close(write)
    os.close(read)
    assert one.wait(60) == 0
    one.stdout.close()
    arrived = field.arrived()
    for name in ("parent", "child0", "child1", "child2"):
        mine = [text for text in arrived if text.startswith(name)]
        assert mine == [f"{name}:{i}" for i in range(20)]
    assert len(arrived) == 80


FORKS_AT_ONCE = """
import os, sys, threading
from outrider import App
apps = [App("unix:///nowhere", push_buffer=f"{sys.argv[1]}{i}") for i in range(3)]
sys.setswitchinterval(1e-5)
def run():
    for _ in range(60):
        assert [app.push_buffer.jobs for app in apps] == [0, 0, 0]
        if (pid := os.fork()) == 0:
            os._exit(0)
        os.waitpid(pid, 0)
threads = [threading.Thread(target=run, daemon=True) for _ in range(3)]
for one in threads:
    one.start()
for one in threads:
    one.join()
for app in apps:
    app.enqueue("note")
"""


def test_threads_that_fork_at_the_same_time(tmp_path: Path) -> None:
    """Each lets go of what it has locked for its fork, and buffers go on."""
    words = [sys.executable, "-c", FORKS_AT_ONCE, str(tmp_path / "journal")]
    subprocess.run(words, env=environment(), timeout=60, check=True)


FULL = """
import resource, sys
from outrider import App, PushBuffer, PushBufferFull
url, journal = sys.argv[1:3]
app = App(url, push_buffer=PushBuffer(journal=journal))
job = app.job(name="note")(lambda text: None)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
taken = refused = 0
for i in range(200):
    try:
        job.enqueue("x" * 4000)
        taken += 1
    except PushBufferFull as error:
        refused += 1
        assert "can't be written" in str(error), error
print(taken, refused, app.push_buffer.jobs)
"""


def test_a_disk_that_is_full(field: Field) -> None:
    """What can't be written is refused, each time, and what was taken before stays and is sent."""
    field.server.kill()
    one = field.run(FULL, field.server.url, str(field.journal))
    out, err = one.communicate(timeout=60)
    assert one.returncode == 0, err
    taken, refused, kept = map(int, out.split())
    assert taken == kept > 0
    assert refused > 100
    field.server.restart()
    field.drain()
    assert len(field.arrived()) == taken


CHAIN = """
import time
from pathlib import Path
from outrider import App

app = App("{url}", push_buffer=True, timeout=1.0)


@app.job
def first(folder: str) -> None:
    Path(folder, "started").touch()
    while not Path(folder, "gate").exists():
        time.sleep(0.01)
    for number in range(10):
        second.enqueue(folder, number)
    Path(folder, "kept").touch()


@app.job
def second(folder: str, number: int) -> None:
    Path(folder, f"ran-{{number}}").touch()
"""


def test_a_job_that_pushes_in_an_outage(field: Field) -> None:
    """In a worker it is the same: it is kept there, and sent when the server is back."""
    one = offline(field)
    try:
        field.server.restart()
        until(lambda: len(list(field.folder.glob("ran-*"))) == 10, "all run", 60)
        assert one.stop() == 0
    finally:
        one.end()


def test_a_worker_that_stops_in_an_outage(field: Field) -> None:
    """Its processes wait for what they keep, and say what they could not send."""
    one = offline(field)
    try:
        one.stop(40)
        assert one.said("10 jobs in the push buffer are lost"), one.log
    finally:
        one.end()
    field.server.restart()


def offline(field: Field) -> Worker:
    """A worker that keeps ten pushes of a job, with its server away."""
    (field.folder / "chain.py").write_text(CHAIN.format(url=field.server.url))
    app = App(field.server.url, timeout=1.0)
    app.enqueue("chain.first", [str(field.folder)])
    one = Worker(field.folder, app, target="chain").ready()
    until((field.folder / "started").exists, "it runs")
    app.close()
    field.server.kill()
    (field.folder / "gate").touch()
    until((field.folder / "kept").exists, "it has pushed")
    return one


EXITS = """
import asyncio, sys
from outrider import App, PushBuffer
url, how, flush = sys.argv[1:4]
app = App(url, push_buffer=PushBuffer(flush=float(flush)), timeout=2.0)
def note(text: str) -> None: ...
job = app.job(name="note")(note)
async def main():
    for i in range(50):
        await job.aenqueue(f"a:{i}")
if how == "async":
    asyncio.run(main())
else:
    for i in range(50):
        job.enqueue(f"a:{i}")
print("kept", flush=True)
sys.stdin.readline()
"""


@pytest.mark.parametrize("how", ["sync", "async"])
def test_at_exit_what_is_in_memory_is_sent(field: Field, how: str) -> None:
    """The process waits for it, at most as long as it was told (P184)."""
    field.server.kill()
    read, write = os.pipe()
    words = [sys.executable, "-c", EXITS, field.server.url, how, "30"]
    one = subprocess.Popen(words, env=environment(), stdin=read, stdout=subprocess.PIPE, text=True)
    assert one.stdout is not None
    assert one.stdout.readline() == "kept\n"
    os.write(write, b"\n")
    field.server.restart()
    assert one.wait(40) == 0
    assert field.arrived() == [f"a:{i}" for i in range(50)]
    one.stdout.close()
    os.close(write)
    os.close(read)


def test_at_exit_what_cannot_be_sent_is_told(field: Field) -> None:
    """After its time it gives up, and says how much is lost."""
    field.server.kill()
    done = subprocess.run(
        [sys.executable, "-c", EXITS, field.server.url, "sync", "0.3"],
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0
    assert "50 jobs in the push buffer are lost" in done.stderr
    field.server.restart()
    assert field.arrived() == []


def test_an_import_does_no_input_or_output(tmp_path: Path) -> None:
    """An App with a journal opens it with its first request; one without pays nothing (P181)."""
    program = """
import sys, threading
from outrider import App
app = App("unix:///nowhere.sock", push_buffer="folder/that/is/not/there")
plain = App("unix:///nowhere.sock")
assert threading.active_count() == 1
print("sqlite3" in sys.modules)
"""
    plain = "import sys, outrider; outrider.App('unix:///x'); print('sqlite3' in sys.modules)"
    for text, expected in ((program, "True"), (plain, "False")):
        done = subprocess.run(
            [sys.executable, "-c", text],
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert (done.returncode, done.stdout.strip()) == (0, expected), done.stderr
    assert list(tmp_path.iterdir()) == []
