"""`app.events.watch()`: what the server says of all batches, as it says it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Self

import pytest

from outrider import App, ConfigError, StoreError
from outrider.checkup.roles import rights_of
from outrider.clock import now_ms
from outrider.events import BatchChange, Event, JobEvent
from outrider.job import Job
from tests.app.conftest import Way, closing, loop
from tests.app.hands import Hands, promote, raw, write
from tests.app.runs import Runs
from tests.least import as_user, make_user

PATIENCE = 20.0


def listeners(app: App, channel: str = "") -> int:
    """How many listen to all batches, or to a channel."""
    if channel:
        return int(raw(app, "PUBSUB", "NUMSUB", channel)[1])
    return int(raw(app, "PUBSUB", "NUMPAT"))


def until(condition: Callable[[], bool]) -> None:
    """Wait until it holds."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0)


class Watcher:
    """Watches on a thread, by one way or the other, until `last` was told."""

    def __init__(self, app: App, way: Way, *patterns: str, last: str, counts: str = "") -> None:
        self.heard: list[Event] = []
        self.error: Exception | None = None
        self._app, self._is_async, self._counts = app, way.is_async, counts
        self._patterns, self._last = patterns, last
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        before = listeners(self._app, self._counts)
        self._thread.start()
        until(lambda: listeners(self._app, self._counts) > before or not self._thread.is_alive())
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        try:
            if self._is_async:
                loop(self._app, self._awatch())
            else:
                self._watch()
        except Exception as error:
            self.error = error

    def _watch(self) -> None:
        for change in self._app.events.watch(*self._patterns):
            self.heard.append(change)
            if change.name == self._last:
                break

    async def _awatch(self) -> None:
        async with closing(self._app):
            async for change in self._app.events.awatch(*self._patterns):
                self.heard.append(change)
                if change.name == self._last:
                    break

    @property
    def names(self) -> list[str]:
        """What was told, in order."""
        return [change.name for change in self.heard]


def changes(watcher: Watcher) -> list[BatchChange]:
    """What was told of batches."""
    return [event for event in watcher.heard if isinstance(event, BatchChange)]


@pytest.fixture
def outcomes(app: App) -> Job[..., Any]:
    """A job that ends as it is told."""

    @app.job(name="ending", retry=0)
    def ending(end: str) -> None:
        if end == "dead":
            raise ValueError(end)

    return ending


def test_all_that_happens_to_batches_is_told(way: Way, app: App, outcomes: Job[..., Any]) -> None:
    """Progress and each event, with its batch; listening ends with the loop over it."""
    good, bad = app.batch(), app.batch()
    with Watcher(app, way, last="batch.success") as watcher:
        with bad.jobs():
            outcomes.enqueue("dead")
        Runs(app).run_all()
        with good.jobs():
            outcomes.enqueue("well")
        Runs(app, "host:2:ab").run_all()
    told = [(one.name, one.bid, one.failed) for one in changes(watcher)]
    assert sorted(told[:4]) == [
        ("batch.complete", bad.bid, False),
        ("batch.death", bad.bid, False),
        ("batch.progress", bad.bid, True),
        ("batch.settled", bad.bid, False),
    ]
    assert ("batch.progress", good.bid, False) in told[4:]
    assert told[-1] == ("batch.success", good.bid, False)
    assert all(abs(one.at - time.time()) < 60 for one in watcher.heard)
    until(lambda: listeners(app) == 0)


def test_only_what_is_asked_for_is_told(way: Way, app: App, outcomes: Job[..., Any]) -> None:
    """By name or pattern."""
    with Watcher(app, way, "*.settled", "batch.death", last="batch.settled") as watcher:
        with app.batch().jobs():
            outcomes.enqueue("dead")
        Runs(app).run_all()
    assert watcher.names == ["batch.death", "batch.settled"]


def test_news_of_jobs_are_told_beside(way: Way, app: App) -> None:
    """What a script brings about to them, in the order in which it happens."""
    batch = app.batch()
    with Watcher(app, way, "job.due", "job.exp*", "*.settled", last="batch.settled") as watcher:
        for jid in ("a", "b"):
            raw(app, "ZADD", app.keys("schedule"), 1, write(jid, expiry=2))
            promote(app, "schedule", now_ms())
        assert Hands(app).claim().payloads == []
        with batch.jobs():
            pass
    assert watcher.names == [*["job.due"] * 2, *["job.expired"] * 2, "batch.settled"]
    jobs = [event for event in watcher.heard if isinstance(event, JobEvent)]
    assert [job.jid for job in jobs] == ["a", "b"] * 2


def test_who_hears_of_jobs_alone_costs_batches_nothing(way: Way, app: App) -> None:
    """With a listener to all batches each step of each would be published."""
    channel = app.keys.channel("news", "job.due")
    raw(app, "ZADD", app.keys("schedule"), 1, write("a"))
    with Watcher(app, way, "job.due", last="job.due", counts=channel) as watcher:
        assert listeners(app) == 0
        promote(app, "schedule", now_ms())
    assert watcher.names == ["job.due"]


@pytest.mark.parametrize("pattern", ["job.died", "batch.exploded", ""])
def test_what_can_not_be_watched_is_refused(way: Way, app: App, pattern: str) -> None:
    """Nobody waits for what is never told: of jobs, each process knows its own only."""
    with Watcher(app, way, pattern, last="") as watcher:
        pass
    assert isinstance(watcher.error, ConfigError)
    assert " here: there are batch.progress" in str(watcher.error)


@pytest.mark.parametrize("prefix", ["", "a*[b]?:", "back\\slash:"])
def test_batches_of_other_prefixes_are_not_heard(way: Way, url: str, prefix: str) -> None:
    """The prefix is no pattern, whatever it is made of."""
    mine, other = App(url, prefix=prefix), App(url, prefix="axxbx:" if prefix else "other:")
    with Watcher(mine, way, last="batch.settled") as watcher:
        batches = other.batch(), mine.batch()
        for batch in batches:
            with batch.jobs():
                pass
    assert {change.bid for change in watcher.heard} == {batches[1].bid}
    for app in (mine, other):
        raw(app, "FLUSHALL")
        app.close()


def test_a_cut_is_told(way: Way, app: App) -> None:
    """Whoever keeps count reads anew then: what was said meanwhile was not heard."""
    batch = app.batch()
    with Watcher(app, way, "*", last="batch.settled") as watcher:
        until(lambda: watcher.names == ["watch.began"])
        raw(app, "CLIENT", "KILL", "TYPE", "pubsub")
        until(lambda: watcher.names == ["watch.began"] * 2)
        assert watcher.heard[0].bid == ""
        with batch.jobs():
            pass
    assert watcher.heard[-1].bid == batch.bid


def test_who_may_not_listen_is_told(way: Way, app: App) -> None:
    """There is nothing else that it could do instead, so it does not wait in silence."""
    raw(app, "ACL", "SETUSER", "deaf", "on", ">least", "~*", "+@all", "-psubscribe")
    deaf = App(as_user(app.url, "deaf"))
    with Watcher(deaf, way, last="batch.settled") as watcher:
        pass
    assert isinstance(watcher.error, StoreError)
    assert "does not let this user listen to batch-*: " in str(watcher.error)
    raw(app, "ACL", "DELUSER", "deaf")
    deaf.close()


def test_producers_do_not_hear_of_jobs(way: Way, app: App) -> None:
    """News have the arguments of jobs with them."""
    app.perform(make_user("producer", rights_of("producer"), app.keys))
    producer = App(as_user(app.url, "producer"))
    with Watcher(producer, way, "job.due", last="job.due", counts="none") as watcher:
        pass
    assert isinstance(watcher.error, StoreError)
    assert "does not let this user listen to o:news:job.due: " in str(watcher.error)
    raw(app, "ACL", "DELUSER", "producer")
    producer.close()


def test_where_nobody_watches_nobody_listens(app: App, hands: Hands) -> None:
    """Handlers alone make no connection, and a generator that is not begun makes none."""
    app.events.on("batch.*")(lambda event: None)
    app.events.watch()
    with app.batch().jobs():
        pass
    assert listeners(app) == 0
