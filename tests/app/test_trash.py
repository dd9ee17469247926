"""The trash: what was deleted lies there for ten minutes, and may go back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from outrider import App, NotRestorable, StoreError
from outrider.clock import now, now_ms
from outrider.errors import CursorError
from outrider.store import life, trash
from outrider.store.place import Place
from tests.app.conftest import Way, closing, loop
from tests.app.hands import Hands, listed, put, raw, scored, write


def jid(number: int) -> str:
    """A jid."""
    return f"{number:024x}"


def texts(*numbers: int, home: str = "default", **fields: Any) -> list[str]:
    """Payloads of plain jobs."""
    return [write(jid(number), home, **fields) for number in numbers]


def upkeep(app: App, at: int) -> life.Upkeep:
    """What some worker does each second."""
    return app.perform(life.upkeep(app.keys, limit=250, since=0, heard=0, now=at))


def test_what_is_deleted_lies_there(way: Way, app: App) -> None:
    """With where it lay, and byte for byte, whatever it is."""
    put(app, "low", *texts(1, home="low"))
    raw(app, "ZADD", app.keys("dead"), 5.25, texts(2)[0])
    assert way(app.queues["low"], "delete", jid(1))
    assert way(app.dead, "delete", jid(2))
    second, first = way(app.trash, "page").jobs
    assert (first.place, first.record.text) == (Place("queue", "low"), texts(1, home="low")[0])
    assert (second.place, second.record.raw) == (Place("dead"), texts(2)[0].encode())
    assert second.record.at.timestamp() == 5.25
    assert first.record.at is None
    assert first.operation is None
    assert first.is_restorable
    assert first.expires_at - first.deleted_at == timedelta(minutes=10)
    assert abs(first.deleted_at.timestamp() - now()) < 60
    assert way(app.trash, "find", jid(1)) == first
    assert way(app.trash, "find", jid(9)) is None
    assert len(app.trash) == 2


def everywhere(app: App) -> dict[str, Any]:
    """What lies where."""
    lines = {name: listed(app, name) for name in ("default", "low", "a:b c\n")}
    return lines | {name: scored(app, name) for name in ("schedule", "retry", "dead")}


def test_it_goes_back_where_it_lay(way: Way, app: App) -> None:
    """To the front of its queue, or under its time; it is not in the trash any more."""
    raw(app, "ZADD", app.keys("retry"), 1234567890.123, texts(1)[0], 5, texts(2)[0])
    raw(app, "ZADD", app.keys("schedule"), 99.5, texts(3)[0])
    raw(app, "ZADD", app.keys("dead"), 77, texts(4, failed_at=1.5)[0])
    put(app, "low", *texts(5, 6, home="low"))
    put(app, "a:b c\n", *texts(7))
    before = everywhere(app)
    places = (app.retries, app.scheduled, app.dead, app.queues["low"], app.queues["a:b c\n"])
    for place, number in zip(places, (1, 3, 4, 5, 7), strict=True):
        assert way(place, "delete", jid(number))
    for number in (1, 3, 4, 5, 7):
        assert way(app.trash, "restore", jid(number)) is True
        assert way(app.trash, "restore", jid(number)) is False
    assert everywhere(app) == before
    assert len(app.trash) == 0


def test_what_was_held_goes_to_its_queue(app: App) -> None:
    """Its name may not be paused any more; if it is, a worker puts it aside again."""
    raw(app, "LPUSH", app.keys("held", "app.job"), *texts(1, home="low"))
    raw(app, "SADD", app.keys("heldnames"), "app.job")
    assert app.held["app.job"].delete(jid(1))
    assert app.trash.restore(jid(1))
    assert listed(app, "low") == texts(1, home="low")


def test_all_go_back_that_may(way: Way, app: App) -> None:
    """In their order; members of batches stay deleted."""
    put(app, "default", *texts(*range(300)))
    batch = app.batch()
    with batch.jobs():
        app.enqueue("member")
    before = listed(app)
    for record in list(app.queues["default"])[250:]:
        app.queues["default"].delete(record.jid)
    assert way(app.trash, "restore_all") == 50
    assert sorted(listed(app)) == sorted(before[:300])
    assert listed(app)[:50] == before[250:300]
    assert len(app.trash) == 1


def test_members_and_callbacks_can_not_go_back(way: Way, app: App, hands: Hands) -> None:
    """Their batch was told that they are deleted, for good."""
    batch = app.batch()
    batch.on("success", app.job(name="called")(lambda status: None))
    with batch.jobs():
        app.enqueue("member")
        app.enqueue("member")
    first = next(iter(app.queues["default"])).jid
    app.queues["default"].delete(first)
    assert not app.trash.find(first).is_restorable  # type: ignore[union-attr]
    with pytest.raises(NotRestorable, match=f"job {first} can't go back: .* kill it instead"):
        way(app.trash, "restore", first)
    assert app.batches[batch.bid].pending == 1
    other = app.batch()
    other.on("complete", app.registry.get("called"))
    with other.jobs():
        pass
    callback = app.queues["default"].find(f"{other.bid}f0000000")
    assert callback is not None
    app.queues["default"].delete(callback.jid)
    with pytest.raises(NotRestorable):
        way(app.trash, "restore", callback.jid)


def test_who_was_dead_may_go_back_to_the_dead_set(way: Way, app: App) -> None:
    """For its batch it has been dead all the time."""
    batch = app.batch()
    with batch.jobs():
        app.enqueue("member")
    jid = next(iter(app.queues["default"])).jid
    app.queues["default"].kill(jid)
    assert app.dead.delete(jid)
    assert app.batches[batch.bid].dead == 1
    assert way(app.trash, "restore", jid)
    assert app.dead.find(jid) is not None
    assert app.dead.retry(jid)
    assert app.batches[batch.bid].failures == 1


@pytest.mark.parametrize("text", [b"", b"no job", b"\xff\xfe", b'{"jid":"x\x00"}', b"a:b:c:9:"])
def test_whatever_lay_there_can_be_looked_at_and_go_back(app: App, text: bytes) -> None:
    """By an operation: what is no job has no id."""
    raw(app, "ZADD", app.keys("dead"), 7, text)
    operation = app.operations.start("delete", "state:dead").run()
    assert [job.record.raw for job in app.trash] == [text]
    assert operation.undo().run().done == 1
    assert raw(app, "ZSCORE", app.keys("dead"), text) == b"7"


def test_copies_that_are_equal_to_the_byte_both_go_there(app: App) -> None:
    put(app, "default", *texts(1), *texts(1))
    assert app.operations.start("delete", "job:app.job").run().done == 2
    assert (len(app.trash), app.trash.restore_all()) == (2, 2)
    assert listed(app) == texts(1) * 2


def test_pages_go_on_where_the_last_one_ended(way: Way, app: App) -> None:
    """The newest first; what comes and goes meanwhile moves nobody."""
    put(app, "default", *texts(*range(600)))
    app.operations.start("delete", "job:app.job").run()
    page = way(app.trash, "page", 100)
    found = [job.record.jid for job in page.jobs]
    app.trash.restore(found[-1])
    put(app, "low", *texts(900))
    app.queues["low"].delete(jid(900))
    while page.next is not None:
        page = way(app.trash, "page", 100, page.next)
        found += [job.record.jid for job in page.jobs]
    assert found == [jid(number) for number in reversed(range(600))]

    async def collect() -> list[str]:
        async with closing(app):
            return [job.record.jid async for job in app.trash]

    every = loop(app, collect()) if way.is_async else [job.record.jid for job in app.trash]
    assert every == [jid(900), *(one for one in found if one != found[99])]


@pytest.mark.parametrize("after", ["x", "-inf", "1e9", "(5", "9" * 18])
def test_what_is_no_cursor_is_refused(way: Way, app: App, after: str) -> None:
    with pytest.raises(CursorError, match="is no cursor of the trash"):
        way(app.trash, "page", 5, after)


def test_it_is_emptied_by_time(app: App) -> None:
    """By any worker, a slice at a time; ten minutes after it was deleted."""
    put(app, "default", *texts(*range(600)))
    app.operations.start("delete", "job:app.job").run()
    deleted = [job.deleted_at.timestamp() for job in app.trash]
    first, last = int(min(deleted) * 1000), int(max(deleted) * 1000)
    assert upkeep(app, first + 599_999).disposed == 0
    sizes = [upkeep(app, last + 600_001).disposed for _ in range(4)]
    assert (sizes, len(app.trash)) == ([250, 250, 100, 0], 0)


def test_it_is_emptied_by_hand(way: Way, app: App) -> None:
    put(app, "default", *texts(*range(300)))
    app.operations.start("delete", "job:app.job").run()
    assert (way(app.trash, "empty"), len(app.trash)) == (300, 0)


def test_a_clock_that_was_ahead_dates_nobody_else(app: App) -> None:
    """Each time is different, and near the one that was given."""
    put(app, "default", *texts(*range(600)))
    queue = app.queues["default"]
    ahead = (now_ms() + 86_400_000) * 1000
    raw(app, "ZADD", app.keys("trash"), ahead, f"{ahead}:dead:1::0:no job")
    app.operations.start("delete", "job:app.job").run()
    assert not queue.size
    times = [one.at for one in all_of(app)]
    assert len(set(times)) == 601
    assert max(times[1:]) < (now_ms() + 1000) * 1000


def all_of(app: App) -> list[trash.Trashed]:
    """What lies in the trash."""
    found: list[trash.Trashed] = []
    before: str | None = "+inf"
    while before is not None:
        page = app.perform(trash.rummage(app.keys, before=before, count=250, operation=""))
        found, before = found + page.jobs, page.before
    return found


def test_clearing_is_final(app: App) -> None:
    put(app, "default", *texts(1, 2))
    assert (app.queues["default"].clear(), len(app.trash)) == (2, 0)


def test_a_wrong_key_is_told_before_anything_is_written(app: App) -> None:
    """Whoever restores hears of it, and nothing is lost."""
    raw(app, "ZADD", app.keys("retry"), 1, texts(1)[0])
    app.retries.delete(jid(1))
    raw(app, "SET", app.keys("retry"), "text")
    with pytest.raises(StoreError, match="WRONGTYPE"):
        app.trash.restore(jid(1))
    assert len(app.trash) == 1
    raw(app, "DEL", app.keys("retry"))
