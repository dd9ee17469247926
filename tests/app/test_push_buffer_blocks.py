"""Whole batches while the server is away: all or nothing, of any size, or a clear error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from outrider import App, PushBufferFull, StoreUnavailable
from outrider import staging as stagings
from outrider.script import command
from tests.app.outage import Outage, buffer_of, job_of, numbers, outage, sent

pytestmark = pytest.mark.wide  # outages of single connections

__all__ = ["outage"]


def called(status: Any, **options: Any) -> None: ...


@pytest.fixture
def producer(outage: Outage) -> App:
    """A producer with a target for callbacks."""
    one = outage.producer()
    one.job(name="called")(called)
    return one


@pytest.fixture
def chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks are large from the fifth job on."""
    monkeypatch.setattr(stagings, "MAX_LOAD", 5)
    monkeypatch.setattr(stagings, "CHUNK", 5)


def fill(producer: App, first: int, count: int) -> str:
    """A batch with a callback; its bid."""
    batch = producer.batch(description="kept").on("success", "called", tag=1)
    with batch.jobs():
        for number in range(first, first + count):
            job_of(producer).enqueue(number)
    return batch.bid


def push(
    producer: App,
    count: int,
    *,
    then: Callable[[], None] = lambda: None,
    more: int = 0,
    wrong: bool = False,
) -> None:
    """Push some jobs, have something happen, and push more."""
    for number in range(count):
        job_of(producer).enqueue(number)
    then()
    for number in range(count, count + more):
        job_of(producer).enqueue(number)
    if wrong:
        job_of(producer).enqueue()


def test_a_batch_is_kept_as_a_whole(outage: Outage, producer: App) -> None:
    """With its callbacks, and in its turn between other pushes."""
    outage.line.down()
    job_of(producer).enqueue(0)
    bid = fill(producer, 1, 3)
    job_of(producer).enqueue(4)
    assert buffer_of(producer).jobs == 5
    assert outage.app.batches.get(bid) is None
    outage.line.up()
    sent(producer)
    assert numbers(outage.app) == [0, 1, 2, 3, 4]
    status = outage.app.batches[bid]
    assert (status.total, status.pending, status.description) == (3, 3, "kept")
    fields = outage.app.perform(command("HGETALL", f"o:batch:{bid}", decode=lambda all: all))
    assert b"callbacks:success" in fields


def test_batches_in_batches_are_kept(outage: Outage, producer: App) -> None:
    """A tree that is made in one block goes in one step."""
    outage.line.down()
    root = producer.batch()
    with root.jobs():
        job_of(producer).enqueue(1)
        child = producer.batch()
        with child.jobs():
            job_of(producer).enqueue(2)
    empty = producer.batch()
    with empty.jobs():
        pass
    outage.line.up()
    sent(producer)
    assert outage.app.batches[root.bid].child_bids == [child.bid]
    assert outage.app.batches[child.bid].total == 1
    assert outage.app.batches[empty.bid].is_success


def test_a_batch_keeps_its_time(outage: Outage, producer: App) -> None:
    """It was made when it was made."""
    outage.line.down()
    bid = fill(producer, 0, 1)
    assert not buffer_of(producer).flush(0.1)
    made = payloads_of(buffer_of(producer))
    outage.line.up()
    sent(producer)
    created = outage.app.batches[bid].created_at
    assert created is not None
    assert abs(created.timestamp() - made) < 0.05


def payloads_of(buffer: Any) -> float:
    """When the first kept job was made."""
    import msgspec

    (entry,) = buffer._store.head()
    ((_, arguments, _),) = msgspec.msgpack.decode(entry.requests)
    return float(msgspec.json.decode(arguments["queues"][0][1][0])["created_at"])


@pytest.mark.usefixtures("chunks")
def test_a_large_block_is_kept_as_a_whole(outage: Outage, producer: App) -> None:
    """Its chunks wait for the commit; nothing of it can be seen before."""
    outage.line.down()
    bid = fill(producer, 0, 23)
    assert buffer_of(producer).jobs == 23
    outage.line.up()
    sent(producer)
    assert sorted(numbers(outage.app)) == list(range(23))
    assert outage.app.batches[bid].total == 23
    assert outage.app.perform(command("KEYS", "o:staged:*", decode=list)) == []


@pytest.mark.usefixtures("chunks")
def test_a_large_block_left_by_an_exception(outage: Outage, producer: App) -> None:
    """What had been kept ready is kept no more."""
    outage.line.down()
    with pytest.raises(TypeError), producer.batch().jobs():
        push(producer, 12, wrong=True)
    assert buffer_of(producer).spilled == 0


@pytest.mark.usefixtures("chunks")
def test_a_block_of_which_a_part_was_sent(outage: Outage, producer: App) -> None:
    """It can't be kept, as what was sent lapses: the error says so, and nothing was pushed."""
    batch = producer.batch()
    with pytest.raises(StoreUnavailable), batch.jobs():
        push(producer, 8, then=outage.line.down, more=12)
    other = producer.batch()
    outage.line.up()
    with pytest.raises(StoreUnavailable, match="the server has taken a part"), other.jobs():
        push(producer, 8, then=outage.line.down)
    outage.line.up()
    assert buffer_of(producer).spilled == 0
    assert outage.app.stats.enqueued == 0
    assert len(outage.app.batches) == 0


@pytest.mark.usefixtures("chunks")
def test_a_part_kept_and_a_part_sent(outage: Outage, producer: App) -> None:
    """A server that is back before the end takes all of it."""
    root = producer.batch()
    with root.jobs():
        outage.line.down()
        for number in range(8):
            job_of(producer).enqueue(number)
        outage.line.up()
        child = producer.batch()
        with child.jobs():
            for number in range(8, 20):
                job_of(producer).enqueue(number)
    sent(producer)
    assert outage.app.queues["default"].size == 20
    assert outage.app.batches[root.bid].total == 8
    assert outage.app.batches[child.bid].total == 12


@pytest.mark.usefixtures("chunks")
def test_a_large_block_that_does_not_fit(outage: Outage) -> None:
    """It is refused as soon as that is known, and nothing of it is kept."""
    producer = outage.producer(jobs=12)
    outage.line.down()
    taken: list[object] = []

    def fill_up() -> None:
        taken.extend(job_of(producer).enqueue(number) for number in range(100))

    with pytest.raises(PushBufferFull), producer.batch().jobs():
        fill_up()
    assert len(taken) < 20
    assert buffer_of(producer).jobs == 0


@pytest.mark.usefixtures("chunks")
def test_what_was_staged_lapses_at_replay(outage: Outage, producer: App) -> None:
    """All is staged anew from its first chunk: between staging and commit the line went down."""
    outage.line.down()
    bid = fill(producer, 0, 23)
    outage.line.plan.extend(["", "", "", "reply lost", "request cut", "request cut"])
    buffer = buffer_of(producer)
    fix = buffer._store.fix

    def forget(group: list[Any], ticket: Any) -> None:
        fix(group, ticket)
        buffer._store.fix = fix  # type: ignore[method-assign]
        staged = outage.app.perform(command("KEYS", "o:staged:*", decode=list))
        outage.app.perform(command("DEL", *staged, decode=int))

    buffer._store.fix = forget  # type: ignore[method-assign]
    outage.line.up()
    sent(producer)
    assert sorted(numbers(outage.app)) == list(range(23))
    assert outage.app.batches[bid].total == 23


@pytest.mark.usefixtures("chunks")
@pytest.mark.parametrize("harmed", range(7))
def test_a_reply_is_lost_while_a_block_is_sent(outage: Outage, producer: App, harmed: int) -> None:
    """Whichever request it is, the next attempt meets nothing of this one."""
    outage.line.down()
    bid = fill(producer, 0, 18)
    outage.line.plan.extend([""] * harmed + ["reply lost"])
    outage.line.up()
    sent(producer)
    assert sorted(numbers(outage.app)) == list(range(18))
    assert outage.app.batches[bid].total == 18


@pytest.mark.parametrize("harm", ["reply lost", "request cut"])
def test_a_commit_whose_outcome_is_unknown_counts_once(
    outage: Outage, producer: App, harm: str
) -> None:
    """It is kept with its ticket."""
    job_of(producer).enqueue(0)
    outage.line.plan.extend([harm] * 30)
    bid = fill(producer, 1, 3)
    outage.line.plan.clear()
    sent(producer)
    assert numbers(outage.app) == [0, 1, 2, 3]
    assert outage.app.batches[bid].total == 3


def add(producer: App, batch: Any) -> None:
    with batch.jobs():
        job_of(producer).enqueue(2)


def listen(producer: App, batch: Any) -> None:
    batch.on("complete", "called")


def hold(producer: App, batch: Any) -> None:
    with batch.open():
        pass


def give_birth(producer: App, batch: Any) -> None:
    with batch.jobs(), producer.batch().jobs():
        pass


NEEDS: list[Callable[[App, Any], None]] = [add, listen, hold, give_birth]


@pytest.mark.parametrize("act", NEEDS, ids=lambda act: act.__name__)
@pytest.mark.parametrize("kept", [False, True], ids=["on the server", "kept"])
def test_what_needs_the_server_raises(
    outage: Outage, act: Callable[[App, Any], None], *, kept: bool
) -> None:
    """What would need an answer can't be kept, be the batch on the server or kept itself."""
    producer = outage.producer()
    producer.job(name="called")(called)
    producer.timeout = 0.3
    batch = producer.batch()
    if kept:
        outage.line.down()
    with batch.jobs():
        job_of(producer).enqueue(1)
    outage.line.down()
    with pytest.raises(StoreUnavailable, match="can't be kept in the push buffer"):
        act(producer, batch)
    outage.line.up()
    sent(producer)
    assert outage.app.batches[batch.bid].total == 1
    act(producer, batch)
