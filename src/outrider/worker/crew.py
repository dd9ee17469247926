"""A child as its supervisor sees it, and how long to wait after the deaths of many."""

from __future__ import annotations

import math
import os
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from contextlib import suppress
from enum import Enum, auto

from outrider.worker.channel import Channel
from outrider.worker.slots import SlotTable

FREE_DEATHS = 5
PER_SECONDS = 60.0
MAX_PAUSE = 30.0
DUMP_PATIENCE = 1.0
TOLD_AT_ONCE = 100
IMPORT = 60.0


class Turn(Enum):
    """How far the replacing of a child is."""

    STAYS = auto()
    LEAVES = auto()  # a successor is to be started; it works on
    FOLLOWED = auto()  # the successor is starting
    RETIRES = auto()


class Child:
    """One child process. `number` is never used twice by the same supervisor.

    It works once it has said so. One that is replaced works on until its successor does, and
    retires then. `born`, `late_since`, of its jobs that outlive their timeouts, and `killed_at` are
    monotonic times.
    """

    def __init__(self, number: int, target: str, slots: int, log_level: str) -> None:
        self.name = str(number)
        self.started = False
        self.working = False
        self.turn = Turn.STAYS
        self.predecessor: Child | None = None
        self.failure = ""
        self.memory_counts = True
        self.late_since = math.inf
        self.killed_at: float | None = None
        self.stacks_by = math.inf
        self.born = self._told_at = time.monotonic()
        self._untold: list[str] = []
        ours, theirs = socket.socketpair()
        with theirs, SlotTable.memory(slots) as memory:
            fds = (theirs.fileno(), memory.fileno())
            arguments = [target, *map(str, fds), str(slots), log_level]
            # A session of its own: the terminal's Ctrl-C is for the supervisor to interpret.
            self.process = subprocess.Popen(
                [sys.executable, "-m", "outrider.worker.child", *arguments],
                pass_fds=fds,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
            self.table = SlotTable(memory.fileno(), slots)
        self.channel = Channel(ours)

    def slow_import(self, now: float) -> int:
        """For how many seconds it has been importing the target; 0 until it is time to say so.

        Once a minute: some take their time, and one that hangs looks the same.
        """
        if now < self._told_at + IMPORT:
            return 0
        self._told_at = now
        return int(now - self.born)

    def imported(self) -> None:
        """Note that it has the target."""
        self._told_at = math.inf

    @property
    def dead(self) -> bool:
        """Whether the process has ended."""
        return self.process.poll() is not None

    @property
    def status(self) -> str:
        """The exit status of a dead one, with the name of the signal that ended it."""
        code = self.process.returncode
        if code is None or code >= 0:
            return f"{code}"
        with suppress(ValueError):
            return f"{code} ({signal.Signals(-code).name})"
        return f"{code}"

    def start(
        self, identity: str, queues: list[str], weights: list[int] | None, max_jobs: int | None
    ) -> None:
        """Tell it who it is, and let it work."""
        self.started = True
        self.channel.send(
            start={
                "identity": identity,
                "child": self.name,
                "queues": queues,
                "weights": weights,
                "max_jobs": max_jobs,
            }
        )

    def retire(self) -> None:
        """Have it take no more jobs, end what it has, and leave."""
        self.turn = Turn.RETIRES
        self.channel.send(retire=True)

    def interrupt(self, bids: list[str]) -> None:
        """Have it cancel its coroutines that are members of these batches, or of earlier ones.

        A child that does not read, since something holds its interpreter, is told another time:
        whoever waited for it could not keep the lease.
        """
        if self.started:
            self._untold += bids
            while self._untold and self.channel.has_room():
                self.channel.send(interrupt=self._untold[:TOLD_AT_ONCE])
                del self._untold[:TOLD_AT_ONCE]

    def ask_for_stacks(self) -> None:
        """Have it write the stacks of all its threads to standard error."""
        if self.started:
            self.channel.send(dump=True)
            self.stacks_by = time.monotonic() + DUMP_PATIENCE

    def force_stacks(self) -> None:
        """The same by a signal, for a child that does not answer: something holds its interpreter.

        Only then: while Python code runs, a look from outside may end the process.
        """
        self.stacks_by = math.inf
        if not self.dead:
            os.kill(self.process.pid, signal.SIGTTIN)

    def kill(self) -> None:
        """End it at once, with the programs that its jobs have started.

        Jobs that do not end often wait for a program, which must not go on while they run again.
        """
        # It leads a session of its own. macOS does not permit this where a zombie is among them.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()

    def hear_last_words(self) -> None:
        """Read what a dead child may have said of why it could not start."""
        for message in (self.channel.receive() or []) if self.channel.has_words() else []:
            self.failure = message.get("failed", self.failure)

    def close(self) -> None:
        """Give back what belonged to a dead child.

        Its table goes with the last reference: the heartbeat may be reading it.
        """
        self.channel.close()


def reap_orphans(mine: set[int]) -> None:
    """Take note of the end of processes that are not `mine`, and that nobody else will look at.

    As the first process of a container a supervisor inherits the programs of jobs whose parent has
    ended; without this they would stay as zombies until there is room for no other process.
    """
    if sys.platform != "linux":
        return
    look = os.WEXITED | os.WNOHANG | os.WNOWAIT
    with suppress(ChildProcessError):
        while (found := os.waitid(os.P_ALL, 0, look)) is not None and found.si_pid not in mine:
            os.waitpid(found.si_pid, 0)


class Deaths:
    """How long to wait before the next child: not at all for the first five deaths a minute."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()

    def pause(self) -> float:
        """Note a death; seconds to wait until its successor may start."""
        now = time.monotonic()
        self._times.append(now)
        while self._times[0] < now - PER_SECONDS:
            self._times.popleft()
        extra = len(self._times) - FREE_DEATHS
        return 0.0 if extra <= 0 else min(MAX_PAUSE, 2.0 ** (extra - 1))
