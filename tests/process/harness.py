"""Starts real workers and commands, watches them from outside, and ends them by their pid."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from outrider import App
from outrider.script import command

OUTRIDER = (sys.executable, "-m", "outrider")
# The same with a supervisor that waits less long for jobs whose time is over.
HASTY = (
    sys.executable,
    "-c",
    """
from outrider.cli.main import main
from outrider.worker import children, crew, limits
children.LOOK, limits.NOTICE, limits.GRACE, crew.IMPORT = 0.1, 0.2, 1.0, 2.0
main()
""",
)
# The same with a supervisor that inherits orphans, as the first process of a container does.
FOSTERING = (
    sys.executable,
    "-c",
    """
import ctypes
from outrider.cli.main import main
ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER
main()
""",
)
# A machine that is busy with other things must not fail a test: deadlines are for what never comes.
PATIENCE = 20.0


def until(condition: Callable[[], Any], what: str = "", patience: float = PATIENCE) -> Any:
    """Wait until the condition holds and return what it gave; fail when it never does."""
    deadline = time.monotonic() + patience
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"did not happen within {patience:g} s: {what or condition}")
        time.sleep(0.005)
    return found


def ask(app: App, *words: str | bytes | float) -> Any:
    """What the server answers to a plain command, undecoded."""
    return app.perform(command(*words, decode=lambda answer: answer))


def listed(app: App, key: str) -> list[str]:
    """What was appended to a list on the server."""
    return [item.decode() for item in ask(app, "LRANGE", key, 0, -1)]


def length(app: App, key: str) -> int:
    """How much was appended to a list on the server."""
    return int(ask(app, "LLEN", key))


def reach(app: App, key: str, count: int) -> None:
    """Wait until so much was appended to a list on the server."""
    until(lambda: length(app, key) >= count, f"{key} reaches {count}")


def measured(text: str) -> None:
    """Say a figure that a test has measured; `pytest -rP` shows it."""
    sys.stdout.write(text + "\n")


def ended(pid: int) -> bool:
    """Whether a process has ended."""
    return state(pid) in ("", "Z")


def claimed(app: App) -> int:
    """How many jobs workers hold."""
    return sum(int(ask(app, "HLEN", key)) for key in ask(app, "KEYS", "o:claims:*"))


def load_work(folder: Path, url: str, timeout: float = 5.0, name: str = "work") -> ModuleType:
    """Put the jobs of `work.py`, or another module here, into a folder as a worker's target, and
    import them here too.

    `timeout` is how long they, and the worker, try a request.
    """
    path = folder / f"{name}.py"
    shutil.copy(Path(__file__).with_name(f"{name}.py"), path)
    os.environ["OUTRIDER_TEST_URL"] = url
    os.environ["OUTRIDER_TEST_TIMEOUT"] = str(timeout)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def environment(**settings: str) -> dict[str, str]:
    """The environment of a command: as outside of pytest, and with no server configured."""
    hidden = ("PYTEST_", "OUTRIDER_URL", "REDIS_URL")
    mine = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    return mine | settings


def outrider(
    folder: Path,
    *words: str,
    timeout: float = 30.0,
    through: Sequence[str] = (),
    **settings: str,
) -> subprocess.CompletedProcess[str]:
    """Run a command of `outrider` to its end, by another program if need be."""
    return subprocess.run(
        [*through, *OUTRIDER, *words],
        cwd=folder,
        env=environment(**settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def children(pid: int) -> list[int]:
    """The living children of a process, from its main thread, in the order they were started."""
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    found, before = [], None
    try:
        # Where one has come or gone meanwhile, others may be left out, or have ended by now.
        while (now := listed.read_text()) != before:
            found = [int(child) for child in now.split() if state(int(child)) not in ("", "Z")]
            before = now
    except OSError:
        return []
    return found


def state(pid: int, task: int | None = None) -> str:
    """The state letter of a process, or of a thread: Z for a zombie, nothing when it is gone."""
    try:
        stat = Path(f"/proc/{pid}/task/{task or pid}/stat").read_text()
        return stat.rpartition(")")[2].split()[0]
    except OSError:
        return ""


class Worker:
    """One `outrider worker`, with its log in a file."""

    def __init__(
        self,
        folder: Path,
        app: App,
        *options: str,
        target: str = "work",
        hasty: bool = False,
        command: Sequence[str] = (),
        settings: dict[str, str] | None = None,
    ) -> None:
        self._app = app
        self.log_path = folder / f"worker-{time.monotonic_ns()}.log"
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(
                [*(command or (HASTY if hasty else OUTRIDER)), "worker", target, *options],
                cwd=folder,
                env=environment(**(settings or {})),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.seen: set[int] = set()

    @property
    def pid(self) -> int:
        """The supervisor's process id."""
        return self.process.pid

    @property
    def log(self) -> str:
        """All that it wrote."""
        return self.log_path.read_text("utf-8", "replace")

    @property
    def messages(self) -> list[str]:
        """The messages of its log lines, those of all its processes."""
        whole = self.log.rpartition("\n")[0]
        lines = [line for line in whole.splitlines() if line.startswith('{"time"')]
        return [str(json.loads(line)["message"]) for line in lines]

    def said(self, text: str) -> int:
        """How many of its messages contain this."""
        return sum(text in message for message in self.messages)

    @property
    def children(self) -> list[int]:
        """Its living children."""
        found = children(self.pid)
        self.seen.update(found)
        return found

    @property
    def identity(self) -> str:
        """The name it registered under; "" when it has not, or no longer is."""
        found = [name.decode() for name in ask(self._app, "SMEMBERS", "processes")]
        return next((name for name in found if name.split(":")[1] == str(self.pid)), "")

    def ready(self) -> Worker:
        """Wait until it has registered and its first child may claim."""
        until(lambda: self.registered or self.process.poll() is not None, "registered")
        assert self.process.poll() is None, self.log
        self.children  # noqa: B018  (notes their pids)
        return self

    @property
    def registered(self) -> bool:
        """Whether it has registered and a child of it may claim."""
        identity = self.identity
        return bool(identity) and bool(ask(self._app, "EXISTS", f"o:owners:{identity}"))

    def send(self, *signals: signal.Signals) -> None:
        """Send it signals."""
        for number in signals:
            os.kill(self.pid, number)

    def wait(self, timeout: float = PATIENCE) -> int:
        """Its exit status, once it has ended."""
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the worker does not end:\n{self.log}") from None

    def stop(self, timeout: float = PATIENCE) -> int:
        """Ask it to stop, and wait until it has."""
        self.send(signal.SIGTERM)
        return self.wait(timeout)

    def end(self) -> None:
        """Make sure that nothing of it is left."""
        mine = {*self.children, *self.seen}
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for pid in mine:
            until(partial(ended, pid), f"child {pid} ends", 5.0)
