"""A journal on disk: what survives, whose it is, and what is said when it can't be used."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from outrider import App, ConfigError, PushBuffer, PushBufferFull, StoreUnavailable
from outrider.buffer.entry import Entry
from outrider.buffer.file import transaction
from outrider.buffer.journal import Journal
from tests.app.outage import Outage, buffer_of, job_of, numbers, sent, until


@pytest.fixture
def outage(app: App, tmp_path: Path) -> Iterator[Outage]:
    """With a journal."""
    one = Outage(app, tmp_path, is_journal=True)
    yield one
    one.close()


def test_the_next_process_sends_what_was_kept(outage: Outage) -> None:
    """What it pushes itself goes behind."""
    before = outage.producer()
    outage.line.down()
    job_of(before).enqueue_many([(1,), (2,)])
    outage.abandon(before)
    after = outage.producer()
    job_of(after).enqueue(3)
    assert numbers(outage.app) == []
    outage.abandon(after)
    outage.line.up()
    last = outage.producer()
    job_of(last).enqueue(4)
    sent(last)
    assert numbers(outage.app) == [1, 2, 3, 4]
    assert (buffer_of(last).spilled, buffer_of(last).sent) == (4, 4)


def test_any_first_request_starts_it(outage: Outage) -> None:
    """What was kept by a process before does not wait for the next push."""
    before = outage.producer()
    outage.line.down()
    job_of(before).enqueue(1)
    outage.abandon(before)
    outage.line.up()
    assert outage.producer().queues["low"].size == 0
    until(lambda: numbers(outage.app) == [1])


def test_one_sends_at_a_time(outage: Outage) -> None:
    """As long as one has the right, others have not; then the next one has."""
    outage.line.down()
    one, other = outage.producer(), outage.producer()
    job_of(one).enqueue(1)
    until(lambda: buffer_of(one)._lead())
    assert not buffer_of(other)._lead()
    outage.abandon(one)
    until(lambda: buffer_of(other)._lead())


def test_a_crash_between_sending_and_forgetting(outage: Outage) -> None:
    """What is sent together has its ticket on the disk before: the next process repeats it."""
    before = outage.producer()
    outage.line.down()
    for number in range(5):
        job_of(before).enqueue(number)
    store = buffer_of(before)._store

    def crash(group: list[Entry]) -> None:
        raise OSError(str(len(group)))

    store.remove = crash  # type: ignore[method-assign]
    outage.line.up()
    until(lambda: numbers(outage.app))
    outage.abandon(before)
    after = outage.producer()
    job_of(after).enqueue(5)
    sent(after)
    assert numbers(outage.app) == [0, 1, 2, 3, 4, 5]


def test_a_crash_between_noting_and_sending(outage: Outage) -> None:
    """What was only noted is sent by the next process, the same jobs together."""
    before = outage.producer()
    outage.line.down()
    for number in range(3):
        job_of(before).enqueue(number)
    store = buffer_of(before)._store
    fix = store.fix

    def crash(group: list[Entry], ticket: object) -> None:
        fix(group, ticket)  # type: ignore[arg-type]
        outage.abandon(before)
        raise OSError("killed")

    store.fix = crash  # type: ignore[method-assign]
    outage.line.up()
    until(lambda: not buffer_of(before)._lead())
    after = outage.producer()
    job_of(after).enqueue(3)
    sent(after)
    assert numbers(outage.app) == [0, 1, 2, 3]


def test_many_senders_at_once(outage: Outage) -> None:
    """Several apps on one journal, here in one process: one sends at a time, nothing is doubled."""
    outage.line.down()
    producers = [outage.producer() for _ in range(4)]
    for number in range(200):
        job_of(producers[number % 4]).enqueue(number)
    outage.line.up()
    for one in producers:
        sent(one)
    assert sorted(numbers(outage.app)) == list(range(200))
    for place in range(4):
        assert [one for one in numbers(outage.app) if one % 4 == place] == list(
            range(place, 200, 4)
        )


def test_nobody_else_may_read_it(outage: Outage) -> None:
    """Arguments may be secrets."""
    job_of(outage.producer()).enqueue(1)
    assert outage.journal is not None
    found = list(outage.journal.parent.glob("journal*"))
    assert found
    assert [stat.S_IMODE(path.stat().st_mode) for path in found] == [0o600] * len(found)


def text(path: Path) -> None:
    path.write_text("no database at all, but a text of some length " * 100)


def another_database(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE users (name TEXT)")
    database.close()


def make_journal(app: App) -> None:
    store = buffer_of(app)._store
    assert store.is_empty()
    store.close()


def another_app(path: Path) -> None:
    make_journal(App("unix:///x", prefix="shop:", push_buffer=path))


def newer(path: Path) -> None:
    make_journal(App("unix:///x", push_buffer=path))
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 2")
    database.close()


def damaged(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE users (name TEXT)")
        database.executemany("INSERT INTO users VALUES (?)", [("x" * 500,)] * 200)
    database.close()
    content = bytearray(path.read_bytes())
    content[20:100] = b"\xff" * 80
    path.write_bytes(content)


def folder(path: Path) -> None:
    path.mkdir()


CASES = [
    (text, "can't be used"),
    (another_database, "is some other database"),
    (another_app, "belongs to the app with prefix 'shop:', and this one has ''"),
    (newer, "has layout 2, and this release of Outrider knows 1"),
    (damaged, "can't be used"),
    (folder, "can't be used"),
]


@pytest.mark.parametrize(("make", "said"), CASES, ids=[make.__name__ for make, _ in CASES])
def test_what_is_no_journal_of_this_app(outage: Outage, make: object, said: str) -> None:
    """It is told with the first request, and stays as it is (P182)."""
    assert outage.journal is not None
    assert callable(make)
    make(outage.journal)
    before = outage.journal.read_bytes() if outage.journal.is_file() else b""
    for _ in range(2):
        with pytest.raises(ConfigError, match="journal") as caught:
            job_of(outage.producer()).enqueue(1)
        assert said in str(caught.value)
    after = outage.journal.read_bytes() if outage.journal.is_file() else b""
    assert after == before


def test_a_folder_that_is_not_there(outage: Outage) -> None:
    """A wrong path is found with the first request, not with the first outage."""
    one = App(outage.line.url, push_buffer="/nowhere/at/all")
    with pytest.raises(ConfigError, match="/nowhere/at/all can't be used"):
        one.enqueue("note", [1])


def test_an_unknown_outcome_that_cannot_be_kept(outage: Outage) -> None:
    """It may have been enqueued, so the error does not say that nothing was."""
    producer = outage.producer(jobs=1)
    job_of(producer).enqueue(0)
    outage.line.plan.extend(["reply lost"] * 50)
    with pytest.raises(StoreUnavailable, match="may have been enqueued") as caught:
        job_of(producer).enqueue_many([(1,), (2,)])
    assert caught.value.executed is None
    assert caught.value.ticket is not None
    assert buffer_of(producer).jobs == 0
    outage.line.plan.clear()


def test_a_journal_that_breaks_meanwhile(outage: Outage) -> None:
    """Whoever pushes is told why it can't be kept."""
    producer = outage.producer()
    assert buffer_of(producer).jobs == 0
    outage.line.down()
    assert outage.journal is not None
    with sqlite3.connect(outage.journal) as other:
        other.execute("DROP TABLE pushes")
    other.close()
    for _ in range(2):
        with pytest.raises(ConfigError, match="no such table"):
            job_of(producer).enqueue(1)


class Interrupted(sqlite3.Connection):
    """Ctrl-C comes while it waits for another process."""

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        cursor = super().execute(sql, *values)
        if sql.startswith("BEGIN"):
            raise KeyboardInterrupt
        return cursor


def test_an_interrupt_leaves_nothing_locked() -> None:
    """Else nobody could write in the journal any more, in whatever process."""
    database = sqlite3.connect(":memory:", isolation_level=None, factory=Interrupted)
    with pytest.raises(KeyboardInterrupt), transaction(database):
        raise AssertionError
    assert not database.in_transaction
    database.close()


def test_a_push_in_the_middle_of_another(outage: Outage) -> None:
    """As in a signal's handler: it can't be kept, and does the other one no harm."""
    producer = outage.producer()
    outage.line.down()
    job_of(producer).enqueue(1)
    store = buffer_of(producer)._store
    assert isinstance(store, Journal)
    with store._writing() as database:
        database.execute("UPDATE counts SET sent = 5")
        with pytest.raises(PushBufferFull, match="a signal has come"):
            job_of(producer).enqueue(2)
    assert (buffer_of(producer).jobs, buffer_of(producer).sent) == (1, 5)


def test_one_journal_by_two_names(outage: Outage) -> None:
    """There is one right to send what it holds, also where a link leads to it."""
    outage.line.down()
    one = outage.producer()
    job_of(one).enqueue(1)
    until(lambda: buffer_of(one)._lead())
    assert outage.journal is not None
    link = outage.journal.with_name("link")
    link.symlink_to(outage.journal)
    other = App(outage.line.url, push_buffer=link)
    assert buffer_of(other).jobs == 1
    assert not buffer_of(other)._lead()
    buffer_of(other).close()


def test_settings_by_path(outage: Outage, tmp_path: Path) -> None:
    """A path alone is enough, as a text too."""
    for path in (tmp_path / "one", str(tmp_path / "two")):
        one = App(outage.line.url, push_buffer=path)
        assert buffer_of(one).settings == PushBuffer(journal=path)
        assert buffer_of(one).jobs == 0
        assert Path(path).exists()
        one.close()
