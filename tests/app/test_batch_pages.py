"""Pages of batches: by cursor, with their numbers, in one request whatever they hold."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from outrider import App, BatchRecord, BatchStatus, ConfigError, CursorError
from outrider.inspection.batches import BatchPage, BatchState
from outrider.io import Executor
from outrider.script import Call
from outrider.store.look import Catalogue
from outrider.store.queue import Other
from tests.app.conftest import Way
from tests.app.hands import Hands, raw
from tests.app.trips import commands, counted

NOTE = '{"jid":"x","job":"j","error_class":"E","error_message":"m","failed_at":1.0}'


def fill(app: App, count: int, size: int = 1) -> list[str]:
    """So many batches, in the order in which they were made."""
    bids = []
    for at in range(count):
        batch = app.batch(description=f"number {at}")
        with batch.jobs():
            for _ in range(size):
                app.enqueue("some.job")
        bids.append(batch.bid)
        raw(app, "ZADD", "o:batches", 1000 + at // 3, batch.bid)
    return bids


def through(way: Way, limit: int, state: BatchState = "live") -> list[BatchPage]:
    """All pages."""
    pages = [way(way.app.batches, "page", limit, state=state)]
    while pages[-1].next is not None:
        pages.append(way(way.app.batches, "page", limit, pages[-1].next, state))
    return pages


def bids_of(pages: list[BatchPage]) -> list[str]:
    return [record.bid for page in pages for record in page.records]


def test_pages_of_live_batches(way: Way, app: App) -> None:
    """The longest untouched first, each once, some of one time among them (P15)."""
    assert way(app.batches, "page") == BatchPage([], None)
    bids = fill(app, 20)
    with counted() as sent:
        pages = through(way, 6)
    assert sent == ["catalogue"] * 4
    assert [len(page.records) for page in pages] == [6, 6, 6, 2]
    ordered = sorted(bids, key=lambda bid: (bids.index(bid) // 3, bid))
    assert bids_of(pages) == ordered
    assert bids_of(through(way, 20)) == bids_of(through(way, 1)) == ordered


def test_a_record_has_the_numbers_of_its_batch(way: Way, app: App) -> None:
    """As its status has them; what the status reads beside them is not there."""
    app.job(name="told")(lambda status: None)
    batch = app.batch(description="gallery", tags=["x"]).on("settled", "told")
    with batch.jobs():
        for _ in range(5):
            app.enqueue("some.job")
    hands = Hands(app)
    hands.ack(hands.take(), Other("gone", hands.take(), failure=NOTE))
    (record,) = way(app.batches, "page").records
    status = app.batches[batch.bid]
    assert type(record) is BatchRecord
    told = status.to_dict()
    del told["fail_info"]
    assert record.to_dict() == told
    names = ("tags", "callbacks", "waiting", "failing", "dead", "percent", "expires_at", "is_dead")
    for name in names:
        assert getattr(record, name) == getattr(status, name)
    assert (record.pending, record.dead, record.description) == (4, 1, "gallery")
    assert repr(record) == f"<BatchRecord {batch.bid}: 4 of 5 pending, 1 failures>"
    assert isinstance(status, BatchRecord)
    assert isinstance(status, BatchStatus)


def test_pages_of_batches_with_dead(way: Way, app: App) -> None:
    """The newest death first; who has been repaired is left out."""
    bids = fill(app, 7)
    hands = Hands(app)
    for _ in bids:
        hands.ack(Other("gone", hands.take(), failure=NOTE))
    for at, bid in enumerate(bids):
        raw(app, "ZADD", "o:deaths", 1000 + at // 2, bid)
    ordered = sorted(bids, key=lambda bid: (bids.index(bid) // 2, bid), reverse=True)
    for limit in (1, 2, 3, 7):
        assert bids_of(through(way, limit, "dead")) == ordered
    after = way(app.batches, "page", 3, state="dead").next
    raw(app, "ZREM", "o:deaths", ordered[2])
    assert [one.bid for one in way(app.batches, "page", 9, after, "dead").records] == ordered[3:]
    assert way(app.batches, "page", 9).records == []


def test_batches_that_come_and_go(way: Way, app: App) -> None:
    """Who is untouched is seen once; who is touched may come again, at the end."""
    bids = fill(app, 30)
    first = way(app.batches, "page", 10)
    seen = [record.bid for record in first.records]
    raw(app, "ZADD", "o:batches", 9_999, seen[0])
    raw(app, "ZREM", "o:batches", seen[9], seen[5])
    rest, after = list[str](), first.next
    while after is not None:
        page = way(app.batches, "page", 4, after)
        rest, after = [*rest, *(record.bid for record in page.records)], page.next
    assert rest == [*sorted(set(bids) - set(seen), key=lambda b: (bids.index(b) // 3, b)), seen[0]]
    for bid in (seen[9], seen[5]):
        raw(app, "ZADD", "o:batches", 1000, bid)


def test_what_is_gone_is_left_out(way: Way, app: App) -> None:
    """Its name is still listed, as after an expiry; the page goes on."""
    bids = fill(app, 5)
    listed = bids_of(through(way, 9))
    raw(app, "DEL", *(f"o:{kind}:{listed[1]}" for kind in ("batch", "slots")))
    pages = through(way, 2)
    assert bids_of(pages) == [bid for bid in listed if bid != listed[1]]
    assert [len(page.records) for page in pages] == [1, 2, 1]
    raw(app, "ZREM", "o:batches", listed[1])
    assert set(bids) == set(listed)


def test_a_page_does_not_grow_with_what_a_batch_holds(app: App) -> None:
    """A thousand failures and children cost nothing; large descriptions make short pages."""
    fill(app, 3)
    costs, bids = [], bids_of([app.batches.page(3)])
    for bid in bids[:2]:
        before = commands(app)
        app.batches.page(3)
        costs.append((commands(app) - before).total())
        pairs = [word for at in range(1000) for word in (at, '{"error_message":"x"}')]
        raw(app, "HSET", f"o:failures:{bid}", *pairs)
        raw(app, "HSET", f"o:kids:{bid}", *pairs)
    assert costs[0] == costs[1]
    for bid in bids:
        raw(app, "HSET", f"o:batch:{bid}", "description", "x" * 300_000)
    assert len(app.batches.page(3).records) == 1


WRONG: list[Any] = ["x", "", [], ["live", "5"], ["dead", "5", "a"], ["live", "five", "a"]]
WRONG += [["live", "5", ""], ["live", "(5", "a"], ["live", "nan", "a"], [0, 5, 8, []]]


@pytest.mark.parametrize("parts", WRONG, ids=range(len(WRONG)))
def test_what_is_no_cursor(way: Way, app: App, parts: Any) -> None:
    """A cursor of another list among them."""
    text = parts if isinstance(parts, str) else forge(parts)
    with counted() as sent, pytest.raises(CursorError, match="is no cursor"):
        way(app.batches, "page", 5, text)
    assert sent == []


def forge(parts: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def test_wrong_use(way: Way, app: App) -> None:
    with pytest.raises(ConfigError, match="state must be live or dead, not 'all'"):
        way(app.batches, "page", state="all")
    with pytest.raises(ConfigError, match="limit must be 1 to 1,000, not 0"):
        way(app.batches, "page", 0)


def test_iterating_reads_ids_by_pages(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are no request asks for all; who is touched meanwhile comes once."""
    monkeypatch.setattr("outrider.inspection.batches._IDS", 5)
    bids = fill(app, 23)
    with counted() as sent:
        assert len(app.batches) == app.batches.size == 23
        found = [status.bid for status in app.batches]
    assert sorted(found) == sorted(bids)
    assert sent == ["ZCARD"] * 2 + ["catalogue"] * 5 + ["picture"] * 23
    run, touched = Executor.run, list[str]()

    def touch(self: Executor, call: Call[Any], **kwargs: Any) -> Any:
        answer = run(self, call, **kwargs)
        if not touched and isinstance(answer, Catalogue):
            touched.extend(one.bid for one in answer.listed[:2])
            raw(app, "ZADD", "o:batches", 9_999, touched[0], 9_999, touched[1])
        return answer

    monkeypatch.setattr(Executor, "run", touch)
    found = [status.bid for status in app.batches]
    assert (sorted(found), found[-2:]) == (sorted(bids), sorted(touched))
