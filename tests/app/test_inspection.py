"""Looking at batches, queues and numbers."""

from __future__ import annotations

from collections.abc import AsyncIterable
from typing import Any

import pytest

from outrider import App, BatchNotFound, BatchStatus
from outrider.store import life, process
from outrider.store.queue import Other
from tests.app.conftest import Way, closing, loop
from tests.app.hands import IDENTITY, NOW, Hands, put, raw, write

UNKNOWN = "00ffffffffffffff"


def fill(app: App, *sizes: int) -> list[str]:
    """A batch of each size; their ids."""
    bids = []
    for size in sizes:
        batch = app.batch()
        with batch.jobs():
            for _ in range(size):
                app.enqueue("some.job")
        bids.append(batch.bid)
    return bids


# -- batches --------------------------------------------------------------------------------------


def test_a_batch_is_found_by_its_id(way: Way, app: App) -> None:
    """By subscript, by `get`, by `in`; an unknown one is None, False or BatchNotFound (P49)."""
    (bid,) = fill(app, 2)
    assert way(app.batches, "get", bid).total == 2
    assert app.batches[bid].bid == bid
    assert bid in app.batches
    assert way(app.batches, "get", UNKNOWN) is None
    assert UNKNOWN not in app.batches
    assert 5 not in app.batches
    with pytest.raises(BatchNotFound) as caught:
        app.batches[UNKNOWN]
    assert isinstance(caught.value, KeyError)
    assert str(caught.value) == (f"no batch {UNKNOWN!r}: it never was, has expired, or was deleted")


@pytest.mark.parametrize("bid", ["", "x", "*", "../..", "é", "00ffffffffffffff\n", "f" * 500])
def test_no_id_is_a_reason_to_fail(way: Way, app: App, bid: str) -> None:
    """Ids come from URLs: whatever stands there, an unknown batch is an unknown batch."""
    assert way(app.batches, "get", bid) is None


def listed(app: App, *, is_async: bool) -> list[BatchStatus]:
    async def collect() -> list[BatchStatus]:
        async with closing(app):
            return [status async for status in app.batches]

    return loop(app, collect()) if is_async else list(app.batches)


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_iterating_gives_what_is_not_settled(app: App, is_async: bool) -> None:
    """The status of each, and `len` says how many; what is settled is left out."""
    assert (listed(app, is_async=is_async), len(app.batches)) == ([], 0)
    bids = fill(app, 1, 0, 2, 3)
    live = [bids[0], bids[2], bids[3]]
    found = listed(app, is_async=is_async)
    assert sorted((status.bid, status.total) for status in found) == sorted(
        zip(live, [1, 2, 3], strict=True)
    )
    assert len(app.batches) == 3
    Hands(app).work()
    assert (listed(app, is_async=is_async), len(app.batches)) == ([], 0)


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_what_is_gone_meanwhile_is_left_out(app: App, is_async: bool) -> None:
    """A batch that is forgotten between two reads crashes nobody (P61)."""
    bids = fill(app, 1, 1)
    raw(app, "DEL", app.keys("batch", bids[0]), app.keys("slots", bids[0]))
    assert [status.bid for status in listed(app, is_async=is_async)] == [bids[1]]
    raw(app, "ZREM", "o:batches", bids[0])


def test_a_batch_with_dead_members_can_be_found(app: App) -> None:
    """It is settled, so it is no longer listed, but it can be asked for and opened."""
    (bid,) = fill(app, 1)
    hands = Hands(app)
    hands.ack(Other("gone", hands.take()))
    assert listed(app, is_async=False) == []
    assert app.batches[bid].dead == 1
    assert app.batches.open(bid).bid == bid


def test_the_list_of_deaths_forgets_what_has_expired(app: App) -> None:
    """A worker looks after half a year: what is known still stays."""
    (bid,) = fill(app, 1)
    hands = Hands(app)
    hands.ack(Other("gone", hands.take()))
    raw(app, "ZADD", "o:deaths", 1, "0123456789abcdef")
    later = NOW + 181 * 86_400_000
    app.perform(life.upkeep(app.keys, limit=9, since=0, heard=0, now=later))
    assert raw(app, "ZRANGE", "o:deaths", 0, -1, "WITHSCORES") == [bid.encode(), b"%d" % later]
    assert [status.bid for status in app.batches.dead] == [bid]


# -- queues ---------------------------------------------------------------------------------------


def test_queues_are_a_mapping(way: Way, app: App) -> None:
    """Iterating gives those ever pushed to; any name may be asked for."""
    assert (list(app.queues), len(app.queues)) == ([], 0)
    for name, count in (("low", 1), ("default", 3)):
        for _ in range(count):
            app.enqueue("some.job", queue=name)
    assert (list(app.queues), len(app.queues)) == (["default", "low"], 2)
    assert {name: queue.size for name, queue in app.queues.items()} == {"default": 3, "low": 1}
    assert ("low" in app.queues, "never" in app.queues) == (True, False)
    assert (app.queues["never"].size, app.queues["never"].name) == (0, "never")
    assert len(app.queues["default"]) == 3
    app.held["some.job"].pause()
    if way.is_async:
        assert loop(app, app.queues["default"].asize()) == 3
        assert loop(app, app.queues.asize()) == app.queues.size == 2
        assert loop(app, app.held.asize()) == app.held.size == 1
        assert loop(app, gathered(app.queues)) == ["default", "low"]
        assert loop(app, gathered(app.held)) == ["some.job"]


async def gathered(names: AsyncIterable[str]) -> list[str]:
    """What `async for` gives."""
    return [name async for name in names]


# -- numbers --------------------------------------------------------------------------------------

NAMES = ("processed", "failed", "enqueued", "scheduled", "retries", "dead", "processes", "busy")


def numbers(found: Any) -> dict[str, int]:
    return {name: getattr(found, name) for name in NAMES}


def test_statistics(way: Way, app: App) -> None:
    """Each number is what it says, read together or one by one."""
    assert numbers(way(app.stats, "read")) == dict.fromkeys(NAMES, 0)
    put(app, "default", *(write(jid) for jid in "abcdef"))
    app.enqueue("some.job", queue="low")
    hands = Hands(app)
    first = hands.claim(want=5).first
    hands.ack(
        *(first, first + 1),
        Other("retry", first + 2, write("c"), NOW),
        Other("dead", first + 3, write("d"), NOW),
        Other("snooze", first + 4, write("e"), NOW),
    )
    app.perform(
        process.beat(
            app.keys,
            identity=IDENTITY,
            life=30_000,
            register=0,
            fields=["busy", 2],
            work=[],
            heard="",
            override=0,
        )
    )
    expected = dict(zip(NAMES, [4, 2, 2, 1, 1, 1, 1, 2], strict=True))
    assert numbers(way(app.stats, "read")) == expected
    assert numbers(app.stats) == expected


def test_a_worker_that_is_gone_counts_no_more(app: App) -> None:
    """Its name may still stand in the list, but it says nothing any more."""
    raw(app, "SADD", "processes", "gone:1:ab")
    assert (app.stats.processes, app.stats.busy) == (0, 0)


def test_there_are_no_other_numbers(app: App) -> None:
    """A misspelt number is an AttributeError, not a zero."""
    with pytest.raises(AttributeError, match="stats has no 'procesed'"):
        _ = app.stats.procesed
