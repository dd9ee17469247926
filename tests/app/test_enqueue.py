"""Enqueueing: every way to hand over a job, for threads and for asyncio."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from outrider import App, ConfigError, EnqueuedJob
from outrider.clock import now
from outrider.job import Job
from outrider.store import queue
from tests.app.conftest import Way
from tests.app.hands import listed, raw, scored

ID = UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")


@dataclass
class Size:
    width: int
    ratio: Decimal


def resize(image_id: int, width: int = 640, *, fast: bool = False) -> str:
    return f"{image_id} {width} {fast}"


async def crawl(url: str) -> int:
    return len(url)


def rich(size: Size, when: datetime, ids: list[UUID]) -> None: ...


@pytest.fixture
def job(app: App) -> Job[..., str]:
    """A job with a parameter of each kind."""
    return app.job(resize)


def only(app: App, name: str = "default") -> dict[str, Any]:
    """The one job on a queue."""
    (text,) = listed(app, name)
    found: dict[str, Any] = json.loads(text)
    return found


def test_a_job_is_enqueued(way: Way, app: App, job: Job[..., str]) -> None:
    """It lies on its queue with all that the worker needs, and the caller knows its id."""
    before = now()
    done = way(job, "enqueue", 42, width=320)
    found = only(app)
    assert done == EnqueuedJob(found["jid"], "tests.app.test_enqueue.resize", "default", None, None)
    assert before <= found.pop("created_at") == found.pop("enqueued_at") <= now()
    assert len(found["jid"]) == 24
    assert found == {
        "jid": done.jid,
        "class": "tests.app.test_enqueue.resize",
        "queue": "default",
        "args": [42],
        "kwargs": {"width": 320},
        "retry": True,
    }
    assert app.perform(queue.names(app.keys)) == ["default"]


def test_a_job_is_still_a_function(app: App, job: Job[..., str]) -> None:
    """Calling it runs it here, with its name and its docstring."""
    assert job(1, fast=True) == "1 640 True"
    assert (vars(job)["__name__"], job.__module__) == ("resize", __name__)
    assert listed(app) == []
    coroutine = app.job(crawl)("abc")
    with pytest.raises(StopIteration) as done:
        coroutine.send(None)
    assert done.value.value == 3


def test_an_async_function_is_a_job_like_any_other(way: Way, app: App) -> None:
    """How a job is written and how it is enqueued have nothing to do with each other."""
    way(app.job(crawl), "enqueue", "https://example.com")
    assert only(app)["args"] == ["https://example.com"]


def test_rich_arguments_travel_as_json(way: Way, app: App) -> None:
    """What the annotations say is converted on the way out."""
    when = datetime(2026, 3, 1, 12, tzinfo=UTC)
    way(app.job(rich), "enqueue", Size(3, Decimal("1.10")), when, ids=[ID])
    found = only(app)
    assert found["args"] == [{"width": 3, "ratio": "1.10"}, "2026-03-01T12:00:00Z"]
    assert found["kwargs"] == {"ids": [str(ID)]}


def test_declared_options_are_written(way: Way, app: App) -> None:
    """What `@app.job(...)` says holds for every call."""
    declared = app.job(
        name="shop.resize",
        queue="images",
        retry=5,
        retry_for=timedelta(hours=1),
        expires_in=60,
        timeout=timedelta(seconds=1.5),
        tags=["a", "b"],
    )(resize)
    done = way(declared, "enqueue", 1)
    found = only(app, "images")
    assert (done.job, done.queue) == ("shop.resize", "images")
    assert found["expiry"] == round(found["created_at"] + 60, 3)
    wanted = {"class": "shop.resize", "queue": "images", "retry": 5, "retry_for": 3600.0}
    assert {**wanted, "timeout": 1.5, "tags": ["a", "b"]}.items() <= found.items()


def test_using_changes_one_call(way: Way, app: App, job: Job[..., str]) -> None:
    """Other options for this call, the job's own for the next one."""
    way(job.using(queue="bulk", retry=3, expires_in=3600, tags=["x"]), "enqueue", 42)
    found = only(app, "bulk")
    assert (found["retry"], found["tags"], "expiry" in found) == (3, ["x"], True)
    way(job, "enqueue", 42)
    found = only(app)
    assert (found["retry"], "tags" in found, "expiry" in found) == (True, False, False)


# -- by name --------------------------------------------------------------------------------------


def test_a_job_is_enqueued_by_name(way: Way, app: App) -> None:
    """Its code need not be here: whatever JSON carries is taken."""
    done = way(app, "enqueue", "Foo::Bar", args=[1, {"a": None}], kwargs={"b": 2}, queue="low")
    found = only(app, "low")
    assert (done.job, done.queue, done.jid) == ("Foo::Bar", "low", found["jid"])
    wanted = {"class": "Foo::Bar", "args": [1, {"a": None}], "kwargs": {"b": 2}}
    assert wanted.items() <= found.items()
    way(app, "enqueue", "some.job")
    assert (only(app)["args"], "kwargs" in only(app)) == ([], False)


def test_a_known_name_has_its_options_and_its_signature(
    way: Way, app: App, job: Job[..., str]
) -> None:
    """A name that is registered here is that job: a wrong call is told here too."""
    app.job(name="images.resize", queue="images", retry=2)(resize)
    way(app, "enqueue", "images.resize", [1])
    assert only(app, "images")["retry"] == 2
    with pytest.raises(TypeError, match="missing a required argument: 'image_id'"):
        way(app, "enqueue", "images.resize")


# -- later ----------------------------------------------------------------------------------------

DELAYS = [(60, 60.0), (0.25, 0.25), (timedelta(hours=1), 3600.0), (timedelta(days=3650), 3.1536e8)]


@pytest.mark.parametrize(("delay", "seconds"), DELAYS, ids=str)
def test_a_job_is_enqueued_in_some_time(
    way: Way, app: App, job: Job[..., str], delay: Any, seconds: float
) -> None:
    """It waits in the schedule until then, without `enqueued_at`."""
    before = now()
    done = way(job, "enqueue_in", delay, 42, fast=True)
    ((text, at),) = scored(app, "schedule")
    found = json.loads(text)
    assert before + seconds <= at <= now() + seconds + 0.001
    assert (done.at, done.jid) == (at, found["jid"])
    assert (found["args"], found["kwargs"], "enqueued_at" in found) == ([42], {"fast": True}, False)
    assert listed(app) == []


def test_a_job_is_enqueued_at_a_time(way: Way, app: App, job: Job[..., str]) -> None:
    """Any zone will do, to the millisecond."""
    when = datetime.now(timezone(timedelta(hours=-7))) + timedelta(hours=5, microseconds=400)
    way(job, "enqueue_at", when, 42)
    ((_, at),) = scored(app, "schedule")
    assert at == round(when.timestamp(), 3)


@pytest.mark.parametrize("delay", [0, -5, timedelta(days=-400)], ids=str)
def test_what_is_due_goes_to_its_queue_at_once(
    way: Way, app: App, job: Job[..., str], delay: Any
) -> None:
    """A time that has passed is no reason to wait for anybody."""
    way(job, "enqueue_in", delay, 42)
    found = only(app)
    assert found["enqueued_at"] >= found["created_at"]
    assert scored(app, "schedule") == []
    seconds = delay if isinstance(delay, timedelta) else timedelta(seconds=delay)
    way(job, "enqueue_at", datetime.now(UTC) + seconds, 42)
    assert len(listed(app)) == 2


def test_a_deadline_counts_from_the_time_it_is_due(way: Way, app: App, job: Job[..., str]) -> None:
    """A job for tomorrow that expires in a minute has a minute tomorrow."""
    done = way(job.using(expires_in=60), "enqueue_in", 3600, 42)
    ((text, _),) = scored(app, "schedule")
    assert json.loads(text)["expiry"] == round(done.at + 60, 3)


WRONG_TIMES: list[tuple[str, Any, str]] = [
    ("enqueue_at", datetime(2030, 1, 1), "has no time zone: use an aware datetime"),  # noqa: DTZ001
    ("enqueue_at", datetime(2999, 1, 1, tzinfo=UTC), "more than ten years away"),
    ("enqueue_in", 1e12, "more than ten years away"),
    ("enqueue_in", timedelta(days=4000), "more than ten years away"),
    ("enqueue_in", "60", "'60' is no time: give seconds or a timedelta"),
    ("enqueue_in", float("nan"), "nan is no time"),
]


@pytest.mark.parametrize(("name", "when", "message"), WRONG_TIMES, ids=range(len(WRONG_TIMES)))
def test_an_unclear_time_is_refused(
    way: Way, app: App, job: Job[..., str], name: str, when: Any, message: str
) -> None:
    """A naive datetime means one thing here and another there, so it means nothing."""
    with pytest.raises(ConfigError) as caught:
        way(job, name, when, 42)
    assert message in str(caught.value)
    assert raw(app, "DBSIZE") == 0


# -- many -----------------------------------------------------------------------------------------


def scripts_run(app: App) -> int:
    """How many scripts the server was asked to run since its numbers were reset."""
    info = raw(app, "INFO", "commandstats").decode()
    lines = [line for line in info.splitlines() if line.startswith("cmdstat_eval")]
    return sum(int(line.partition("calls=")[2].partition(",")[0]) for line in lines)


def test_many_jobs_take_a_round_trip_a_thousand(way: Way, app: App, job: Job[..., str]) -> None:
    """2,500 jobs in three requests; the ids come back in the order of the calls."""
    way(job, "enqueue", 0)
    raw(app, "DEL", "queue:default")
    raw(app, "CONFIG", "RESETSTAT")
    jids = way(job, "enqueue_many", ((number,) for number in range(2500)))
    assert scripts_run(app) == 3
    found = [json.loads(text) for text in listed(app)]
    assert [one["args"] for one in found] == [[number] for number in range(2500)]
    assert [one["jid"] for one in found] == jids
    assert len(set(jids)) == 2500


def test_many_with_other_options(way: Way, app: App, job: Job[..., str]) -> None:
    """`using` holds for all of them."""
    way(job.using(queue="bulk"), "enqueue_many", [(1,), [2, 3], (4,)])
    assert [json.loads(text)["args"] for text in listed(app, "bulk")] == [[1], [2, 3], [4]]


def test_none_is_not_many(way: Way, app: App, job: Job[..., str]) -> None:
    """No calls, no request."""
    assert way(job, "enqueue_many", []) == []
    assert raw(app, "DBSIZE") == 0


@pytest.mark.parametrize(
    ("calls", "message"),
    [
        ([(1,), (2,), ()], "missing a required argument: 'image_id'"),
        ([(1,), 2], "args must be a list or a tuple, not int"),
        ([(1,), "ab"], "args must be a list or a tuple, not str"),
        ([(1,), {"image_id": 2}], "args must be a list or a tuple, not dict"),
    ],
    ids=range(4),
)
def test_one_wrong_call_of_many_is_told(
    way: Way, app: App, job: Job[..., str], calls: list[Any], message: str
) -> None:
    """Of a thousand that travel together all or none are enqueued."""
    with pytest.raises(TypeError) as caught:
        way(job, "enqueue_many", calls)
    assert message in str(caught.value)
    assert raw(app, "DBSIZE") == 0


# -- middleware -----------------------------------------------------------------------------------


def test_middleware_sees_every_job(way: Way, app: App, job: Job[..., str]) -> None:
    """It may change queue and arguments, and add fields; the job goes where it then says."""

    @app.middleware.enqueue
    def tenant(draft: Any, push: Callable[[Any], Any]) -> Any:
        draft.queue, draft.extra = "bulk", {"tenant": 7}
        draft.args[0] += 1
        return push(draft)

    done = way(job, "enqueue", 1)
    found = only(app, "bulk")
    assert (done.queue, found["queue"], found["tenant"], found["args"]) == ("bulk", "bulk", 7, [2])


def test_middleware_may_push_another_draft(way: Way, app: App, job: Job[..., str]) -> None:
    """What was pushed is what is enqueued, also when it is a new object."""
    app.middleware.enqueue(lambda draft, push: push(replace(draft, queue="low", at=now() + 60)))
    done = way(job, "enqueue", 1)
    ((text, at),) = scored(app, "schedule")
    assert (done.queue, done.at) == ("low", pytest.approx(at, abs=0.001))
    assert json.loads(text)["queue"] == "low"


def test_a_vetoed_job_is_not_enqueued(way: Way, app: App, job: Job[..., str]) -> None:
    """The caller gets None for it, and in a list None at its place."""
    app.middleware.enqueue(lambda draft, push: push(draft) if draft.args[0] % 2 else None)
    assert way(job, "enqueue", 2) is None
    assert raw(app, "DBSIZE") == 0
    jids = way(job, "enqueue_many", [(1,), (2,), (3,)])
    assert [jid is None for jid in jids] == [False, True, False]
    assert [json.loads(text)["args"] for text in listed(app)] == [[1], [3]]


def test_middleware_may_not_break_a_payload(way: Way, app: App, job: Job[..., str]) -> None:
    """What it changes is checked like what the user gives."""

    def broken(draft: Any, push: Callable[[Any], Any]) -> Any:
        draft.queue = 'a"b'
        return push(draft)

    app.middleware.enqueue(broken)
    with pytest.raises(ConfigError, match="is no queue name"):
        way(job, "enqueue", 1)


# -- threads --------------------------------------------------------------------------------------


def test_threads_share_an_app(app: App, job: Job[..., str]) -> None:
    """Any number of threads may enqueue at the same time: every job arrives once."""
    barrier = threading.Barrier(8)

    def work(first: int) -> None:
        barrier.wait()
        for number in range(first, first + 50):
            job.enqueue(number)

    threads = [threading.Thread(target=work, args=(first,)) for first in range(0, 400, 50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    numbers = [json.loads(text)["args"][0] for text in listed(app)]
    assert sorted(numbers) == list(range(400))
