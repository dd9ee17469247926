"""Sends what is kept; a crash at any moment neither drops nor doubles it."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

from outrider.buffer import entry as entries
from outrider.buffer.entry import Entry, Unreadable
from outrider.buffer.store import Store
from outrider.errors import StoreError
from outrider.io import Executor
from outrider.io.exchange import Lane, take_ticket
from outrider.keys import Keys
from outrider.script import Call
from outrider.store import batch

log = logging.getLogger("outrider.buffer")
DONE = 1
# Refusals that come of the request itself. Others (a full server, a password that is not right yet)
# may pass: what is kept waits for that.
FINAL = ("WRONGTYPE", "ERR")


class Sender:
    """Sends the entries of a store, one group after the other."""

    def __init__(self, store: Store, keys: Keys, executor: Executor) -> None:
        self._store = store
        self._keys = keys
        self._executor = executor
        self._lane = Lane()

    def send_first(self) -> None:
        """Send the first group, and forget it, or put it aside when it will never be taken.

        Raises StoreUnavailable and other StoreErrors that may pass: then it is still kept.
        """
        group = self._store.head()
        if not group:
            return
        try:
            answer = self._send(group)
        except Unreadable as error:
            self._refuse(group, str(error))
        except StoreError as error:
            if error.code not in FINAL:
                raise
            if len(group) == 1:
                self._refuse(group, str(error))
            else:
                self._part(group)
        else:
            if answer == DONE:
                self._store.remove(group)
            elif answer != batch.LAPSED:
                self._refuse(group, f"the server answered {answer}")

    def _send(self, group: list[Entry]) -> int:
        """What the server says to the last request of a group, whose ticket is noted before.

        Where it has been sent before, it alone is asked for again; only when the server has not
        executed it, and has forgotten what was staged for it, all begins anew.
        """
        ticket = group[0].ticket
        if ticket is not None:
            last = entries.calls(self._keys, group, _salt(ticket.lane, ticket.number))[-1]
            answer = self._ask(replace(last, ticket=ticket))
            if answer != batch.LAPSED:
                return answer
        # A number of its own for each attempt: what an earlier one has staged is not met again.
        self._lane.number += 1
        salt = _salt(self._lane.name, self._lane.number + 1)
        *ahead, last = entries.calls(self._keys, group, salt)
        for call in ahead:
            self._ask(call)
        ticket = take_ticket(last, self._lane)
        self._store.fix(group, ticket)
        return self._ask(replace(last, ticket=ticket))

    def _ask(self, call: Call[Any]) -> int:
        # One attempt: when there is to be another one is the buffer's affair.
        answer = self._executor.run(replace(call, patience=0.0))
        return int(answer.answer if isinstance(answer, batch.Committed) else answer)

    def _part(self, group: list[Entry]) -> None:
        """Have each of a group that was refused, so that nothing was executed, go alone."""
        # Where this ends half-way, what is left has its place on the old lane still.
        lane = Lane()
        for one in group:
            (call,) = entries.calls(self._keys, [one], "")
            self._store.fix([one], take_ticket(call, lane))

    def _refuse(self, group: list[Entry], reason: str) -> None:
        self._store.refuse(group, reason)
        log.error(
            "the server will never take these kept jobs, they are put aside (%s): %s",
            reason,
            ", ".join(entries.jids(group)),
        )


def _salt(lane: str, number: int) -> str:
    return f"{lane}:{number}"
