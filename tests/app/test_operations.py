"""Operations: what is done to all jobs that match a filter, by whoever, step by step."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from outrider import App, ConfigError, FilterError, OperationNotFound
from outrider.clock import now, now_ms, utc
from outrider.hub import Flow
from outrider.operations import driving
from outrider.operations.driving import drive
from outrider.operations.operations import Operation
from outrider.store import operation as store
from outrider.store.queue import Other
from outrider.worker.operating import Operator
from tests.app.conftest import Way, closing, loop
from tests.app.hands import Hands, listed, put, raw, scored, write


def jid(number: int) -> str:
    """A jid."""
    return f"{number:024x}"


def texts(*numbers: int, home: str = "default", **fields: Any) -> list[str]:
    """Payloads of plain jobs."""
    return [write(jid(number), home, n=number, **fields) for number in numbers]


def lay(app: App, name: str, *payloads: str, score: float = 5.5) -> None:
    """Put payloads into a set."""
    raw(app, "ZADD", app.keys(name), *(word for text in payloads for word in (score, text)))


def numbers(payloads: list[str]) -> list[int]:
    """Which jobs these are."""
    return [json.loads(text)["n"] for text in payloads]


def results(operation: Operation) -> tuple[Any, ...]:
    """How it stands."""
    now = operation.reading
    return now.state, now.scanned, now.matched, now.done, now.refused


def steps(app: App, operation: Operation, driver: str = "one") -> Iterator[None]:
    """Perform it request by request; each stop may be the last."""
    flow: Flow[None] = drive(app.keys, operation.id, driver, now_ms)
    try:
        call = next(flow)
        while True:
            answer = app.perform(call)
            yield
            call = flow.send(answer)
    except StopIteration:
        return


# -- what is done ---------------------------------------------------------------------------------


def test_it_deletes_what_matches_wherever_it_lies(way: Way, app: App) -> None:
    """All places in one operation; what does not match stays as it is, in its order."""
    put(app, "default", *texts(*range(10)))
    put(app, "low", *texts(10, 11, home="low"))
    lay(app, "retry", *texts(20, 21), score=now())
    lay(app, "schedule", *texts(30, 31), score=now() + 60)
    lay(app, "dead", *texts(40, 41), score=now() - 60)
    raw(app, "LPUSH", app.keys("held", "app.job"), *texts(50, 51))
    raw(app, "SADD", app.keys("heldnames"), "app.job")
    wanted = ",".join(map(jid, (1, 2, 8, 11, 20, 31, 40, 50)))
    operation = way(app.operations, "start", "delete", f"jid:{wanted}", by="me")
    assert results(operation) == ("running", 0, 0, 0, 0)
    assert (operation.verb, operation.by, operation.ended_at) == ("delete", "me", None)
    way(operation, "run")
    assert results(operation) == ("done", 20, 8, 8, 0)
    assert operation.ended_at >= operation.started_at >= operation.as_of
    assert numbers(listed(app)) == [0, 3, 4, 5, 6, 7, 9]
    assert numbers(listed(app, "low")) == [10]
    for name, left in (("retry", [21]), ("schedule", [30]), ("dead", [41])):
        assert numbers([text for text, _ in scored(app, name)]) == left
    assert app.held["app.job"].size == 1
    assert len(app.trash) == 8
    assert {job.operation for job in app.trash} == {operation.id}


def test_a_held_list_that_is_emptied_is_known_no_more(app: App) -> None:
    raw(app, "LPUSH", app.keys("held", "app.job"), *texts(1, 2))
    raw(app, "SADD", app.keys("heldnames"), "app.job")
    assert app.operations.start("delete", "job:app.job").run().done == 2
    assert raw(app, "EXISTS", app.keys("heldnames")) == 0


def test_it_retries_what_failed(way: Way, app: App) -> None:
    """Attempts by hand do not count; deadlines go; each goes to the queue that it names."""
    lay(app, "retry", *texts(1, retry_count=2, expiry=9.5), *texts(2, home="low"), score=now() + 9)
    lay(app, "dead", *texts(3, retry_count=25), "no job", score=now() - 60)
    lay(app, "schedule", *texts(4), score=now() + 60)
    put(app, "default", *texts(5))
    operation = way(way(app.operations, "start", "retry", "-word"), "run")
    assert results(operation) == ("done", 4, 4, 3, 1)
    assert numbers(listed(app)) == [5, 1, 3]
    assert numbers(listed(app, "low")) == [2]
    first, third = json.loads(listed(app)[1]), json.loads(listed(app)[2])
    assert (first["retry_count"], third["retry_count"]) == (1, 24)
    assert "expiry" not in first
    assert "enqueued_at" in first
    assert [text for text, _ in scored(app, "dead")] == ["no job"]
    assert numbers([text for text, _ in scored(app, "schedule")]) == [4]


def test_what_is_delayed_is_retried_where_the_filter_says_so(app: App) -> None:
    lay(app, "schedule", *texts(1, expiry=9.5), score=now() + 60)
    assert app.operations.start("retry", "job:app.job").run().matched == 0
    assert app.operations.start("retry", "state:scheduled").run().done == 1
    assert json.loads(listed(app)[0])["expiry"] == 9.5


def test_it_kills(way: Way, app: App) -> None:
    """The dead set keeps its bounds; who is dead already stays as it is."""
    put(app, "default", *texts(1, 2))
    lay(app, "retry", *texts(3), score=now() + 60)
    lay(app, "dead", *texts(4), score=now() - 60)
    operation = way(way(app.operations, "start", "kill", "job:app.*"), "run")
    assert results(operation) == ("done", 3, 3, 3, 0)
    assert sorted(numbers([text for text, _ in scored(app, "dead")])) == [1, 2, 3, 4]
    assert not listed(app)
    assert not scored(app, "retry")


def test_it_tells_the_batches(app: App) -> None:
    """Members and callbacks, with the events that are due, in the step that takes them."""
    batch = app.batch()
    batch.on("complete", app.job(name="called")(lambda status: None))
    with batch.jobs():
        for i in range(20):
            app.enqueue("member", [i])
    app.operations.start("kill", "job:member arg.0=3").run()
    status = app.batches[batch.bid]
    assert (status.dead, status.pending) == (1, 20)
    assert status.failure_info[0].error_message == "killed by hand"
    app.operations.start("delete", "job:member state:queued").run()
    status.refresh()
    assert (status.dead, status.pending, status.is_complete) == (1, 1, True)
    app.operations.start("retry", "job:member").run()
    assert (status.refresh().dead, status.failures) == (0, 1)
    app.operations.start("delete", "job:called").run()
    assert [one.state for one in status.refresh().callbacks] == ["deleted"]
    app.operations.start("delete", f"batch:{batch.bid}").run()
    assert status.refresh().is_settled
    assert not status.is_success


def test_a_dead_job_of_a_cancelled_batch_is_refused(app: App, hands: Hands) -> None:
    """As by hand; what else matches goes on."""
    batch = app.batch()
    with batch.jobs():
        app.enqueue("member")
        app.enqueue("member")
    first = hands.take()
    assert hands.ack(Other("dead", first, listed_payload(app))) == []
    batch.cancel()
    lay(app, "dead", *texts(1), score=now() - 60)
    later = utc(hands.now / 1000)
    operation = app.operations.start("retry", "state:dead", as_of=later).run()
    assert results(operation) == ("done", 2, 2, 1, 1)


def listed_payload(app: App) -> str:
    """The payload of the claim there is."""
    held = raw(app, "HVALS", app.keys("claims", "host:1:ab:0"))
    return str(held[0].decode())


def test_jobs_on_their_way_are_meant_too(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """They arrive first."""
    monkeypatch.setattr("outrider.staging.LIMIT", 5, raising=False)
    put(app, "default", *texts(1))
    batch = app.batch()
    with batch.jobs():
        for i in range(5001):
            app.enqueue("member", [i])
    assert app.queues["default"].size == 5002
    operation = app.operations.start("delete", "job:member").run()
    assert (operation.done, numbers(listed(app))) == (5001, [1])
    assert app.batches[batch.bid].is_settled


# -- what is not touched --------------------------------------------------------------------------


def test_what_came_later_is_left_alone(way: Way, app: App) -> None:
    """By the time at which it came to where it lies."""
    then = now() - 100
    for late in (False, True):
        at, n = then + (50 if late else -50), int(late)
        put(app, "default", *texts(n, enqueued_at=at, created_at=1.5))
        lay(app, "retry", *texts(10 + n, failed_at=1.5, retried_at=at), score=now() + 99)
        lay(app, "retry", *texts(20 + n, failed_at=at), score=now() + 99)
        lay(app, "schedule", *texts(30 + n, created_at=at), score=now() + 99)
        lay(app, "dead", *texts(40 + n, failed_at=1.5), score=at)
    operation = way(app.operations, "start", "delete", "job:app.job", as_of=utc(then))
    assert results(way(operation, "run")) == ("done", 10, 5, 5, 0)
    assert numbers(listed(app)) == [1]
    left = [n for name in ("retry", "schedule", "dead") for n, _ in scored(app, name)]
    assert numbers(left) == [11, 21, 31, 41]


def test_more_than_was_expected_is_not_touched(way: Way, app: App) -> None:
    """It ends as failed, and says why; as many as were expected are fine."""
    put(app, "default", *texts(*range(5)))
    operation = way(app.operations, "start", "delete", "job:app.job", expect=4)
    way(operation, "run")
    assert (operation.state, operation.done, app.queues["default"].size) == ("failed", 0, 5)
    assert operation.error == "more jobs match than the 4 that were expected"
    assert app.operations.start("delete", "job:app.job", expect=5).run().done == 5


def test_it_never_touches_neighbours(app: App) -> None:
    """Equal scores, equal beginnings, copies, what is no job: known by its exact bytes."""
    lay(app, "dead", *texts(1), *texts(1, more="more"), "no job", "{", *texts(2), score=7)
    put(app, "default", *texts(1), "no job", *texts(1, more="more"), *texts(1))
    operation = app.operations.start("delete", f'jid:{jid(1)} -"more"').run()
    assert operation.done == 3
    assert [text for text, _ in scored(app, "dead")] == sorted(
        ["no job", "{", *texts(2), *texts(1, more="more")]
    )
    assert listed(app) == ["no job", *texts(1, more="more")]


def test_a_page_that_moves_while_it_is_looked_at(app: App, hands: Hands) -> None:
    """Workers take from the front, and give back to it: all behind is found where it is then."""
    put(app, "default", *texts(*range(900)))
    operation = app.operations.start("delete", "job:app.job -tag:x")
    for turn, _ in enumerate(steps(app, operation)):
        if turn % 3 == 0 and app.queues["default"].size > 20:
            token = hands.take()
            if turn % 2:
                assert hands.ack(Other("release", token)) == []
    assert operation.refresh().state == "done"
    left = app.queues["default"].size
    assert operation.done + left + raw(app, "HLEN", app.keys("claims", "host:1:ab:0")) == 900
    assert left <= 3


# -- steps ----------------------------------------------------------------------------------------


def test_it_is_resumed_wherever_it_was_left(app: App) -> None:
    """Each request may be the last of whoever performs it: the next one goes on, nothing twice."""
    many = 40

    def fill() -> Operation:
        raw(app, "FLUSHALL")
        put(app, "default", *texts(*range(many)))
        lay(app, "dead", *texts(*range(100, 100 + many)), "no job", score=now() - 60)
        lay(app, "retry", *texts(*range(200, 200 + many)), score=now() + 60)
        return app.operations.start("retry", "-word")

    monkey = pytest.MonkeyPatch()
    monkey.setattr(driving, "STEP", 15)
    total = sum(1 for _ in steps(app, fill()))
    assert total > 12
    for stop in range(total):
        operation = fill()
        for turn, _ in enumerate(steps(app, operation, "first")):
            if turn == stop:
                break
        for _ in steps(app, operation, "second"):
            pass
        assert results(operation.refresh()) == ("done", 2 * many + 1, 2 * many + 1, 2 * many, 1)
        assert app.queues["default"].size == 3 * many
    monkey.undo()


def test_two_who_perform_it_do_no_step_twice(app: App) -> None:
    """One of them sees that the other does, and stops."""
    put(app, "default", *texts(*range(2000)))
    operation = app.operations.start("kill", "job:app.job")
    one, other = steps(app, operation, "one"), steps(app, operation, "other")
    ended: list[Iterator[None]] = []
    while len(ended) < 2:
        for performer in (one, other):
            if performer not in ended and next(performer, "over") == "over":
                ended.append(performer)
                if len(ended) == 1 and not operation.refresh().is_over:
                    assert operation.done < 2000
    assert results(operation.refresh()) == ("done", 2000, 2000, 2000, 0)


def test_it_can_be_cancelled_between_any_two_steps(way: Way, app: App) -> None:
    """What is done stays done, and nothing more is."""
    put(app, "default", *texts(*range(1000)))
    operation = app.operations.start("delete", "job:app.job")
    performer = steps(app, operation)
    while not operation.refresh().done:
        next(performer)
    done = operation.done
    way(operation, "cancel")
    assert (operation.state, operation.done) == ("cancelled", done)
    assert [*performer] == [None] * len([]) or operation.refresh().done == done
    assert app.queues["default"].size == 1000 - done
    assert way(operation, "cancel").ended_at == operation.ended_at
    assert way(operation, "run").state == "cancelled"


def test_a_step_that_was_done_is_not_done_again(app: App) -> None:
    """Whoever sends it: the number says so."""
    put(app, "default", *texts(1, 2))
    operation = app.operations.start("delete", "job:app.job")
    step = {
        "id": operation.id,
        "driver": "me",
        "act": "trash",
        "place": "queue",
        "name": "default",
        "fields": ["scanned", 1, "matched", 1],
        "ends": "",
        "now": now_ms(),
    }
    for text, number in zip(texts(1, 2), (0, 0), strict=True):
        aims = [store.Aim(len(text), 0, 0, "")]
        fields = app.perform(
            store.operate(app.keys, step=number, aims=aims, payloads=text.encode(), **step)
        )
        assert (fields["step"], fields["done"]) == ("1", "1")
    assert numbers(listed(app)) == [2]


def test_what_can_never_be_done_ends_it(app: App) -> None:
    """A key of another kind would fail for ever."""
    put(app, "default", *texts(1))
    raw(app, "SET", app.keys("retry"), "text")
    operation = app.operations.start("delete", "job:app.job").run()
    assert operation.state == "failed"
    assert "WRONGTYPE" in operation.error
    raw(app, "DEL", app.keys("retry"))


# -- by workers -----------------------------------------------------------------------------------


def test_a_worker_performs_it(app: App, hands: Hands) -> None:
    """Several take turns, and each is ended."""
    put(app, "default", *texts(*range(700)))
    operations = [app.operations.start("delete", f"job:app.job -tag:{n}") for n in range(3)]
    operator = Operator(app.executor, app.keys, "host:1:ab", now_ms)
    operator.add([one.id for one in operations])
    operator.add(["unknown", operations[0].id])
    while operator.tick() == 0.0:
        pass
    assert {one.refresh().state for one in operations} == {"done"}
    assert sum(one.done for one in operations) == 700


# -- records --------------------------------------------------------------------------------------


def test_the_same_key_begins_it_once(way: Way, app: App) -> None:
    """Another wish by the same key is a mistake."""
    first = way(app.operations, "start", "delete", "job:a", key="k1")
    first.run()
    again = way(app.operations, "start", "delete", "job:a", key="k1")
    assert (again.id, again.state) == (first.id, "done")
    assert way(app.operations, "start", "delete", "job:a", key="k2").run().id != first.id
    with pytest.raises(ConfigError, match="the key 'k1' was used to delete 'job:a'"):
        way(app.operations, "start", "kill", "job:a", key="k1")


def test_they_are_known_by_their_ids(way: Way, app: App) -> None:
    """Newest first, in pages; who is unknown is None, or an error."""
    known = [app.operations.start("kill", f"job:j{n}", key=str(n)).run() for n in range(5)]
    for at, one in enumerate(known):
        raw(app, "ZADD", app.keys("operations"), at, one.id)
    ids = [one.id for one in reversed(known)]
    page = way(app.operations, "page", 3)
    assert [one.id for one in page.operations] == ids[:3]
    rest = way(app.operations, "page", 3, page.next)
    assert ([one.id for one in rest.operations], rest.next) == (ids[3:], None)

    async def collect() -> list[str]:
        async with closing(app):
            return [one.id async for one in app.operations]

    found = loop(app, collect()) if way.is_async else [one.id for one in app.operations]
    assert found == ids
    assert way(app.operations, "get", ids[0]).filter == "job:j4"
    assert way(app.operations, "get", "nobody") is None
    with pytest.raises(OperationNotFound, match="operation nobody is unknown"):
        app.operations["nobody"]
    raw(app, "DEL", app.keys("operation", ids[0]))
    with pytest.raises(OperationNotFound):
        way(known[-1], "refresh")
    first = way(app.operations, "page", 1)
    assert (first.operations, first.next) == ([], ids[0]), "pages go on where a record is gone"
    assert [one.id for one in app.operations] == ids[1:]


def test_one_can_wait_for_it(way: Way, app: App) -> None:
    """Until it is over, or not for longer than is said."""
    operation = app.operations.start("kill", "job:x")
    with pytest.raises(TimeoutError, match=r"is not over after 0\.05 s"):
        way(operation, "join", 0.05)
    app.operations[operation.id].run()
    assert way(operation, "join").state == "done"


@pytest.mark.parametrize(
    ("verb", "text", "error", "message"),
    [
        ("undo", "job:x", ConfigError, "to delete, retry or kill, not 'undo'"),
        ("burn", "job:x", ConfigError, "not 'burn'"),
        ("kill", "", ConfigError, "needs a filter"),
        ("kill", "staet:dead", FilterError, "staet"),
    ],
)
def test_wrong_use(app: App, verb: Any, text: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        app.operations.start(verb, text)


# -- undoing --------------------------------------------------------------------------------------


def test_what_was_deleted_can_be_undone(way: Way, app: App) -> None:
    """Jobs go back where they lay, in their order, and to the front of their queues."""
    put(app, "default", *texts(*range(600)))
    lay(app, "retry", *texts(700, 701), score=now() + 60)
    before = listed(app), scored(app, "retry")
    operation = app.operations.start("delete", "job:app.job").run()
    put(app, "default", *texts(900))
    app.queues["default"].delete(jid(900))
    undone = way(way(operation, "undo", by="me"), "run")
    assert (undone.verb, undone.undoes, undone.by) == ("undo", operation.id, "me")
    assert results(undone) == ("done", 602, 602, 602, 0)
    assert (listed(app), scored(app, "retry")) == before
    assert [job.record.jid for job in app.trash] == [jid(900)]


def test_members_stay_deleted(app: App) -> None:
    """Their batch was told so; but who was dead before may go back to the dead set."""
    batch = app.batch()
    with batch.jobs():
        app.enqueue("member")
        app.enqueue("member")
    first = next(iter(app.queues["default"])).jid
    app.queues["default"].kill(first)
    put(app, "default", *texts(1))
    operation = app.operations.start("delete", "job:member,app.job").run()
    undone = operation.undo().run()
    assert (operation.done, undone.done, undone.refused) == (3, 2, 1)
    assert [record.jid for record in app.dead] == [first]
    assert numbers(listed(app)) == [1]
    assert app.batches[batch.bid].dead == 1


def test_an_undoing_is_resumed(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """At any request; what is back is not in the trash any more."""
    monkeypatch.setattr("outrider.store.trash.SLICE", 7)
    put(app, "default", *texts(*range(30)))
    operation = app.operations.start("delete", "job:app.job").run()
    undone = operation.undo()
    while not undone.refresh().is_over:
        performer = steps(app, undone, "a")
        for _ in range(4):
            next(performer, None)
    assert (undone.done, undone.matched, undone.refused) == (30, 30, 0)
    assert numbers(listed(app)) == [*range(30)]


@pytest.mark.parametrize("verb", ["retry", "kill"])
def test_only_deleting_can_be_undone(way: Way, app: App, verb: Any) -> None:
    operation = app.operations.start(verb, "job:x").run()
    with pytest.raises(ConfigError, match="can't be undone"):
        way(operation, "undo")


def test_one_that_runs_can_not_be_undone_yet(app: App) -> None:
    operation = app.operations.start("delete", "job:x")
    with pytest.raises(ConfigError, match="still runs: cancel it first"):
        operation.undo()
    operation.cancel()
    assert operation.undo().run().state == "done"


def test_records_expire(app: App) -> None:
    """A week after the end; never while it runs."""
    operation = app.operations.start("delete", "job:x")
    assert raw(app, "TTL", app.keys("operation", operation.id)) == -1
    operation.run()
    life = timedelta(days=7).total_seconds()
    assert life - 60 < raw(app, "TTL", app.keys("operation", operation.id)) <= life
    assert raw(app, "ZCARD", app.keys("operating")) == 0
