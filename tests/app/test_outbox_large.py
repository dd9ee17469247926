"""Outboxes that are large, or that the server does not take: nothing is lost, nothing is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from outrider import App, StoreFull, StoreUnavailable, current_batch
from outrider.events import ENDS, JobEvent
from outrider.job import Job
from outrider.outbox import Outbox
from outrider.script import Call
from outrider.store import queue
from outrider.worker.parking import Sent, Unsent
from tests.app.conftest import Make
from tests.app.hands import raw
from tests.app.runs import Runs


@pytest.fixture
def runs(app: App) -> Runs:
    """A worker in this process."""
    return Runs(app)


def ends(runs: Runs) -> list[str]:
    """What comes of all that lies on the default queue."""
    return [ran.end for ran in runs.run_all()]


@pytest.mark.parametrize("count", [1_001, 5_100])
def test_a_large_outbox_is_staged(
    app: App, runs: Runs, following: Job[..., Any], outbox: Make, count: int
) -> None:
    """Plain jobs and members, to a queue that holds some already, and delayed ones."""
    following.enqueue(-1)

    def body() -> None:
        following.enqueue_many([(number,) for number in range(count)])
        with app.batch().jobs():
            following.enqueue_many([(number,) for number in range(count)])
            following.enqueue_in(60, -2)
        assert raw(app, "KEYS", "o:staged:*") == []
        assert app.queues["next"].size == 1

    outbox(body).enqueue()
    assert ends(runs) == ["success"]
    assert app.queues["next"].size == 2 * count + 1
    assert len(app.scheduled) == 1
    while app.perform(queue.move_slice(app.keys)):
        pass
    numbers = [job.args[0] for job in app.queues["next"]]
    assert numbers == [-1, *range(count), *range(count)]
    assert [status.total for status in app.batches] == [count + 1]
    assert raw(app, "KEYS", "o:staged:*") == []


def test_nothing_is_left_of_what_was_staged_for_nothing(
    app: App, runs: Runs, following: Job[..., Any], outbox: Make
) -> None:
    """Refused at the end: what was staged is taken away."""

    def body() -> None:
        batch = current_batch()
        assert batch is not None
        with batch.jobs():
            following.enqueue_many([(number,) for number in range(1_500)])
        batch.cancel()

    job = outbox(body)
    with app.batch().jobs():
        job.enqueue()
    assert ends(runs) == ["cancel"]
    assert raw(app, "KEYS", "o:staged:*") == []


@pytest.mark.parametrize(("times", "end"), [(1, "success"), (2, "retry")])
def test_what_has_lapsed_is_staged_anew(
    app: App,
    runs: Runs,
    following: Job[..., Any],
    outbox: Make,
    monkeypatch: pytest.MonkeyPatch,
    times: int,
    end: str,
) -> None:
    """The job has all of it still. Where it is gone at once (by eviction, say), the job fails."""
    tried: list[int] = []
    call = Outbox._call

    def lapsed(self: Outbox, *words: Any) -> Any:
        if len(tried) < times:
            tried.extend(raw(app, "DEL", key) for key in raw(app, "KEYS", "o:staged:*"))
        return call(self, *words)

    monkeypatch.setattr(Outbox, "_call", lapsed)
    outbox(lambda: following.enqueue_many([(n,) for n in range(1_500)])).enqueue()
    assert ends(runs) == [end]
    assert tried == [1] * times
    assert app.queues["next"].size == (1_500 if end == "success" else 0)


def test_equal_delayed_jobs_are_one(
    app: App, runs: Runs, following: Job[..., Any], outbox: Make
) -> None:
    """Middleware may give jobs ids of its own: what it makes in one millisecond may be equal."""

    @app.middleware.enqueue
    def one_id(draft: Any, push: Any) -> Any:
        if draft.at is not None:
            draft.jid = "f" * 24
        return push(draft)

    at = datetime.now(UTC) + timedelta(hours=1)
    outbox(lambda: [following.enqueue_at(at) for _ in range(1_500)]).enqueue()
    assert ends(runs) == ["success"]
    assert 1 <= len(app.scheduled) < 1_500


# -- a full server --------------------------------------------------------------------------------


@pytest.fixture
def full(app: App) -> Iterator[Callable[[bool], None]]:
    """Fills the server's memory, or makes room."""

    def fill(is_full: bool) -> None:
        raw(app, "CONFIG", "SET", "maxmemory", 1 if is_full else 0)

    yield fill
    fill(False)


@pytest.mark.parametrize("count", [1, 1_500])
def test_a_full_server_refuses_and_nothing_is_lost(
    app: App,
    runs: Runs,
    following: Job[..., Any],
    outbox: Make,
    full: Callable[[bool], None],
    count: int,
) -> None:
    """The claim stays, and the next attempt pushes all, once."""
    outbox(lambda: following.enqueue_many([(n,) for n in range(count)])).enqueue()
    claimed = runs.claim()
    full(True)
    unsent = runs.perform(claimed.payloads[0], claimed.first)
    assert isinstance(unsent, Unsent)
    assert isinstance(unsent.error, StoreFull)
    assert isinstance(unsent.again(), Unsent)
    assert app.perform(queue.stands(app.keys, "host:1:ab:0", claimed.first))
    full(False)
    assert unsent.again() == Sent(claimed.first)
    assert app.queues["next"].size == count
    assert unsent.again() == Sent(claimed.first)
    assert app.queues["next"].size == count


@pytest.mark.parametrize("count", [1, 1_500])
def test_an_attempt_of_which_nothing_was_heard_counts(
    app: App,
    runs: Runs,
    following: Job[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    count: int,
) -> None:
    """The next one finds no claim: all was pushed, nothing is taken away, nobody ran twice."""
    following.enqueue(-1)
    app.job(name="outbox", outbox=True)(
        lambda: following.enqueue_many([(n,) for n in range(count)])
    ).enqueue()
    claimed = runs.claim()
    ends: list[JobEvent] = []
    app.events.on(*ENDS)(ends.append)
    perform = app.executor.run

    def unheard(call: Call[Any]) -> Any:
        answer = perform(call)
        if call.script is not None and call.script.name == "deliver":
            raise StoreUnavailable("the answer was lost", executed=None)
        return answer

    monkeypatch.setattr(app.executor, "run", unheard)
    unsent = runs.perform(claimed.payloads[0], claimed.first)
    monkeypatch.undo()
    assert isinstance(unsent, Unsent)
    assert ends == []
    assert unsent.again() == Sent(claimed.first)
    assert [end.name for end in ends] == ["job.succeeded"]
    assert "ran twice" not in caplog.text
    while app.perform(queue.move_slice(app.keys)):
        pass
    assert [job.args[0] for job in app.queues["next"]] == [-1, *range(count)]
    assert raw(app, "KEYS", "o:staged:*") == []
