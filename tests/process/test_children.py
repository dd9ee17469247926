"""A supervisor and its processes: orphans that it inherits, successors that hang, and how many."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from types import ModuleType

from outrider import App
from tests.process.conftest import StartWorker
from tests.process.harness import FOSTERING, ask, length, listed, outrider, reach, state, until


def test_the_first_process_of_a_container_reaps_orphans(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """Programs that outlive their parent leave no zombie, and its own children's ends are seen."""
    one = worker("-c", "2", command=FOSTERING)
    work.orphan.enqueue_many([() for _ in range(10)])
    reach(app, "orphans", 10)
    orphans = [int(pid) for pid in listed(app, "orphans")]
    until(lambda: not any(map(state, orphans)), "they leave nothing behind")
    (child,) = one.children
    os.kill(child, signal.SIGKILL)
    until(lambda: one.said("ended with status -9 (SIGKILL)"), "its death is seen")
    work.orphan.enqueue()
    reach(app, "orphans", 11)
    assert one.stop() == 0


def test_retiring_children_are_bounded(app: App, work: ModuleType, worker: StartWorker) -> None:
    """Each keeps a job that does not end: then the last works on beyond its --max-jobs."""
    one = worker("-c", "9", "--max-jobs", "1")
    kept = 0
    while not one.said("works on: there are 3 children already"):
        work.gated.enqueue(kept, "gate")
        kept += 1
        reach(app, "started", kept)
        work.where.enqueue(kept)
        reach(app, "where", kept)
        assert len(one.children) <= 3
    newest = one.children[-1]
    for more in range(1, 4):
        work.where.enqueue(kept + more)
        reach(app, "where", kept + more)
    assert {int(line.split()[0]) for line in listed(app, "where")[kept:]} == {newest}
    assert len(one.children) == 3
    ask(app, "SET", "gate", 1)
    reach(app, "ran", kept)
    until(lambda: newest not in one.children, "then it is replaced too")
    assert one.said("works on") == 1
    assert one.stop() == 0
    assert app.stats.processed == 2 * kept + 3


HANG = """
import time
from pathlib import Path
while not Path(__file__).with_name("gate").exists():
    time.sleep(0.01)
"""


def test_a_successor_that_hangs_at_import(
    app: App, work: ModuleType, worker: StartWorker, tmp_path: Path
) -> None:
    """A job whose time is over is ended all the same; it is told why nothing goes on."""
    one = worker("-c", "1", hasty=True)
    path = tmp_path / "work.py"
    path.write_text(HANG + path.read_text().replace("from __future__ import annotations", ""))
    work.endless.enqueue("sleep")
    until(lambda: one.said("is killed"), "it is killed")
    until(lambda: one.said("child 2 has been importing work for"), "it is told")
    until(lambda: length(app, "queue:default") == 1, "the job waits")
    (tmp_path / "gate").touch()
    until(lambda: ask(app, "ZCARD", "dead") == 1, "the job has failed")
    assert len(one.children) == 1
    assert one.stop() == 0


def test_a_successor_that_hangs_does_not_keep_the_worker(
    app: App, work: ModuleType, worker: StartWorker, tmp_path: Path
) -> None:
    """Nothing of it is worth waiting for."""
    one = worker("-c", "1", "--max-jobs", "1")
    path = tmp_path / "work.py"
    path.write_text(HANG + path.read_text().replace("from __future__ import annotations", ""))
    work.where.enqueue(1)
    until(lambda: len(one.children) == 2, "another one starts")
    work.where.enqueue(2)
    reach(app, "where", 2)
    assert one.stop() == 0


def test_a_first_child_that_hangs_at_import(
    app: App, work: ModuleType, worker: StartWorker, tmp_path: Path
) -> None:
    """It is told while it hangs, and not of one that works."""
    path = tmp_path / "work.py"
    path.write_text(HANG + path.read_text().replace("from __future__ import annotations", ""))
    one = worker("-c", "1", hasty=True, ready=False)
    until(lambda: one.said("child 1 has been importing work for"), "it is told")
    (tmp_path / "gate").touch()
    one.ready()
    told = one.said("has been importing")
    work.nap.enqueue(1, 3.0)  # longer than until it would be told again
    reach(app, "ran", 1)
    assert one.said("has been importing") == told
    assert one.stop() == 0


MUTE = """

@app.job
def mute() -> None:
    import sys, threading
    sys.stdout.close()
    threading.Thread(target=time.sleep, args=(3600.0,), daemon=False).start()
    note("ran", "mute")
"""


def test_a_job_that_closes_the_output(
    app: App, work: ModuleType, worker: StartWorker, tmp_path: Path
) -> None:
    """Its child leaves in good order all the same, with a thread that would keep a process."""
    path = tmp_path / "work.py"
    path.write_text(path.read_text() + MUTE)
    one = worker("-c", "1")
    app.enqueue("work.mute")
    reach(app, "ran", 1)
    assert one.stop() == 0
    assert "Traceback" not in one.log
    assert not one.said("still there")


CHOKE = """

@app.job
def choke() -> None:
    import threading
    threading.Thread(target=time.sleep, args=(3600.0,), daemon=False).start()
    def start(self: object) -> None:
        raise RuntimeError("can't start new thread")
    threading.Thread.start = start
    note("ran", "choke")
"""


def test_a_child_that_can_start_no_thread_is_replaced(
    app: App, work: ModuleType, worker: StartWorker, tmp_path: Path
) -> None:
    """Though a thread of the user's would keep its process, with what it has claimed."""
    path = tmp_path / "work.py"
    path.write_text(path.read_text() + CHOKE)
    one = worker("-c", "5")
    app.enqueue("work.choke")
    reach(app, "ran", 1)
    work.where.enqueue_many([(i, 0.1) for i in range(5)])
    until(lambda: one.said("this child can't go on"), "it is told")
    reach(app, "where", 5)
    assert one.stop() == 0


def test_a_worker_that_can_start_no_process_says_so(work: ModuleType, tmp_path: Path) -> None:
    """One line, and a status; no traceback."""
    command = 'ulimit -n 9; exec "$@"'
    told = outrider(tmp_path, "worker", "work", through=("sh", "-c", command, "sh"))
    assert told.returncode == 1
    assert told.stderr.count("\n") == 1, told.stderr
    assert "no child can be started" in told.stderr
