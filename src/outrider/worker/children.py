"""The children of a supervisor: starts them, hears them, replaces those that die, ends them all.

Everything here happens on the supervisor's main thread, but for what says otherwise.
"""

from __future__ import annotations

import contextlib
import logging
import math
import selectors
import time
from collections.abc import Callable

from outrider import words
from outrider.errors import ConfigError
from outrider.worker.crew import Child, Deaths, Turn, reap_orphans
from outrider.worker.handover import Handover
from outrider.worker.limits import Limits, must_end, overdue
from outrider.worker.options import WorkerOptions
from outrider.worker.reach import Reach

log = logging.getLogger("outrider.worker")
KILL_GRACE = 5.0
LOOK = 1.0
MAX_PAUSE = 60.0
RETIRING = 2
"""So many children, for each that was asked for, may start, retire, or be killed besides."""


class Children:
    """Keeps as many children at work as were asked for, until `stop`.

    One that is to be replaced works on until its successor does. If that one can't start, another
    attempt follows after a pause.
    """

    def __init__(
        self,
        options: WorkerOptions,
        limits: Limits,
        reach: Reach,
        selector: selectors.BaseSelector,
    ) -> None:
        self._options = options
        self._limits = limits
        self._reach = reach
        self._selector = selector
        self._living: list[Child] = []
        self._number = 0
        self._deaths = Deaths()
        self._spawn_at: list[float] = []
        self._replace_at = 0.0
        self._pause = 0.0
        self._complaint = ""
        self._stop_by: float | None = None

    def begin(self, handover: Handover, wake: Callable[[], None]) -> None:
        """Start the others and go on, once the first child has said what the target is.

        `wake` is called when there is something to hand over.
        """
        self._handover = handover
        self._wake = wake
        for child in self._living:
            child.imported()
            handover.welcome(child)
        self._spawn_at = [0.0] * (self._options.processes - 1)

    def spawn(self) -> Child:
        """Start one more."""
        self._number += 1
        options = self._options
        child = Child(self._number, options.target, options.concurrency, options.log_level)
        self._living.append(child)
        self._selector.register(child.channel.socket, selectors.EVENT_READ, child)
        return child

    def living(self) -> list[Child]:
        """Those whose end has not been seen yet; any thread may ask."""
        return list(self._living)

    @property
    def stopping(self) -> bool:
        """Whether they have been told to stop."""
        return self._stop_by is not None

    # -- one look ---------------------------------------------------------------------------------

    def hear(self, child: Child) -> None:
        """Read what a child has said."""
        messages = child.channel.receive()
        if messages is None:
            # Its end is noticed by its status; an ended stream would wake us for ever.
            self._selector.unregister(child.channel.socket)
            return
        for message in messages:
            if "hello" in message:
                self._welcome(child)
            if "working" in message:
                self._works(child)
            if "replace" in message and child.turn is Turn.STAYS:
                self._replace(child, message["replace"])
            if "failed" in message:
                child.failure = message["failed"]
            if "dumped" in message:
                child.stacks_by = math.inf
            if "trouble" in message:
                self._reach.say(child.name, message["trouble"])

    def look(self) -> None:
        """Do what is due: bury the dead, start successors, force what was asked for."""
        for child in [child for child in self._living if child.dead]:
            self._bury(child)
        reap_orphans({child.process.pid for child in self._living})
        now = time.monotonic()
        for child in self._living:
            if child.stacks_by <= now:
                child.force_stacks()
            if child.working:
                self._hold_to_limits(child, now)
        self.tell_of_slow_imports()
        if self._stop_by is None:
            self._spawn_due(now)
        elif self._living and now > self._stop_by + KILL_GRACE:
            many = words.count(len(self._living), "child", "children")
            log.error("still there %g s after the time to stop: killing %s", KILL_GRACE, many)
            self.kill()

    def tell_of_slow_imports(self) -> None:
        """Say so when it is time to."""
        for child in self._living:
            if seconds := child.slow_import(time.monotonic()):
                about = child.name, self._options.target, seconds
                log.error("child %s has been importing %s for %d s", *about)

    def patience(self) -> float:
        """Seconds until the next look is due, if nothing happens."""
        times = [child.stacks_by for child in self._living]
        times += self._spawn_at if self._stop_by is None else [self._stop_by + KILL_GRACE]
        return max(0.0, min([LOOK, *(at - time.monotonic() for at in times)]))

    def _spawn_due(self, now: float) -> None:
        try:
            while self._spawn_at and min(self._spawn_at) <= now:
                self.spawn()
                self._spawn_at.remove(min(self._spawn_at))
            leaving = [child for child in self._living if child.turn is Turn.LEAVES]
            for child in leaving if self._replace_at <= now else []:
                if len(self._living) >= self._options.processes * (1 + RETIRING):
                    many = words.count(len(self._living), "child", "children")
                    self._complain(f"child {child.name} works on: there are {many} already")
                    break
                self.spawn().predecessor = child
                child.turn = Turn.FOLLOWED
        except OSError as error:
            # Too many processes, say: those that are there must not end for it.
            self._complain(f"no child can be started: {error}; trying again")
            self._spawn_at = [max(at, now + LOOK) for at in self._spawn_at]
            self._replace_at = max(self._replace_at, now + LOOK)

    def _welcome(self, child: Child) -> None:
        try:
            self._limits.check_fresh(child)
        except ConfigError as error:
            self._complain(str(error))
        child.imported()
        self._handover.welcome(child)
        self._wake()

    # -- replacing --------------------------------------------------------------------------------

    def _hold_to_limits(self, child: Child, now: float) -> None:
        if child.killed_at is None and (late := must_end(child, now)):
            what = words.count(len(late), "job")
            told = {"child": child.name, "tokens": late}
            log.error("child %s is killed: %s outlived the timeout", child.name, what, extra=told)
            child.killed_at = now
            child.kill()
        if child.turn is Turn.STAYS and (reason := self._limits.reason(child, now)):
            self._replace(child, reason)

    def _replace(self, child: Child, reason: str) -> None:
        if self.stopping:
            return
        child.turn = Turn.LEAVES
        log.info("another child is to replace child %s: %s", child.name, reason)

    def _works(self, child: Child) -> None:
        child.working = True
        self._pause, self._complaint = 0.0, ""
        if child.predecessor is not None:
            child.predecessor.retire()
            child.predecessor = None

    def _complain(self, message: str) -> None:
        if message != self._complaint:
            self._complaint = message
            log.error("%s", message)

    # -- dead children ----------------------------------------------------------------------------

    def _bury(self, child: Child) -> None:
        self._living.remove(child)
        with contextlib.suppress(KeyError):
            self._selector.unregister(child.channel.socket)
        child.hear_last_words()
        child.close()
        self._reach.say(child.name, "")
        # Nobody writes to its table any more.
        if child.killed_at is None:
            blamed, timed_out = [job.token for job in child.table.running()], []
        else:
            blamed, timed_out = [], overdue(child, child.killed_at)
        if not self.stopping or timed_out:
            self._handover.bury(child, blamed, timed_out)
            self._wake()
        if not self.stopping:
            self._succeed(child)

    def _succeed(self, child: Child) -> None:
        """See to it that another child does the work of a dead one."""
        heirs = [other for other in self._living if other.predecessor is child]
        if child.predecessor is not None:
            self._put_off(child, child.predecessor)
        elif child.turn is Turn.RETIRES and child.process.returncode == 0:
            log.info("child %s has left", child.name)
        elif child.turn is Turn.RETIRES or heirs:
            log.error(
                "child %s ended with status %s; another one is there", child.name, child.status
            )
        else:
            self._start_anew(child)
        for heir in heirs:
            heir.predecessor = None

    def _put_off(self, child: Child, predecessor: Child) -> None:
        predecessor.turn = Turn.LEAVES
        self._pause = min(MAX_PAUSE, max(1.0, 2 * self._pause))
        self._replace_at = time.monotonic() + self._pause
        self._complain(
            f"child {predecessor.name} works on, as its successor can't start: "
            + (child.failure or f"it ended with status {child.status}")
        )

    def _start_anew(self, child: Child) -> None:
        pause = self._deaths.pause()
        if child.failure:
            log.error("child %s: %s", child.name, child.failure)
        log.error(
            "child %s ended with status %s; another one starts%s",
            child.name,
            child.status,
            f" in {pause:.0f} s" if pause else "",
        )
        self._spawn_at.append(time.monotonic() + pause)

    # -- to all of them ---------------------------------------------------------------------------

    def quiet(self) -> None:
        """Have them take no more jobs."""
        for child in self._living:
            if child.started:
                child.channel.send(quiet=True)

    def interrupt(self, bids: list[str]) -> None:
        """Have them interrupt members of these batches; called on the keeper's thread."""
        for child in self.living():
            child.interrupt(bids)

    def ask_for_stacks(self) -> None:
        """Have each write its stacks to standard error."""
        for child in self._living:
            child.ask_for_stacks()

    def stop(self, seconds: float) -> None:
        """Have them stop in good order; what still runs after `seconds` goes back to its queue."""
        self._stop_by = time.monotonic() + seconds
        for child in self._living:
            if child.started:
                child.channel.send(stop=seconds)
            else:
                child.kill()  # still importing, for however long

    def kill(self) -> None:
        """End them at once."""
        for child in self._living:
            child.kill()
            child.process.wait()
