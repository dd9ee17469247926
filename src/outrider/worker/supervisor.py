"""The supervisor: keeps children alive, keeps the lease, and never runs the user's code.

Its main thread only looks at signals and children; everything that talks to the server is on the
keeper's thread, so that neither a slow server nor a job can keep it from its work, and what may
take long is on the janitor's, so that the lease is kept.
"""

from __future__ import annotations

import contextlib
import logging
import math
import selectors
import signal
import socket
import time
from dataclasses import dataclass
from types import FrameType

from outrider import config
from outrider.errors import ConfigError, StoreError
from outrider.io import Address, Executor
from outrider.keys import Keys
from outrider.store import process
from outrider.worker.audit import Audit
from outrider.worker.channel import Message
from outrider.worker.crew import Child, Deaths
from outrider.worker.handover import Handover
from outrider.worker.heart import Heart
from outrider.worker.keeping import SLICE, Canceller, Drain, Keeper, Loop, Scheduler
from outrider.worker.order import QueueOrder
from outrider.worker.relief import Relief

log = logging.getLogger("outrider.worker")
KILL_GRACE = 5.0
STOPS = frozenset((signal.SIGTERM, signal.SIGINT))


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """What `outrider worker` was asked for. `timeout` in seconds; `order` None: all queues."""

    target: str
    order: QueueOrder | None = None
    concurrency: int = 10
    processes: int = 1
    timeout: float = 25.0
    drain: bool = False
    log_level: str = "info"


class Supervisor:
    """Runs one worker from start to orderly stop."""

    def __init__(self, options: WorkerOptions) -> None:
        self._options = options
        self._children: list[Child] = []
        self._number = 0
        self._deaths = Deaths()
        self._spawn_at: list[float] = []
        self._stop_by: float | None = None
        self._pending: list[int] = []
        self._selector = selectors.DefaultSelector()
        self._wake, wake_end = socket.socketpair()
        self._wake_end = wake_end

    def run(self) -> None:
        """Work until stopped. Raises ConfigError or StoreUnavailable when it can't begin."""
        self._listen_to_signals()
        first = self._spawn()
        try:
            hello = self._first_words(first)
            if hello is None:
                self._kill_all()
                return
            self._set_up(hello)
        except BaseException:
            self._kill_all()
            raise
        self._handover.welcome(first)
        for _ in range(self._options.processes - 1):
            self._spawn()
        self._keeper.start()
        self._janitor.start()
        try:
            while self._children or (self._stop_by is None):
                self._look()
        finally:
            self._leave()

    # -- beginning --------------------------------------------------------------------------------

    def _listen_to_signals(self) -> None:
        def note(number: int, _: FrameType | None) -> None:
            self._pending.append(number)

        for name in ("SIGTERM", "SIGINT", "SIGTSTP", "SIGTTIN", "SIGCHLD"):
            signal.signal(getattr(signal, name), note)
        self._wake_end.setblocking(False)
        signal.set_wakeup_fd(self._wake_end.fileno(), warn_on_full_buffer=False)
        self._wake.setblocking(False)
        self._selector.register(self._wake, selectors.EVENT_READ)

    def _first_words(self, child: Child) -> Message | None:
        """What the first child found in the target, ConfigError if that is no good.

        None when a signal to stop comes first: an import may take its time.
        """
        messages: list[Message] | None = []
        while messages is not None and not STOPS.intersection(self._pending):
            for message in messages:
                if "hello" in message:
                    return dict(message["hello"])
                if "failed" in message:
                    raise ConfigError(message["failed"])
            spoke = [key.data for key, _ in self._selector.select() if key.data is not None]
            self._clear_wake()
            messages = child.channel.receive() if spoke else []
        if STOPS.intersection(self._pending):
            return None
        status = child.process.wait()
        raise ConfigError(f"importing {self._options.target} ended the process (status {status})")

    def _set_up(self, hello: Message) -> None:
        options = self._options
        url = hello["url"]
        if url == config.EMBEDDED:
            from outrider.embedded import shared_url

            url = shared_url()
        self._order = options.order or QueueOrder.equal(hello["queues"] or ["default"])
        self._keys = Keys(hello["prefix"])
        timeout = hello["timeout"]
        self._executor = Executor(Address(url, timeout), timeout)
        slots = options.concurrency * options.processes
        self._heart = Heart(
            self._executor, self._keys, self._order, slots, lambda: list(self._children)
        )
        self._heart.tick()
        identity, now = self._heart.identity, self._heart.now
        self._handover = Handover(self._executor, self._keys, identity, self._let_in)
        loops: list[Loop] = [
            self._heart,
            self._handover,
            Relief(self._executor, self._keys, identity, lambda: list(self._children)),
            Scheduler(self._executor, self._keys, identity, now, self._interrupt, self._take_over),
        ]
        if options.drain:
            queues = self._order.names
            loops.append(Drain(self._executor, self._keys, queues, now, self._drained))
        self._keeper = Keeper(loops)
        self._canceller = Canceller(self._executor, self._keys)
        audit = Audit(self._executor, self._keys, identity, now)
        self._janitor = Keeper([audit, self._canceller], "outrider-janitor")
        log.info(
            "worker %s serves %s on queues %s: %d slots in %d processes",
            self._heart.identity,
            options.target,
            " ".join(self._order.names),
            slots,
            options.processes,
        )

    def _spawn(self) -> Child:
        self._number += 1
        options = self._options
        child = Child(self._number, options.target, options.concurrency, options.log_level)
        self._children.append(child)
        self._selector.register(child.channel.socket, selectors.EVENT_READ, child)
        return child

    def _let_in(self, child: Child) -> None:
        weights = None if self._order.weights is None else list(self._order.weights)
        child.start(self._heart.identity, list(self._order.names), weights)
        if self._heart.quiet:
            child.channel.send(quiet=True)

    def _interrupt(self, bids: list[str]) -> None:
        for child in list(self._children):
            child.interrupt(bids)

    def _take_over(self, bids: list[str]) -> None:
        self._canceller.add(bids)
        self._janitor.wake(self._canceller)

    # -- one look ---------------------------------------------------------------------------------

    def _look(self) -> None:
        for key, _ in self._selector.select(self._patience()):
            if key.data is None:
                self._clear_wake()
            else:
                self._hear(key.data)
        while self._pending:
            self._signal(self._pending.pop(0))
        for child in [child for child in self._children if child.dead]:
            self._bury(child)
        now = time.monotonic()
        for child in self._children:
            if child.stacks_by <= now:
                child.force_stacks()
        if self._stop_by is None:
            due = [at for at in self._spawn_at if at <= now]
            self._spawn_at = [at for at in self._spawn_at if at > now]
            for _ in due:
                self._spawn()
        elif now > self._stop_by + KILL_GRACE:
            log.error("%d children do not end by themselves: killing them", len(self._children))
            self._kill_all()

    def _clear_wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._wake.recv(4096)

    def _patience(self) -> float:
        times = [child.stacks_by for child in self._children]
        times += self._spawn_at if self._stop_by is None else [self._stop_by + KILL_GRACE]
        return max(0.0, min([60.0, *(at - time.monotonic() for at in times)]))

    def _hear(self, child: Child) -> None:
        messages = child.channel.receive()
        if messages is None:
            # Its end is noticed by its status; an ended stream would wake us for ever.
            self._selector.unregister(child.channel.socket)
            return
        for message in messages:
            if "hello" in message:
                self._handover.welcome(child)
                self._keeper.wake(self._handover)
            if "failed" in message:
                log.error("child %s: %s", child.name, message["failed"])
            if "dumped" in message:
                child.stacks_by = math.inf

    def _signal(self, number: int) -> None:
        if number in STOPS:
            self.stop(self._options.timeout if self._stop_by is None else 0.0)
        elif number == signal.SIGTSTP:
            log.info("quiet: no new jobs are taken")
            self._heart.quiet = True
            for child in self._children:
                child.channel.send(quiet=True)
        elif number == signal.SIGTTIN:
            for child in self._children:
                child.ask_for_stacks()

    def _bury(self, child: Child) -> None:
        self._children.remove(child)
        with contextlib.suppress(KeyError):
            self._selector.unregister(child.channel.socket)
        child.close()
        if self._stop_by is not None:
            return
        self._handover.bury(child)
        self._keeper.wake(self._handover)
        pause = self._deaths.pause()
        log.error(
            "child %s ended with status %s; another one starts%s",
            child.name,
            child.process.returncode,
            f" in {pause:.0f} s" if pause else "",
        )
        self._spawn_at.append(time.monotonic() + pause)

    # -- ending -----------------------------------------------------------------------------------

    def stop(self, seconds: float) -> None:
        """Stop in good order; what still runs after `seconds` goes back to its queue."""
        log.info("stopping: running jobs have %g s", seconds)
        self._stop_by = time.monotonic() + seconds
        for child in self._children:
            if child.started:
                child.channel.send(stop=seconds)
            else:
                child.process.kill()  # still importing, for however long

    def _drained(self) -> None:
        log.info("drained: nothing is left to do")
        self._pending.append(signal.SIGTERM)
        with contextlib.suppress(OSError):
            self._wake_end.send(b"\0")

    def _leave(self) -> None:
        self._kill_all()
        self._keeper.stop()
        self._janitor.stop()
        try:
            moved = SLICE
            while moved == SLICE:
                call = process.farewell(self._keys, identity=self._heart.identity, limit=SLICE)
                moved = self._executor.run(call)
        except StoreError as error:
            log.error("%s; what this worker held returns when its lease ends", error)
        log.info("stopped")

    def _kill_all(self) -> None:
        for child in self._children:
            child.kill()
