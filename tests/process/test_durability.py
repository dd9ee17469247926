"""What `durability` promises, with a replica that hears and one that does not, and with a disk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import ModuleType

import pytest

from outrider import App, BatchCancelled, NotDurable, StoreError
from outrider.embedded import Server
from outrider.io.exchange import Lane
from outrider.store import queue
from tests.app.hands import on_lane, write
from tests.process.harness import Worker, ask, length, listed, load_work, until
from tests.process.sentinels import Pair


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """A primary and its replica."""
    found = Pair(Path(tmp_path_factory.mktemp("pair")))
    yield found
    found.close()


@pytest.fixture
def work(tmp_path: Path, pair: Pair) -> Iterator[ModuleType]:
    """Jobs on the primary, which is empty."""
    pair.primary.ask("FLUSHALL")
    module = load_work(tmp_path, pair.primary.url, timeout=2.0)
    yield module
    module.app.close()


@pytest.fixture
def deaf(pair: Pair) -> Iterator[None]:
    """The replica hears nothing until the test is over."""
    pair.replica.freeze()
    yield
    pair.replica.thaw()
    until(pair.follows, "the replica follows again")


def waited(app: App, word: str = "wait") -> int:
    """How often the server was asked to wait."""
    for line in ask(app, "INFO", "commandstats").decode().splitlines():
        if line.startswith(f"cmdstat_{word}:"):
            return int(line.partition("calls=")[2].partition(",")[0])
    return 0


def block(app: App, work: ModuleType, durability: str | None = None) -> None:
    """Commit a batch of two jobs."""
    with app.batch().jobs(durability=durability):
        work.mark.enqueue_many([(1,), (2,)])


def ablock(app: App, work: ModuleType) -> None:
    """The same for asyncio."""

    async def commit() -> None:
        async with app.batch().jobs(durability="replicated"):
            await work.mark.aenqueue(1)
        await app.aclose()

    asyncio.run(commit())


def aenqueue(app: App, work: ModuleType) -> None:
    """Push one job from asyncio."""

    async def push() -> None:
        await work.sure.aenqueue(1, 1)
        await app.aclose()

    asyncio.run(push())


Push = Callable[[App, ModuleType], object]
DURABLE: dict[str, Push] = {
    "option": lambda app, work: work.sure.enqueue(1, "x"),
    "asyncio": aenqueue,
    "call": lambda app, work: work.mark.using(durability="replicated").enqueue(1),
    "name": lambda app, work: app.enqueue("some.job", durability="replicated"),
    "later": lambda app, work: work.sure.enqueue_in(60, 1, "x"),
    "many": lambda app, work: work.sure.enqueue_many([(1, "x"), (2, "x")]),
    "block": lambda app, work: block(app, work, "replicated"),
    "asyncio block": ablock,
}


@pytest.mark.parametrize("push", DURABLE.values(), ids=DURABLE)
def test_a_push_returns_when_a_replica_has_it(work: ModuleType, push: Push) -> None:
    """However it is asked for, one request waits, in the same round trip."""
    push(work.app, work)  # the server has the script now
    before = waited(work.app)
    push(work.app, work)
    assert waited(work.app) == before + 1


@pytest.mark.parametrize("push", DURABLE.values(), ids=DURABLE)
def test_a_shortfall_is_told(work: ModuleType, deaf: None, push: Push) -> None:
    """The job is there all the same, and will run: the error says so."""
    with pytest.raises(NotDurable, match="not replicated: no replica has it"):
        push(work.app, work)
    assert work.app.queues["default"].size + len(work.app.scheduled) > 0


def test_what_is_refused_is_no_shortfall(work: ModuleType, deaf: None) -> None:
    """Nothing was written, so nobody is told that it was."""
    batch = work.app.batch()
    with batch.jobs():
        work.mark.enqueue(1)

    def add() -> None:
        with batch.jobs(durability="replicated"):
            work.mark.enqueue(2)
            batch.cancel()

    with pytest.raises(BatchCancelled):
        add()
    assert work.app.batches[batch.bid].total == 1


def test_the_jobs_of_a_shortfall(work: ModuleType, deaf: None) -> None:
    """Those that were pushed without being replicated are named."""
    many = work.mark.using(durability="replicated")
    with pytest.raises(NotDurable) as caught:
        many.enqueue_many([(i,) for i in range(1500)])
    assert len(caught.value.jids) == len(set(caught.value.jids)) == 1000
    assert {job.jid for job in work.app.queues["default"]} == set(caught.value.jids)


def test_a_batch_of_a_shortfall_exists(work: ModuleType, deaf: None) -> None:
    """It is committed, so it can be added to and read."""
    batch = work.app.batch()
    with pytest.raises(NotDurable), batch.jobs(durability="replicated"):
        work.mark.enqueue(1)
    batch.on("success", work.fired, tag="x")
    assert len(work.app.batches[batch.bid].callbacks) == 1
    with batch.jobs():
        work.mark.enqueue(2)
    assert work.app.batches[batch.bid].total == 2


def test_an_apps_durability_holds_where_nothing_else_is_said(work: ModuleType, deaf: None) -> None:
    """A job, a call or a block may ask for none."""
    with closing(App(work.app.url, timeout=2.0, durability="replicated")) as app:
        job = app.job(name="x")(len)
        for push in (job.enqueue_many, lambda calls: app.enqueue("y", calls)):
            with pytest.raises(NotDurable):
                push([("a",)])
        with pytest.raises(NotDurable), app.batch().jobs():
            pass
        before = waited(app)
        job.using(durability="none").enqueue("a")
        app.job(name="z", durability="none")(len).enqueue("a")
        with app.batch().jobs(durability="none"):
            job.enqueue("a")
        assert waited(app) == before
        with pytest.raises(NotDurable), app.batch().jobs(durability="none"):
            job.using(durability="replicated").enqueue("a")
        assert waited(app) == before + 1


def test_a_block_inside_a_block_is_waited_for(work: ModuleType, deaf: None) -> None:
    """They are committed together, so they last together."""
    with pytest.raises(NotDurable), work.app.batch().jobs():
        block(work.app, work, "replicated")


def test_a_large_block_is_waited_for(work: ModuleType, deaf: None) -> None:
    """A wish that went ahead with a chunk counts at the commit."""
    calls = [(i,) for i in range(6000)]
    with pytest.raises(NotDurable), work.app.batch().jobs():  # noqa: PT012
        work.mark.using(durability="replicated").enqueue(-1)
        work.mark.enqueue_many(calls)


def test_a_push_sent_again_is_not_taken_for_replicated(work: ModuleType, deaf: None) -> None:
    """The first answer was lost, so the second connection has written nothing of its own.

    WAIT speaks of the last write of its connection, and would answer at once. O44.
    """
    lane, call = Lane(), queue.push(work.app.keys, queues=[("default", [write("a")])], scheduled=[])
    words = on_lane(call, lane)
    assert ask(work.app, *words) == 1
    with closing(App(work.app.url, timeout=2.0)) as other:
        again = queue.push(other.keys, queues=[("default", [write("a")])], scheduled=[])
        sent = call.__class__(None, words, again.decode).lasting({"replicated"})
        with pytest.raises(NotDurable):
            other.perform(sent)
    assert work.app.queues["default"].size == 1


@pytest.mark.parametrize("name", ["sure", "asure"])
def test_a_callback_waits_for_its_claim(
    tmp_path: Path, pair: Pair, work: ModuleType, name: str
) -> None:
    """A replica that has not heard of the event could fire it again: so the body waits."""
    batch = work.app.batch().on("success", getattr(work, name), tag=name)
    plain = work.app.batch().on("success", work.fired, tag="plain")
    with closing_worker(Worker(tmp_path, work.app, "-c", "2").ready()) as one:
        pair.replica.freeze()
        try:
            for each in (batch, plain):
                with each.jobs():
                    work.mark.enqueue(1)
            until(lambda: one.said("a callback waits for its claim to last") >= 2, "two tries")
            assert listed(work.app, "fired") == ["plain"]
            assert work.app.batches[batch.bid].is_success
        finally:
            pair.replica.thaw()
        until(lambda: length(work.app, "fired") == 2, "it runs")
        assert listed(work.app, "fired") == ["plain", name]
        assert one.stop() == 0
        assert not one.said("ran twice")
    assert work.app.stats.failed == 0


@contextmanager
def closing_worker(one: Worker) -> Iterator[Worker]:
    """Nothing of it is left after the block."""
    try:
        yield one
    finally:
        one.end()


def test_the_disk_is_waited_for(tmp_path: Path) -> None:
    """With an append-only file; without one the error says what the server said."""
    on = {"appendonly": "yes", "appendfsync": "everysec"}
    with Server.start(tmp_path / "on", options=on) as server, closing(App(server.url)) as app:
        app.enqueue("x")
        app.enqueue("x", durability="fsync")
        assert waited(app, "waitaof") == 1
    with Server.start(tmp_path / "off") as server, closing(App(server.url)) as app:
        with pytest.raises(NotDurable, match=r"refused WAITAOF .*appendonly is disabled") as caught:
            app.enqueue("x", durability="fsync")
        assert caught.value.durability == "fsync"
        assert app.queues["default"].size == 1


def test_a_server_that_becomes_a_replica_is_left(pair: Pair, work: ModuleType) -> None:
    """READONLY: the connection is dropped, so that a name is resolved anew; nothing is pushed.

    O41.
    """
    first = ask(work.app, "CLIENT", "ID")
    pair.primary.ask("REPLICAOF", "127.0.0.1", pair.replica.port)
    try:
        with pytest.raises(StoreError, match=r"READONLY|read only replica"):
            work.mark.enqueue(1)
        assert ask(work.app, "CLIENT", "ID") > first + 5
    finally:
        pair.primary.ask("REPLICAOF", "NO", "ONE")
        until(pair.follows, "the replica follows again")
    work.mark.enqueue(2)
    assert work.app.queues["default"].size == 1
