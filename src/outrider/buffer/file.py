"""The file of a journal: how it is made, and what is checked before it is used."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from typing import Any

from outrider.errors import ConfigError

# "OUTR": what is written into the file's header, so that no other database is taken for a journal.
APPLICATION = 0x4F555452
LAYOUT = 1
BUSY = 5.0

_SCHEMA = """
CREATE TABLE app (prefix TEXT NOT NULL);
CREATE TABLE pushes (
    id INTEGER PRIMARY KEY AUTOINCREMENT, producer TEXT NOT NULL, requests BLOB NOT NULL,
    jobs INTEGER NOT NULL, is_push INTEGER NOT NULL, lane TEXT, number INTEGER, digest TEXT
);
CREATE INDEX producers ON pushes (producer);
CREATE TABLE refused (
    id INTEGER PRIMARY KEY, reason TEXT NOT NULL, at REAL NOT NULL, jids TEXT NOT NULL,
    requests BLOB NOT NULL, jobs INTEGER NOT NULL, is_push INTEGER NOT NULL
);
CREATE TABLE counts (
    jobs INTEGER NOT NULL, bytes INTEGER NOT NULL, spilled INTEGER NOT NULL,
    sent INTEGER NOT NULL, refused INTEGER NOT NULL
);
INSERT INTO counts VALUES (0, 0, 0, 0, 0);
"""


def connect(path: str, prefix: str) -> sqlite3.Connection:
    """Open the journal of an app, or make it; ConfigError when the file is another's or damaged."""
    # Arguments may be secrets: nobody else may read them. To open and close a file that is there
    # would take from other connections of this process the locks that they hold on it.
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    database = sqlite3.connect(path, timeout=BUSY, isolation_level=None, check_same_thread=False)
    try:
        _check(database, path, prefix)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        with transaction(database):
            if not _check(database, path, prefix):
                for statement in _SCHEMA.split(";"):
                    database.execute(statement)
                database.execute(f"PRAGMA application_id = {APPLICATION}")
                database.execute(f"PRAGMA user_version = {LAYOUT}")
                database.execute("INSERT INTO app VALUES (?)", (prefix,))
        _examine(database, path)
    except BaseException:
        database.close()
        raise
    return database


def _check(database: sqlite3.Connection, path: str, prefix: str) -> bool:
    """Whether the file is the journal of this app; False for an empty one."""
    if not value(database, "SELECT count(*) FROM sqlite_master"):
        return False
    if value(database, "PRAGMA application_id") != APPLICATION:
        raise ConfigError(f"{path} is some other database, no push journal")
    layout = value(database, "PRAGMA user_version")
    if layout > LAYOUT:
        raise ConfigError(
            f"the push journal {path} has layout {layout}, and this release of Outrider "
            f"knows {LAYOUT}: send what it holds with the newer one"
        )
    owner = value(database, "SELECT prefix FROM app")
    if owner != prefix:
        raise ConfigError(
            f"the push journal {path} belongs to the app with prefix {owner!r}, and "
            f"this one has {prefix!r}: give each app a journal of its own"
        )
    return True


def _examine(database: sqlite3.Connection, path: str) -> None:
    damage = value(database, "PRAGMA quick_check(1)")
    if damage != "ok":
        raise ConfigError(f"the push journal {path} is damaged: {damage}")


@contextlib.contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[None]:
    """All of it is on the disk at the end, or nothing."""
    is_inner = database.in_transaction
    if is_inner:
        raise sqlite3.OperationalError("a signal has come while another push was written")
    try:
        # It may wait for long, and a signal that comes meanwhile is raised when it has begun.
        database.execute("BEGIN IMMEDIATE")
        yield
        database.execute("COMMIT")
    except BaseException:
        # Some errors, such as a full disk, have rolled it back already, or never let it begin.
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise


def value(database: sqlite3.Connection, query: str, *values: Any) -> Any:
    """The first value of a query's first row."""
    return database.execute(query, values).fetchone()[0]
