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

from outrider.worker.crew import Child, Deaths
from outrider.worker.handover import Handover
from outrider.worker.options import WorkerOptions

log = logging.getLogger("outrider.worker")
KILL_GRACE = 5.0


class Children:
    """Keeps as many children alive as were asked for, until `stop`."""

    def __init__(self, options: WorkerOptions, selector: selectors.BaseSelector) -> None:
        self._options = options
        self._selector = selector
        self._living: list[Child] = []
        self._number = 0
        self._deaths = Deaths()
        self._spawn_at: list[float] = []
        self._stop_by: float | None = None

    def begin(self, handover: Handover, wake: Callable[[], None]) -> None:
        """Start the others and go on, once the first child has said what the target is.

        `wake` is called when there is something to hand over.
        """
        self._handover = handover
        self._wake = wake
        for child in self._living:
            handover.welcome(child)
        for _ in range(self._options.processes - 1):
            self.spawn()

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
                self._handover.welcome(child)
                self._wake()
            if "failed" in message:
                log.error("child %s: %s", child.name, message["failed"])
            if "dumped" in message:
                child.stacks_by = math.inf

    def look(self) -> None:
        """Do what is due: bury the dead, start their successors, force what was asked for."""
        for child in [child for child in self._living if child.dead]:
            self._bury(child)
        now = time.monotonic()
        for child in self._living:
            if child.stacks_by <= now:
                child.force_stacks()
        if self._stop_by is None:
            due = [at for at in self._spawn_at if at <= now]
            self._spawn_at = [at for at in self._spawn_at if at > now]
            for _ in due:
                self.spawn()
        elif now > self._stop_by + KILL_GRACE:
            log.error("%d children do not end by themselves: killing them", len(self._living))
            self.kill()

    def patience(self) -> float:
        """Seconds until the next look is due, if nothing happens."""
        times = [child.stacks_by for child in self._living]
        times += self._spawn_at if self._stop_by is None else [self._stop_by + KILL_GRACE]
        return max(0.0, min([60.0, *(at - time.monotonic() for at in times)]))

    def _bury(self, child: Child) -> None:
        self._living.remove(child)
        with contextlib.suppress(KeyError):
            self._selector.unregister(child.channel.socket)
        child.close()
        if self.stopping:
            return
        self._handover.bury(child)
        self._wake()
        pause = self._deaths.pause()
        log.error(
            "child %s ended with status %s; another one starts%s",
            child.name,
            child.process.returncode,
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
                child.process.kill()  # still importing, for however long

    def kill(self) -> None:
        """End them at once."""
        for child in self._living:
            child.kill()
