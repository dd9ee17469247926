"""Entries in a file (SQLite): they survive this process, and several processes may share it."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from typing import Any

from outrider import clock
from outrider.buffer.entry import Entry, first_group, jids
from outrider.buffer.file import connect, transaction, value
from outrider.buffer.right import Right
from outrider.buffer.settings import PushBuffer
from outrider.buffer.store import CannotKeep, Counts, RefusedPush, check
from outrider.errors import ConfigError
from outrider.script import Ticket

_FIRST = "SELECT requests, jobs, is_push, lane, number, digest, id FROM pushes ORDER BY id"


class Journal:
    """A Store in a file. Opened at first use; raises ConfigError when it can't be, or is not ours.

    Every entry is on the disk before `put` returns. Whoever holds the right to send (`Right`) is
    the only one that fixes and removes.
    """

    def __init__(self, settings: PushBuffer, prefix: str) -> None:
        assert settings.journal is not None
        self._settings = settings
        # By whatever name: there is one lock beside it.
        self._path = os.path.realpath(settings.journal)
        self._prefix = prefix
        self._right = Right(f"{self._path}.lock")
        self._begin()

    def _begin(self) -> None:
        self.lock = threading.RLock()
        self._producer = os.urandom(8).hex()
        self._opened: sqlite3.Connection | None = None
        # What is kept and must go before anything of ours: what was there, and what we have put.
        self._before = 0
        self._waits = False

    def close(self) -> None:
        """Close the file; it is opened again at need."""
        with self.lock:
            if self._opened is not None:
                self._opened.close()
                self._opened = None

    def after_fork(self) -> None:
        """In the child: be another producer, and no sender."""
        self._right.give_up()
        self._begin()

    # -- the file ---------------------------------------------------------------------------------

    def _open(self) -> sqlite3.Connection:
        if self._opened is None:
            self._opened = connect(self._path, self._prefix)
            newest = value(self._opened, "SELECT max(id) FROM pushes")
            self._before, self._waits = newest or 0, newest is not None
        return self._opened

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self.lock:
            try:
                yield self._open()
            except (sqlite3.Error, OSError) as error:
                raise ConfigError(
                    f"the push journal {self._path} can't be used: {error}"
                ) from error

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self.lock:
            database = self._open()
            with transaction(database):
                yield database

    # -- what is kept -----------------------------------------------------------------------------

    def put(self, entry: Entry) -> None:
        """Take an entry, or raise CannotKeep and take nothing."""
        try:
            with self._writing() as database:
                check(self._settings, _counts(database), entry.jobs, entry.size)
                _insert(database, self._producer, entry)
                _count(database, jobs=entry.jobs, bytes=entry.size, spilled=entry.jobs)
                self._waits = True
        except (sqlite3.Error, OSError) as error:
            raise CannotKeep(f"the journal {self._path} can't be written: {error}") from error

    def holds(self) -> bool:
        """Whether what this process pushes next has to wait for what is kept."""
        with self._reading() as database:
            if self._waits:
                query = (
                    "SELECT EXISTS (SELECT 1 FROM pushes WHERE producer = ?) "
                    "OR EXISTS (SELECT 1 FROM pushes WHERE id <= ?)"
                )
                # What can't be read may hold something: `put` will say what is wrong.
                with contextlib.suppress(sqlite3.Error):
                    self._waits = bool(value(database, query, self._producer, self._before))
            return self._waits

    def is_empty(self) -> bool:
        """Whether nothing is kept, of whichever process."""
        with self._reading() as database:
            return not value(database, "SELECT EXISTS (SELECT 1 FROM pushes)")

    def lead(self) -> bool:
        """Become the one that sends, among all processes; whether that succeeded."""
        return self._right.take()

    def follow(self) -> None:
        """Leave the sending to others."""
        self._right.give_up()

    def head(self) -> list[Entry]:
        """The first entries, as many as go in one request."""
        with self._reading() as database:
            rows = database.execute(_FIRST)
            try:
                return first_group(_entry(row) for row in rows)
            finally:
                rows.close()

    def fix(self, group: list[Entry], ticket: Ticket) -> None:
        """Note, on the disk, that these are sent together with this ticket."""
        with self._writing() as database:
            database.executemany(
                "UPDATE pushes SET lane = ?, number = ?, digest = ? WHERE id = ?",
                [(*ticket, entry.id) for entry in group],
            )

    def remove(self, group: list[Entry]) -> None:
        """Forget the first entries, which have been sent."""
        with self._writing() as database:
            _delete(database, group)
            _count(database, sent=sum(entry.jobs for entry in group))

    # -- what was put aside -----------------------------------------------------------------------

    def refuse(self, group: list[Entry], reason: str) -> None:
        """Put the first entries aside."""
        with self._writing() as database:
            for one in group:
                why = (reason, clock.now(), json.dumps(jids([one])))
                database.execute(
                    "INSERT INTO refused VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (one.id, *why, one.requests, one.jobs, one.is_push),
                )
            _delete(database, group)
            _count(database, refused=sum(entry.jobs for entry in group))

    def refused(self) -> list[RefusedPush]:
        """What was put aside, the oldest first."""
        with self._reading() as database:
            rows = database.execute("SELECT reason, at, jids FROM refused ORDER BY id")
            return [RefusedPush(reason, at, json.loads(ids)) for reason, at, ids in rows]

    def retry_refused(self) -> int:
        """Keep again what was put aside, behind all else; how many jobs."""
        with self._writing() as database:
            rows = database.execute("SELECT requests, jobs, is_push FROM refused ORDER BY id")
            entries = [Entry(requests, jobs, bool(is_push)) for requests, jobs, is_push in rows]
            for entry in entries:
                _insert(database, self._producer, entry)
                _count(database, jobs=entry.jobs, bytes=entry.size, refused=-entry.jobs)
            database.execute("DELETE FROM refused")
            self._waits = self._waits or bool(entries)
        return sum(entry.jobs for entry in entries)

    def counts(self) -> Counts:
        """What is kept, and has been, of all processes."""
        with self._reading() as database:
            return _counts(database)

    def clear(self) -> None:
        """Forget all that is kept."""
        with self._writing() as database:
            database.execute("DELETE FROM pushes")
            database.execute("UPDATE counts SET jobs = 0, bytes = 0")


def _insert(database: sqlite3.Connection, producer: str, entry: Entry) -> None:
    database.execute(
        "INSERT INTO pushes (producer, requests, jobs, is_push, lane, number, digest) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (producer, entry.requests, entry.jobs, entry.is_push)
        + (entry.ticket or (None, None, None)),
    )


def _delete(database: sqlite3.Connection, group: Iterable[Entry]) -> None:
    for entry in group:
        gone = database.execute("DELETE FROM pushes WHERE id = ?", (entry.id,)).rowcount
        if gone:
            _count(database, jobs=-entry.jobs, bytes=-entry.size)


def _count(database: sqlite3.Connection, **by: int) -> None:
    database.execute(
        "UPDATE counts SET jobs = jobs + :jobs, bytes = bytes + :bytes, "
        "spilled = spilled + :spilled, sent = sent + :sent, refused = refused + :refused",
        dict.fromkeys(Counts._fields, 0) | by,
    )


def _counts(database: sqlite3.Connection) -> Counts:
    return Counts(
        *database.execute("SELECT jobs, bytes, spilled, sent, refused FROM counts").fetchone()
    )


def _entry(row: tuple[Any, ...]) -> Entry:
    requests, jobs, is_push, lane, number, digest, id_ = row
    ticket = None if lane is None else Ticket(lane, number, digest)
    return Entry(requests, jobs, bool(is_push), ticket, id_)
