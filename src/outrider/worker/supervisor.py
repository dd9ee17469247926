"""The supervisor: keeps children alive, keeps the lease, and never runs the user's code.

Its main thread only looks at signals and children; everything that talks to the server is on the
keeper's thread, so that neither a slow server nor a job can keep it from its work, and what may
take long is on the janitor's, so that the lease is kept.
"""

from __future__ import annotations

import contextlib
import logging
import selectors
import signal
import socket
import time
from dataclasses import replace
from functools import partial
from types import FrameType

from outrider import config
from outrider.errors import ConfigError, StoreError
from outrider.io import Address, Executor
from outrider.keys import Keys
from outrider.store import process
from outrider.words import count
from outrider.worker.audit import Audit
from outrider.worker.boot import check_server
from outrider.worker.channel import Message
from outrider.worker.children import LOOK, Children
from outrider.worker.crew import Child
from outrider.worker.handover import Handover
from outrider.worker.health import Health
from outrider.worker.heart import Heart
from outrider.worker.keeping import SLICE, Canceller, Drain, Keeper, Loop, Scheduler, exhaust
from outrider.worker.limits import Limits
from outrider.worker.operating import Operator
from outrider.worker.options import WorkerOptions
from outrider.worker.order import QueueOrder
from outrider.worker.reach import Reach
from outrider.worker.relief import Relief
from outrider.worker.sampling import Sampler
from outrider.worker.vitals import Pulse, Vitals

log = logging.getLogger("outrider.worker")
STOPS = frozenset((signal.SIGTERM, signal.SIGINT))
# For how many seconds, after its children have ended, a worker waits for a server that is away.
LEAVE = 3.0


class Supervisor:
    """Runs one worker from start to orderly stop."""

    def __init__(self, options: WorkerOptions) -> None:
        self._options = options
        self._pending: list[int] = []
        self._selector = selectors.DefaultSelector()
        self._limits = Limits(options.max_memory)
        self._reach = Reach()
        self._children = Children(options, self._limits, self._reach, self._selector)
        self._vitals = Vitals(self._children.living)
        self._wake, wake_end = socket.socketpair()
        self._wake_end = wake_end

    def run(self) -> None:
        """Work until stopped. Raises ConfigError, ServerUnfit or StoreError when it can't begin."""
        self._listen_to_signals()
        self._show_health()
        try:
            first = self._children.spawn()
        except OSError as error:
            raise ConfigError(f"no child can be started: {error}") from error
        try:
            hello = self._first_words(first)
            if hello is None:
                self._children.kill()
                return
            self._limits.check_fresh(first)
            self._connect(hello)
            self._set_up()
        except BaseException:
            self._children.kill()
            raise
        self._children.begin(self._handover, partial(self._keeper.wake, self._handover))
        self._keeper.start()
        self._janitor.start()
        self._vitals.resting = ""
        try:
            while self._children.living() or not self._children.stopping:
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

    def _show_health(self) -> None:
        if self._options.health is not None:
            health = Health(*self._options.health, self._vitals.judge)
            health.start()
            log.info("health: http://%s/live and /ready", health.address)

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
            spoke = [key.data for key, _ in self._selector.select(LOOK) if key.data is not None]
            self._clear_wake()
            self._vitals.sign("supervisor")
            self._children.tell_of_slow_imports()
            # What the target has started may keep the channel of a dead child open.
            silence: list[Message] | None = None if child.dead else []
            messages = child.channel.receive() if spoke else silence
        if STOPS.intersection(self._pending):
            return None
        status = child.process.wait()
        raise ConfigError(f"importing {self._options.target} ended the process (status {status})")

    def _connect(self, hello: Message) -> None:
        url = hello["url"]
        if url == config.EMBEDDED:
            from outrider.embedded import shared_url

            url = shared_url()
        self._order = self._options.order or QueueOrder.equal(hello["queues"] or ["default"])
        self._keys = Keys(hello["prefix"])
        timeout = hello["timeout"]
        self._vitals.allow(timeout)
        self._executor = Executor(Address(url, timeout), timeout)
        allow_eviction = self._options.allow_eviction
        check_server(self._executor, self._keys, self._order.names, allow_eviction=allow_eviction)

    def _set_up(self) -> None:
        options = self._options
        slots = options.concurrency * options.processes
        self._heart = Heart(self._executor, self._keys, self._order, slots, self._children.living)
        self._heart.tick()
        identity, now = self._heart.identity, self._heart.now
        self._handover = Handover(self._executor, self._keys, identity, now, self._let_in)
        loops: list[Loop] = [
            self._heart,
            Pulse(self._vitals, self._heart),
            self._handover,
            Relief(self._executor, self._keys, identity, self._children.living),
            Scheduler(
                self._executor,
                self._keys,
                identity,
                now,
                self._children.interrupt,
                self._take_over,
                self._operate,
            ),
        ]
        if options.drain:
            queues = self._order.names
            loops.append(Drain(self._executor, self._keys, queues, now, self._drained))
        self._keeper = Keeper(loops, self._reach)
        self._canceller = Canceller(self._executor, self._keys)
        audit = Audit(self._executor, self._keys, identity, now)
        sampler = Sampler(self._executor, self._keys, now)
        self._operator = Operator(self._executor, self._keys, identity, now)
        slow: list[Loop] = [audit, sampler, self._canceller, self._operator]
        self._janitor = Keeper(slow, self._reach, "outrider-janitor", told_at=2)
        log.info(
            "worker %s serves %s on queues %s: %s in %s",
            *(identity, options.target, " ".join(self._order.names)),
            *(count(slots, "slot"), count(options.processes, "process", "processes")),
        )

    def _let_in(self, child: Child) -> None:
        weights = None if self._order.weights is None else list(self._order.weights)
        names = list(self._order.names)
        child.start(self._heart.identity, names, weights, self._options.max_jobs)
        if self._heart.quiet:
            child.channel.send(quiet=True)

    def _take_over(self, bids: list[str]) -> None:
        self._canceller.add(bids)
        self._janitor.wake(self._canceller)

    def _operate(self, ids: list[str]) -> None:
        self._operator.add(ids)
        self._janitor.wake(self._operator)

    # -- one look ---------------------------------------------------------------------------------

    def _look(self) -> None:
        for key, _ in self._selector.select(self._children.patience()):
            if key.data is None:
                self._clear_wake()
            else:
                self._children.hear(key.data)
        self._vitals.sign("supervisor")
        while self._pending:
            self._signal(self._pending.pop(0))
        self._children.look()

    def _clear_wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._wake.recv(4096)

    def _signal(self, number: int) -> None:
        if number in STOPS:
            self.stop(0.0 if self._children.stopping else self._options.timeout)
        elif number == signal.SIGTSTP:
            log.info("quiet: no new jobs are taken")
            self._heart.quiet = True
            self._vitals.resting = "it is quiet, and takes no new jobs"
            self._keeper.wake(self._heart)
            self._children.quiet()
        elif number == signal.SIGTTIN:
            self._children.ask_for_stacks()

    # -- ending -----------------------------------------------------------------------------------

    def stop(self, seconds: float) -> None:
        """Stop in good order; what still runs after `seconds` goes back to its queue."""
        log.info("stopping: running jobs have %g s", seconds)
        self._vitals.resting = "it stops"
        self._children.stop(seconds)

    def _drained(self) -> None:
        log.info("drained: nothing is left to do")
        self._pending.append(signal.SIGTERM)
        with contextlib.suppress(OSError):
            self._wake_end.send(b"\0")

    def _leave(self) -> None:
        self._children.kill()
        keepers = (self._keeper, self._janitor)
        for keeper in keepers:
            keeper.stop()
        deadline = time.monotonic() + LEAVE
        for keeper in keepers:
            keeper.join(deadline)
        try:
            call = process.farewell(self._keys, identity=self._heart.identity, limit=SLICE)
            exhaust(self._executor, replace(call, patience=LEAVE))
        except StoreError as error:
            log.error("%s; what this worker held returns when its lease ends", error)
        log.info("stopped")
        for number in STOPS:  # the interpreter's last act is to let signals end it again
            signal.signal(number, signal.SIG_IGN)
