"""Streams of the status endpoint: told once, resumed, shared, ended with batch or viewer."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from outrider import App, BatchStatus, StoreError, waiting
from outrider.payload import decode
from outrider.store.queue import Other
from outrider.web import batch_status, status_asgi, status_viewers, status_wsgi
from outrider.web.status_events import FAILED, Tale, _resumed
from outrider.worker.outcome import decide
from tests.app.hands import BID, NOW, Hands, raw, start
from tests.process.harness import until
from tests.process.proxy import Proxy
from tests.web.sites import KINDS, Message, Site, messages, serving

ENDS = ["message", "complete", "success", "settled"]


@pytest.fixture(params=KINDS)
def site(request: pytest.FixtureRequest, app: App) -> Iterator[Site]:
    """Each kind of site."""
    with serving(request.param, app, batch_status(app)) as site:
        yield site


def listeners(app: App) -> int:
    """How many connections listen to the batch."""
    return int(raw(app, "PUBSUB", "NUMSUB", f"batch-{BID}")[1])


def die(app: App, members: int = 1) -> None:
    """Have members of the batch die."""
    hands = Hands(app)
    claimed = hands.claim(want=members)
    for token, payload in enumerate(claimed.payloads, claimed.first):
        last = json.dumps({**json.loads(payload), "retry": 0}).encode()
        outcome = decide(decode(last), last, token, ValueError("boom"), lambda n: 30.0, NOW)
        assert isinstance(outcome, Other)
        assert outcome.kind == "dead"
        hands.ack(outcome)


def test_a_batch_is_told_to_its_end(site: Site, app: App) -> None:
    """How it stands at first, each change, each milestone once; then the stream ends."""
    start(app, 3)
    hands = Hands(app)
    first = hands.claim(want=3).first
    told = []
    with site.stream(BID) as lines:
        for one in messages(lines):
            told.append(one)
            if one.name == "message" and one.data["pending"]:
                until(lambda: listeners(app) == 1, "it listens")
                hands.ack(first + 3 - one.data["pending"])
    assert [one.data["pending"] for one in told] == [3, 2, 1, 0, 0, 0, 0]
    assert [one.name for one in told] == ["message"] * 3 + ENDS
    assert told[-1].data == app.batches[BID].to_dict()
    until(lambda: listeners(app) == 0, "nobody listens any more")


def test_what_is_over_is_told_at_once(site: Site, app: App) -> None:
    """A death is an event as well."""
    start(app, 1)
    die(app)
    told = site.told(BID)
    assert [one.name for one in told] == ["message", "death", "complete", "settled"]
    assert {one.data["dead"] for one in told} == {1}


def test_a_viewer_that_comes_again(site: Site, app: App) -> None:
    """Says what it had last, and is told nothing twice; after the end it is sent away for good."""
    start(app, 2)
    hands = Hands(app)
    first = hands.claim(want=2).first
    with site.stream(BID) as lines:
        (before,) = islice(messages(lines), 1)
    hands.ack(first, first + 1)
    told = site.told(BID, before.id)
    assert [one.name for one in told] == ENDS
    assert [bool(one.id) for one in told] == [False, False, False, True]
    over = site.ask(f"/{BID}/events", **{"Last-Event-ID": told[-1].id})
    assert (over.status_code, over.content) == (204, b"")
    assert [one.name for one in site.told(BID, before.id.replace(",", ";"))] == ENDS


def test_what_was_seen_is_not_told_again(app: App) -> None:
    """Where nothing has changed, a stream begins with nothing but `retry`."""
    start(app, 1)
    status = app.batches[BID]
    first = Tale(status, "", errors=True)
    (told,) = messages(iter(first.begin().decode().split("\n")))
    assert Tale(status, told.id, errors=True).begin() == b"retry: 2000\n\n"
    assert told.data["total"] == 1


def test_milestones_are_told_once_over_all_streams(app: App) -> None:
    """A late success after a death was seen, and complete as well."""
    start(app, 1)
    die(app)
    seen = Tale(app.batches[BID], "", errors=True)
    seen.begin()
    assert seen.is_over
    status = app.batches[BID]
    status.picture.fields.pop("settled_at")
    early = Tale(status, "", errors=True)
    *_, last = _told(early.begin())
    names = [one.name for one in _told(Tale(app.batches[BID], last.id, errors=True).begin())]
    assert names == ["message", "settled"]


def _told(text: bytes) -> list[Message]:
    return list(messages(iter(text.decode().split("\n"))))


@given(some.text())
def test_any_last_id(seen: str) -> None:
    """What is no id of ours is none."""
    assert _resumed(seen).told == set()


def test_few_failures_are_told(app: App) -> None:
    """Events come often, and a batch may have a thousand of them."""
    start(app, FAILED + 5)
    die(app, FAILED + 5)
    told = _told(Tale(app.batches[BID], "", errors=True).begin())
    assert [(one.data["dead"], len(one.data["fail_info"])) for one in told] == [(15, 10)] * 4


def test_viewers_share_one_connection(app: App) -> None:
    """However many there are, the batch is listened to once, and read once a change."""
    raw(app, "CONFIG", "RESETSTAT")  # others have listened to this server before
    start(app, 1)
    hands = Hands(app)
    token = hands.take()
    raw(app, "CONFIG", "RESETSTAT")  # the server has served other tests
    with serving("alone", app, batch_status(app)) as site, ExitStack() as stack:
        streams = [messages(stack.enter_context(site.stream(BID))) for _ in range(10)]
        assert {next(one).data["pending"] for one in streams} == {1}
        until(lambda: listeners(app) == 1, "it listens")
        stats = raw(app, "INFO", "commandstats")
        hands.ack(token)
        assert {tuple(one.name for one in stream) for stream in streams} == {tuple(ENDS)}
        assert b"cmdstat_subscribe:calls=1," in stats
    until(lambda: listeners(app) == 0, "nobody listens any more")


@pytest.mark.parametrize("kind", ["alone", "mounted"])
def test_a_viewer_that_leaves(kind: str, app: App) -> None:
    """Is noticed at once: nobody listens for it any more."""
    start(app, 1)
    with serving(kind, app, batch_status(app)) as site:
        with site.stream(BID) as lines:
            next(messages(lines))
            until(lambda: listeners(app) == 1, "it listens")
        until(lambda: listeners(app) == 0, "nobody listens any more")


def test_a_heartbeat(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing happens, a comment keeps proxies from cutting the stream off.

    The batch is read more often than that, which is no news.
    """
    monkeypatch.setattr(status_viewers, "GAP", 0.01)
    monkeypatch.setattr(status_viewers, "POLL", 0.01)
    monkeypatch.setattr(status_asgi, "HEARTBEAT", 0.5)
    start(app, 1)
    with serving("alone", app, batch_status(app)) as site, site.stream(BID) as lines:
        found = islice((line for line in lines if line.startswith(":")), 2)
        assert list(found) == [": still here"] * 2


def test_a_batch_that_is_gone(site: Site, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """Deleted while it is looked at: it is said, and the stream ends (P61)."""
    monkeypatch.setattr("outrider.web.status_viewers.POLL", 0.1)
    monkeypatch.setattr(status_wsgi, "POLL", 0.1)
    start(app, 1)
    with site.stream(BID) as lines:
        told = messages(lines)
        next(told)
        raw(app, "DEL", *(app.keys(kind, BID) for kind in ("batch", "slots", "batches", "audit")))
        (gone,) = told
    assert (gone.name, gone.id) == ("gone", "")
    assert "never was, has expired" in gone.data["error"]


@pytest.mark.parametrize("kind", KINDS)
def test_an_outage_is_waited_through(
    kind: str, app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stream stays, and goes on with what has happened meanwhile."""
    monkeypatch.setattr(status_asgi, "HEARTBEAT", 0.05)
    monkeypatch.setattr("outrider.web.status_viewers.POLL", 0.1)
    monkeypatch.setattr(status_wsgi, "POLL", 0.1)
    start(app, 1)
    hands = Hands(app)
    token = hands.take()
    line = Proxy(tmp_path / "line", app.url)
    behind = App(line.url, timeout=0.2)
    failed = _failing(behind)
    try:
        with serving(kind, behind, batch_status(behind)) as site, site.stream(BID) as lines:
            told = messages(lines)
            next(told)
            until(lambda: listeners(app) == 1, "it listens")
            line.down()
            until(failed.is_set, "it could not be read")
            hands.ack(token)
            line.up()
            assert [one.name for one in told] == ENDS
    finally:
        line.close()
        behind.close()


def _failing(app: App) -> threading.Event:
    """Set when a batch could not be read."""
    failed, get, aget = threading.Event(), app.batches.get, app.batches.aget

    def noting(bid: str) -> BatchStatus | None:
        try:
            return get(bid)
        except StoreError:
            failed.set()
            raise

    async def anoting(bid: str) -> BatchStatus | None:
        try:
            return await aget(bid)
        except StoreError:
            failed.set()
            raise

    app.batches.get, app.batches.aget = noting, anoting  # type: ignore[method-assign]
    return failed


# -- WSGI, where a stream holds a thread -----------------------------------------------------------


def environ(**more: Any) -> dict[str, Any]:
    """A request for events."""
    return {"REQUEST_METHOD": "GET", "PATH_INFO": f"/{BID}/events", "wsgi.multithread": True} | more


def test_a_server_of_one_thread(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is not held: it is told what is new, and the browser comes again."""

    def never(*_: object) -> None:
        raise AssertionError("it would wait")

    monkeypatch.setattr(App, "listener", never)
    start(app, 1)
    endpoint = batch_status(app)
    asked = environ(**{"wsgi.multithread": False})
    parts = list(endpoint(asked, lambda *_: None))
    (one,) = _told(b"".join(parts))
    again = endpoint(asked | {"HTTP_LAST_EVENT_ID": one.id}, lambda *_: None)
    assert list(again) == [b"retry: 2000\n\n"]


def test_few_threads_are_held(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who comes when all may be held already is told what is new; one that ends makes room."""
    start(app, 1)
    endpoint = batch_status(app)
    holding = [endpoint(environ(), lambda *_: None) for _ in range(status_wsgi.THREADS)]
    waiting_ones = [_go_on(parts) for parts in holding]
    until(lambda: listeners(app) == status_wsgi.THREADS, "all listen")
    assert len(list(endpoint(environ(), lambda *_: None))) == 1
    monkeypatch.setattr(waiting, "POLL", 60.0)
    Hands(app).work()
    for thread, parts in waiting_ones:
        thread.join(30)
        assert [one.name for one in _told(b"".join(parts))] == ["message", *ENDS]
    assert len(list(endpoint(environ(), lambda *_: None))) == 1  # it is over


def test_a_stream_ends_in_time(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that kills what does not end must not meet it; the place is free then."""
    monkeypatch.setattr(status_wsgi, "HOLD", 0.1)
    start(app, 1)
    endpoint = batch_status(app)
    for _ in range(status_wsgi.THREADS + 1):
        assert len(list(endpoint(environ(), lambda *_: None))) == 1
    # The server hears of a connection that is closed when it comes to it.
    until(lambda: listeners(app) == 0, "nobody listens")
    monkeypatch.setattr(status_wsgi, "HOLD", 60.0)
    thread, _ = _go_on(endpoint(environ(), lambda *_: None))
    until(lambda: listeners(app) == 1, "there is room")
    Hands(app).work()
    thread.join(30)
    assert not thread.is_alive()


def _go_on(parts: Iterator[bytes]) -> tuple[threading.Thread, list[bytes]]:
    """Take all parts in a thread."""
    found: list[bytes] = []
    work: Callable[[], object] = lambda: found.extend(parts)  # noqa: E731
    thread = threading.Thread(target=work)
    thread.start()
    return thread, found
