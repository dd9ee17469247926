"""A child of the supervisor: imports the user's code and runs jobs until told to stop.

Started as `python -m outrider.worker.child TARGET CHANNEL_FD TABLE_FD SLOTS LEVEL`. It says what it
found in the target, and is told who it is. When the supervisor is gone, it stops by itself.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from typing import NoReturn

from outrider import config, logs
from outrider.app import App
from outrider.errors import OutriderError, StoreError
from outrider.worker.channel import Channel, Message
from outrider.worker.hearing import hear
from outrider.worker.ledger import Ledger
from outrider.worker.measures import Measures
from outrider.worker.order import QueueOrder
from outrider.worker.perform import Performer
from outrider.worker.pump import Fenced, Pump
from outrider.worker.runner import Runner
from outrider.worker.slots import SlotTable
from outrider.worker.stacks import stacks
from outrider.worker.target import load

log = logging.getLogger("outrider.worker")
CLEAN, BAD_TARGET, FENCED, BROKEN = 0, 3, 4, 5
ORPHAN_GRACE = 15.0
# Less than the supervisor waits for a child that should have ended.
LAST_PUSHES = 2.0
WAIT = 5.0


def main() -> NoReturn:
    """Run a child; never returns."""
    target, channel_fd, table_fd, slots = sys.argv[1], *map(int, sys.argv[2:5])
    _die_with_parent()
    # A stack dump even while a job holds the interpreter. The other signals are the supervisor's to
    # interpret, though a terminal or a service manager may send them to all; not ignored but
    # handled, since programs that a job starts would inherit the former.
    faulthandler.register(signal.SIGTTIN, all_threads=True)
    for name in ("SIGTERM", "SIGINT", "SIGTSTP"):
        signal.signal(getattr(signal, name), lambda *_: None)
    # Threads that wait for the interpreter get it within a millisecond instead of five.
    sys.setswitchinterval(0.001)
    logs.configure(sys.argv[5])
    channel = Channel(socket.socket(fileno=channel_fd))
    try:
        app = load(target)
        url = config.server_url(app.configured_url)
        if app.push_buffer is not None:  # one whose journal can't be used is no good either
            app.push_buffer.open()
    except OutriderError as error:
        channel.send(failed=str(error))
        _leave(BAD_TARGET)
    queues = sorted({job.options.queue or "default" for job in app.registry})
    channel.send(
        hello={
            "url": url,
            "prefix": app.keys.prefix,
            "timeout": app.timeout,
            "queues": queues,
        }
    )
    messages = channel.messages()
    for message in messages:
        if "start" in message:
            table = SlotTable(table_fd, slots)
            _Child(app, channel, table, slots, message["start"]).run(messages)
        if "stop" in message:
            break
    _leave(CLEAN)


class _Child:
    def __init__(
        self, app: App, channel: Channel, table: SlotTable, slots: int, start: Message
    ) -> None:
        identity, child = start["identity"], start["child"]
        weights = None if start["weights"] is None else tuple(start["weights"])
        order = QueueOrder(tuple(start["queues"]), weights)
        ledger = Ledger(app.keys, identity, child)
        self._channel = channel
        self._table = table
        self._push_buffer = app.push_buffer
        self._events = app.events
        self._asked = False
        self._stopped = threading.Event()
        self._measures = Measures(app, ledger.now)
        self._pump = Pump(
            app.executor,
            app.keys,
            identity,
            child,
            order,
            ledger,
            tell=self._tell,
            tried=table.tried,
            replace=self._ask_for_another,
            flush=self._measures.keep_up,
            max_jobs=start["max_jobs"],
        )
        performer = Performer(
            app, f"{identity}:{child}", ledger.now, table.limit, self._measures.done
        )
        self._runner = Runner(performer, slots, table, self._pump.notify)

    def run(self, messages: Iterator[Message]) -> NoReturn:
        """Pump on this thread; listen to the supervisor on another."""
        self._table.claims()
        threading.Thread(target=self._listen, args=(messages,), daemon=True).start()
        hear(self._events)
        self._channel.send(working=True)
        try:
            self._pump.run(self._runner)
        except Fenced:
            log.error("this worker's lease had lapsed: its jobs are others' now; starting afresh")
            self._measures.end()
            self._end(FENCED)
        except StoreError as error:
            log.error("%s; unfinished jobs return when the lease ends", error)
            self._end(CLEAN)
        except BaseException:
            # No thread can be started, say. Threads of the user's would keep a process that no
            # longer reports, and so its claims: nobody would ever run these jobs.
            log.exception("this child can't go on")
            self._end(BROKEN)
        self._measures.end()
        while not self._stopped.wait(WAIT):
            self._table.claims()
        self._end(CLEAN)

    def _end(self, status: int) -> NoReturn:
        if self._push_buffer is not None:
            self._push_buffer.end(LAST_PUSHES)
        _leave(status)

    def _tell(self, trouble: str) -> None:
        self._channel.send(trouble=trouble)

    def _ask_for_another(self, reason: str) -> None:
        if not self._asked:
            self._asked = True
            self._channel.send(replace=reason)

    def _listen(self, messages: Iterator[Message]) -> None:
        for message in messages:
            if "quiet" in message:
                self._pump.quiet()
            if "retire" in message:
                self._pump.retire()
                self._stopped.set()
            if "interrupt" in message:
                self._runner.interrupt(message["interrupt"])
            if "dump" in message:
                sys.stderr.write(stacks(self._runner.tasks()))
                self._channel.send(dumped=True)
            if "stop" in message:
                self._pump.stop(message["stop"])
                self._stopped.set()
        # The supervisor is gone, and with it whoever keeps the lease alive.
        self._pump.stop(ORPHAN_GRACE)
        self._stopped.set()


def _die_with_parent() -> None:
    """On Linux the kernel ends this process with its parent; elsewhere the channel's end does."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def _leave(status: int) -> NoReturn:
    # Neither threads of user code that never end, nor an output that is gone, may keep the process.
    try:
        logging.shutdown()
        sys.stdout.flush()
    finally:
        os._exit(status)


if __name__ == "__main__":
    main()
