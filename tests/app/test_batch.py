"""Batches: blocks of jobs, callbacks, and what is added from outside."""

from __future__ import annotations

import json
from typing import Any

import pytest

import outrider
from outrider import App, BatchFinished, BatchNotFound, ConfigError, EnqueueError, NotSerializable
from outrider.batch import Batch
from outrider.job import Job
from outrider.payload import decode
from outrider.store.queue import Other
from tests.app.conftest import Way, closing, loop
from tests.app.hands import Hands, counts, fields, inside, listed, raw, scored

HERE = "tests.app.test_batch"


def resize(image_id: int) -> None: ...


def publish(status: Any, gallery_id: int, note: str = "") -> None: ...


async def apublish(status: Any, *, gallery_id: int) -> None: ...


class Gallery:
    def on_success(self, status: Any, options: dict[str, Any]) -> None: ...

    def on_death(self, status: Any, options: dict[str, Any]) -> None: ...

    def page(self, status: Any, options: dict[str, Any]) -> None: ...


class Unmarked:
    def on_success(self, status: Any, options: dict[str, Any]) -> None: ...


@pytest.fixture
def job(app: App) -> Job[..., None]:
    """A job; and the targets of callbacks, registered."""
    app.job(publish)
    app.job(queue="urgent")(apublish)
    app.callbacks(Gallery)
    return app.job(resize)


class Both(Way):
    """Fills a batch by `with` or by `async with`."""

    def fill(self, batch: Batch, *jobs: Any, error: Exception | None = None) -> list[str]:
        async def block() -> list[str]:
            async with closing(self.app), batch.jobs():
                jids = [(await job.aenqueue(number)).jid for number, job in enumerate(jobs)]
                if error is not None:
                    raise error
                return jids

        if self.is_async:
            return loop(self.app, block())
        with batch.jobs():
            jids = [job.enqueue(number).jid for number, job in enumerate(jobs)]
            if error is not None:
                raise error
        return jids


@pytest.fixture(params=["sync", "async"])
def both(request: pytest.FixtureRequest, app: App) -> Both:
    """Both kinds of block."""
    return Both(app, is_async=request.param == "async")


# -- blocks ---------------------------------------------------------------------------------------


def test_a_block_makes_its_jobs_members(both: Both, app: App, job: Job[..., None]) -> None:
    """Each knows its batch and its number there; the batch knows how many they are."""
    batch = app.batch(description="Resize gallery 7", tags=["gallery:7"])
    assert len(batch.bid) == 16
    jids = both.fill(batch, job, job, job)
    members = [decode(text.encode()) for text in listed(app)]
    assert [one.jid for one in members] == jids == [f"{batch.bid}0000000{n}" for n in range(3)]
    assert {one.bid for one in members} == {batch.bid}
    status = app.batches[batch.bid]
    assert (status.total, status.pending, status.description) == (3, 3, "Resize gallery 7")
    assert (status.tags, status.callbacks, status.parent_bid) == (["gallery:7"], [], None)


def test_nothing_is_written_before_the_end_of_the_block(
    both: Both, app: App, job: Job[..., None]
) -> None:
    """A batch is a plan until its first block is committed (P58, O1)."""
    batch = app.batch(description="d").on("success", f"{HERE}.publish", gallery_id=7)
    with batch.jobs():
        job.enqueue(1)
        job.enqueue_many([(2,), (3,)])
        assert raw(app, "DBSIZE") == 0
        assert batch.bid not in app.batches
    assert app.batches[batch.bid].total == 3


def test_a_block_that_raises_pushes_nothing(both: Both, app: App, job: Job[..., None]) -> None:
    """All or nothing: neither jobs nor batch, and the error goes on to the caller (P50)."""
    batch = app.batch()
    with pytest.raises(KeyError, match="stop"):
        both.fill(batch, job, job, error=KeyError("stop"))
    assert raw(app, "DBSIZE") == 0
    assert both.fill(batch, job) == [f"{batch.bid}00000000"]
    assert app.batches[batch.bid].total == 1


def test_a_block_added_to_a_batch_is_atomic_too(both: Both, app: App, job: Job[..., None]) -> None:
    """What was there stays as it was."""
    batch = app.batch()
    both.fill(batch, job)
    with pytest.raises(KeyError):
        both.fill(batch, job, job, error=KeyError("stop"))
    assert app.batches[batch.bid].total == len(listed(app)) == 1


def test_an_empty_block_is_a_batch(both: Both, app: App) -> None:
    """It is complete, successful and settled at once (O12)."""
    batch = app.batch()
    both.fill(batch)
    status = app.batches[batch.bid]
    assert (status.total, status.percent) == (0, 100.0)
    assert (status.is_complete, status.is_success, status.is_settled) == (True, True, True)


def test_every_way_of_enqueueing_is_seen_by_the_block(app: App, job: Job[..., None]) -> None:
    """Later, many, by name, with other options: all are members (O15)."""
    batch = app.batch()
    with batch.jobs():
        job.enqueue(1)
        job.enqueue_in(60, 2)
        job.using(queue="low").enqueue_many([(3,), (4,)])
        done = app.enqueue("some.job")
        assert done is not None
        assert done.bid == batch.bid
    assert app.batches[batch.bid].total == 5
    assert (len(listed(app)), len(listed(app, "low")), len(scored(app, "schedule"))) == (2, 2, 1)
    assert fields(app, batch.bid)["queue"] == "default"


def test_jobs_before_and_after_a_block_are_no_members(app: App, job: Job[..., None]) -> None:
    """The block ends with its `with`, also when it was left by an error."""
    batch = app.batch()
    job.enqueue(0)
    with batch.jobs():
        job.enqueue(1)
    with pytest.raises(KeyError), app.batch().jobs():
        raise KeyError
    job.enqueue(2)
    assert [json.loads(text).get("bid") for text in listed(app)] == [None, batch.bid, None]


def test_jobs_of_another_app_go_to_that_app(app: App, url: str, job: Job[..., None]) -> None:
    """A block is a block of one app; the other's jobs leave at once."""
    other = App(url, prefix="other:")
    batch = app.batch()
    with batch.jobs():
        other.enqueue("some.job", queue="q")
        assert raw(other, "LLEN", "other:queue:q") == 1
    assert app.batches[batch.bid].total == 0
    other.close()


def test_a_vetoed_job_is_never_a_member(app: App, job: Job[..., None]) -> None:
    """It leaves no hole in the numbers and is not counted (P53)."""
    app.middleware.enqueue(lambda draft, push: push(draft) if draft.args[0] % 2 else None)
    batch = app.batch()
    with batch.jobs():
        assert job.enqueue(0) is None
        jids = [done.jid for done in (job.enqueue(1), job.enqueue(3)) if done is not None]
    assert jids == [f"{batch.bid}00000000", f"{batch.bid}00000001"]
    assert app.batches[batch.bid].total == 2


def test_a_wrong_call_in_a_block_leaves_the_block_whole(app: App, job: Job[..., None]) -> None:
    """An error that is caught inside costs only its own job."""
    batch = app.batch()
    with batch.jobs():
        job.enqueue(1)
        with pytest.raises(TypeError):
            job.enqueue()
        job.enqueue(2)
    assert counts(app, batch.bid) == {1: 2}
    assert len(Hands(app).work()) == 2
    assert app.batches[batch.bid].is_success


def test_a_block_is_used_once(both: Both, app: App, job: Job[..., None]) -> None:
    """A second `with` over the same block would push its jobs twice (P84)."""
    block = app.batch().jobs()
    with block:
        job.enqueue(1)
        with pytest.raises(EnqueueError, match="a block is used once"):
            block.__enter__()
    with pytest.raises(EnqueueError, match="a block is used once"):
        block.__enter__()
    assert len(listed(app)) == 1


def test_five_thousand_jobs_are_one_request(app: App, job: Job[..., None]) -> None:
    """As many as a block may hold, in one atomic step."""
    batch = app.batch()
    with batch.jobs():
        job.enqueue_many((number,) for number in range(5000))
    assert app.batches[batch.bid].total == len(listed(app)) == 5000


# -- adding ---------------------------------------------------------------------------------------


def test_a_second_block_adds(both: Both, app: App, job: Job[..., None]) -> None:
    """Numbers go on, whoever adds: the same object or one that was opened by id (P84, O12)."""
    batch = app.batch()
    jids = both.fill(batch, *[job] * 3)
    jids += both.fill(batch, *[job] * 70)
    opened = both(app.batches, "open", batch.bid)
    jids += both.fill(opened, job)
    assert len(set(jids)) == 74
    assert app.batches[batch.bid].total == 74
    assert len(Hands(app).work()) == 74
    assert counts(app, batch.bid) == {3: 74}


def test_a_settled_batch_takes_no_more(both: Both, app: App, job: Job[..., None]) -> None:
    """BatchFinished, with and without jobs, and nothing is pushed (P31)."""
    batch = app.batch()
    both.fill(batch, job)
    Hands(app).work()
    for jobs in ([job], []):
        with pytest.raises(BatchFinished) as caught:
            both.fill(batch, *jobs)
        assert str(caught.value) == (f"batch {batch.bid} is settled: nothing can be added any more")
    assert listed(app) == []


def test_a_batch_that_is_gone_takes_no_more(both: Both, app: App, job: Job[..., None]) -> None:
    """BatchNotFound for what has expired meanwhile, also as a KeyError (P49)."""
    batch = app.batch()
    both.fill(batch)
    raw(app, "DEL", app.keys("batch", batch.bid))
    for jobs in ([job], []):
        with pytest.raises(BatchNotFound) as caught:
            both.fill(batch, *jobs)
        assert isinstance(caught.value, KeyError)
    with pytest.raises(BatchNotFound, match="never was, has expired, or was deleted"):
        both(app.batches, "open", batch.bid)


def test_an_added_batch_is_judged_anew(app: App, job: Job[..., None]) -> None:
    """What is added while others still wait must be done before anything fires."""
    batch = app.batch()
    with batch.jobs():
        job.enqueue(1)
    hands = Hands(app)
    token = hands.take()
    with app.batches.open(batch.bid).jobs():
        job.enqueue(2)
    hands.ack(token)
    assert not app.batches[batch.bid].is_complete
    hands.work()
    assert app.batches[batch.bid].is_success


def test_a_member_adds_to_its_batch(both: Both, app: App, job: Job[..., None]) -> None:
    """`current_batch()` in a running job is its batch, open for adding (O2)."""
    batch = app.batch()
    both.fill(batch, job)
    hands = Hands(app)
    claimed = hands.claim()
    with inside(app, claimed.payloads[0], claimed.first, "host:1:ab:0") as running:
        current = outrider.current_batch()
        assert current is not None
        assert (current.bid, running.bid) == (batch.bid, batch.bid)
        both.fill(current, job, job)
        job.enqueue(99)
        assert both(running, "still_mine") is True
    hands.ack(claimed.first)
    with inside(app, claimed.payloads[0], claimed.first, "host:1:ab:0") as running:
        assert both(running, "still_mine") is False
    assert counts(app, batch.bid) == {1: 2, 3: 1}
    assert [json.loads(text).get("bid") for text in listed(app)] == [batch.bid] * 2 + [None]
    hands.work()
    assert app.batches[batch.bid].is_success


def test_a_callback_cannot_add_to_the_batch_that_called_it(
    both: Both, app: App, job: Job[..., None]
) -> None:
    """BatchFinished: its event has fired already."""
    batch = app.batch().on("complete", f"{HERE}.publish", gallery_id=7)
    both.fill(batch)
    (text,) = listed(app)
    with inside(app, text) as running:
        assert running.callback_of == batch.bid
        assert outrider.current_batch() is None
        with pytest.raises(BatchFinished, match="a callback can't add to batch"):
            both.fill(app.batches.open(batch.bid), job)
    assert len(Hands(app).work()) == 1


# -- callbacks ------------------------------------------------------------------------------------


def called(app: App) -> list[dict[str, Any]]:
    """Run everything; the callbacks that came."""
    jobs = Hands(app, child="9").work("default", "low", "critical", "urgent")
    return [one for one in jobs if "cb" in one]


TARGETS: list[tuple[str, Any, dict[str, Any], str, list[Any], dict[str, Any] | None]] = [
    ("success", "job", {"gallery_id": 7}, f"{HERE}.publish", [], {"gallery_id": 7}),
    ("success", f"{HERE}.publish", {"gallery_id": 7}, f"{HERE}.publish", [], {"gallery_id": 7}),
    ("settled", f"{HERE}.apublish", {"gallery_id": 7}, f"{HERE}.apublish", [], {"gallery_id": 7}),
    ("success", Gallery, {"uid": 1}, f"{HERE}:Gallery.on_success", [{"uid": 1}], None),
    ("success", Gallery, {}, f"{HERE}:Gallery.on_success", [{}], None),
    ("complete", f"{HERE}:Gallery.page", {}, f"{HERE}:Gallery.page", [{}], None),
]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("event", "target", "options", "name", "args", "kwargs"), TARGETS, ids=range(len(TARGETS))
)
def test_targets(
    way: Way,
    app: App,
    job: Job[..., None],
    when: str,
    event: str,
    target: Any,
    options: dict[str, Any],
    name: str,
    args: list[Any],
    kwargs: dict[str, Any] | None,
) -> None:
    """A job, a class, or the name of either; options as keywords for functions, else as a dict."""
    target = app.registry.get(f"{HERE}.publish") if target == "job" else target
    batch = app.batch()
    if when == "before":
        assert way(batch, "on", event, target, **options) is batch
    with batch.jobs():
        job.enqueue(1)
    if when == "after":
        assert way(batch, "on", event, target, **options) is batch
    (found,) = called(app)
    assert (found["class"], found["args"], found.get("kwargs")) == (name, args, kwargs)
    assert found["cb"] == f"{batch.bid}:{event}:0"
    assert app.batches[batch.bid].callbacks == [(event, name, "succeeded")]


def test_death_calls_back_too(app: App, job: Job[..., None]) -> None:
    """Once, however many die (P38, O11)."""
    batch = app.batch().on("death", Gallery, uid=1)
    with batch.jobs():
        job.enqueue_many([(1,), (2,)])
    hands = Hands(app)
    first = hands.claim(want=2).first
    hands.ack(Other("gone", first), Other("gone", first + 1))
    (found,) = called(app)
    assert (found["class"], found["args"]) == (f"{HERE}:Gallery.on_death", [{"uid": 1}])


REFUSED: list[tuple[str, Any, dict[str, Any], type[Exception], str]] = [
    ("finished", f"{HERE}.publish", {}, ConfigError, "no event 'finished': a batch has complete,"),
    ("Success", f"{HERE}.publish", {}, ConfigError, "no event 'Success'"),
    ("success", publish, {}, ConfigError, "can't be called back: it is neither a job of this app"),
    ("success", Unmarked, {}, ConfigError, "nor a class marked @app.callbacks"),
    ("success", "no.such.job", {}, ConfigError, "'no.such.job' can't be called back"),
    ("success", f"{HERE}:Unmarked.on_success", {}, ConfigError, "can't be called back"),
    ("complete", Gallery, {}, ConfigError, "Gallery has no method on_complete(self, status, opt"),
    ("success", f"{HERE}:Gallery.nothing", {}, ConfigError, "has no method nothing"),
    ("success", 5, {}, ConfigError, "5 can't be called back"),
    ("success", None, {}, ConfigError, "None can't be called back"),
    ("success", f"{HERE}.publish", {}, TypeError, "missing a required argument: 'gallery_id'"),
    ("success", f"{HERE}.publish", {"gallery_id": 1, "x": 2}, TypeError, "argument 'x'"),
    ("success", f"{HERE}.publish", {"status": 1, "gallery_id": 1}, TypeError, "'status'"),
    ("success", f"{HERE}.publish", {"gallery_id": 1, "note": {1}}, NotSerializable, "note: set"),
    ("success", Gallery, {"x": {1}}, NotSerializable, "x: set is not plain JSON"),
]


@pytest.mark.parametrize("exists", [False, True], ids=["planned", "committed"])
@pytest.mark.parametrize(
    ("event", "target", "options", "kind", "message"), REFUSED, ids=range(len(REFUSED))
)
def test_what_cannot_be_called_back_is_refused_by_on(
    way: Way,
    app: App,
    job: Job[..., None],
    exists: bool,
    event: str,
    target: Any,
    options: dict[str, Any],
    kind: type[Exception],
    message: str,
) -> None:
    """A wrong callback is told where it is given, not when the batch is done (P10, O5)."""
    batch = app.batch()
    if exists:
        with batch.jobs():
            job.enqueue(1)
    with pytest.raises(kind) as caught:
        way(batch, "on", event, target, **options)
    assert message in str(caught.value)
    if exists:
        assert app.batches[batch.bid].callbacks == []


def test_a_job_of_another_app_is_no_target(app: App, job: Job[..., None]) -> None:
    """A worker of this app could not run it."""
    with pytest.raises(ConfigError, match="neither a job of this app"):
        app.batch().on("success", App("redis://h").job(name="elsewhere")(publish), gallery_id=1)


QUEUES = [
    ("critical", "apublish", "critical"),
    ("critical", "publish", "critical"),
    (None, "apublish", "urgent"),
    (None, "publish", "low"),
]


@pytest.mark.parametrize(("given", "target", "home"), QUEUES, ids=str)
def test_the_queue_of_a_callback(
    app: App, job: Job[..., None], given: str | None, target: str, home: str
) -> None:
    """`callback_queue`, else the target's declared one, else that of the first job (P55, P59)."""
    batch = app.batch(callback_queue=given).on("success", f"{HERE}.{target}", gallery_id=7)
    with batch.jobs():
        job.using(queue="low").enqueue(1)
        job.enqueue(2)
    (found,) = called(app)
    assert found["queue"] == home


def test_the_queue_of_a_callback_added_later(app: App, job: Job[..., None]) -> None:
    """By the batch's id alone: `callback_queue` counts all the same."""
    batch = app.batch(callback_queue="critical")
    with batch.jobs():
        job.enqueue(1)
    later = app.batches.open(batch.bid)
    later.on("complete", f"{HERE}.apublish", gallery_id=7)
    later.cancel()
    later.on("settled", f"{HERE}.apublish", gallery_id=8)
    found = [json.loads(text)["cb"].split(":")[1] for text in listed(app, "critical")]
    assert found == ["complete", "settled"]
    Hands(app).work("critical")


def test_a_wrong_batch_is_refused(app: App) -> None:
    """Before anything is written (P9)."""
    with pytest.raises(ConfigError, match="is no queue name"):
        app.batch(callback_queue="a b")
    with pytest.raises(ConfigError, match="tags must be a list of texts"):
        app.batch(tags="abc")


def test_nobody_listens_to_a_batch_that_is_gone(way: Way, app: App, job: Job[..., None]) -> None:
    """BatchNotFound when it has expired meanwhile."""
    batch = app.batch()
    with batch.jobs():
        pass
    raw(app, "DEL", app.keys("batch", batch.bid))
    with pytest.raises(BatchNotFound):
        way(batch, "on", "success", Gallery)
