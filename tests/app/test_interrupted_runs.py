"""What a child does with the running members of batches that are to be interrupted."""

from __future__ import annotations

import asyncio
import logging
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from outrider import App
from outrider.context import RunningJob
from outrider.job import Job
from outrider.store.queue import Other
from outrider.worker.calling import Prepared
from outrider.worker.parking import Outcome
from outrider.worker.perform import Performer
from outrider.worker.runner import Runner, items
from outrider.worker.slots import SlotTable
from tests.app.hands import member, write

SLOTS = 3
MINE, OTHER = "00aabbccddeeff11", "00aabbccddeeff22"
PATIENCE = 10.0


class Rig:
    """A runner without a pump: jobs in, outcomes out."""

    def __init__(self, app: App) -> None:
        self.changed, self.over = threading.Event(), asyncio.Event()
        with tempfile.TemporaryFile() as memory:
            memory.truncate(SlotTable.size_for(SLOTS))
            table = SlotTable(memory.fileno(), SLOTS)
        self.performer = Performer(app, "host:1:ab:0")
        self.runner = Runner(self.performer, SLOTS, table, self.changed.set)
        self.token = 0

    def feed(self, *payloads: str) -> None:
        """Run these; tokens count from 1."""
        self.runner.feed(items(self.token + 1, [text.encode() for text in payloads]), SLOTS)
        self.token += len(payloads)

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait until it holds."""
        end = time.monotonic() + PATIENCE
        while not condition():
            self.changed.clear()
            if not condition():
                assert self.changed.wait(max(0.0, end - time.monotonic())), "it does not happen"

    def outcomes(self, count: int) -> list[Outcome]:
        """Wait for so many outcomes, and take them in the order of their tokens."""
        self.until(lambda: len(self.runner.outcomes) >= count)
        return sorted(
            self.runner.take_outcomes(), key=lambda one: one if isinstance(one, int) else one.token
        )


@pytest.fixture
def rig(app: App) -> Iterator[Rig]:
    """A runner; its coroutines are cancelled at the end."""
    made = Rig(app)
    yield made
    made.runner.cancel_async(1.0)


@pytest.fixture
def log(app: App, rig: Rig) -> list[str]:
    """What the jobs did."""
    did: list[str] = []

    def note(text: str) -> None:
        did.append(text)
        rig.changed.set()

    @app.job(name="app.sleeps")
    async def sleeps(who: str) -> None:
        note(f"{who} starts")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            note(f"{who} cleans up")
            raise

    @app.job(name="app.endures")
    async def endures(who: str) -> None:
        note(f"{who} starts")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            note(f"{who} is told")
        await rig.over.wait()

    @app.job(name="app.plain")
    def plain(who: str) -> None:
        note(f"{who} runs")

    return did


def text(name: str, number: int, bid: str = MINE) -> str:
    """The payload of a member."""
    own = member(number, args=[str(number)]).replace('"app.job"', f'"app.{name}"')
    return own.replace(MINE, bid)


def test_members_of_the_batch_are_interrupted(rig: Rig, log: list[str]) -> None:
    """They clean up and are cancelled; others go on, and the slots are free again."""
    plain = write("f" * 24, args=["9"]).replace('"app.job"', '"app.sleeps"')
    rig.feed(text("sleeps", 1), text("sleeps", 2, OTHER), plain)
    rig.until(lambda: len(log) == 3)
    rig.runner.interrupt([MINE])
    assert rig.outcomes(1) == [Other("cancel", 1)]
    assert log[3:] == ["1 cleans up"]
    rig.until(lambda: rig.runner.active == 2)
    assert sorted(rig.runner.running()) == [2, 3]


def test_a_success_in_spite_of_it_counts(rig: Rig, log: list[str]) -> None:
    """A job may suppress it and end well; it is told once, however often the batch is named."""
    rig.feed(text("endures", 1))
    rig.until(lambda: len(log) == 1)
    rig.runner.interrupt([MINE])
    rig.until(lambda: len(log) == 2)
    rig.runner.interrupt([MINE])
    assert rig.runner._loop is not None
    rig.runner._loop.call_soon_threadsafe(rig.over.set)
    assert rig.outcomes(1) == [1]
    assert log == ["1 starts", "1 is told"]


@pytest.mark.parametrize("name", ["plain", "sleeps"])
def test_what_was_claimed_ahead_does_not_begin(rig: Rig, log: list[str], name: str) -> None:
    """It is given back, and so cancelled; whatever comes of other batches runs."""
    rig.runner.interrupt([MINE])
    rig.feed(text(name, 1), text("plain", 2, OTHER))
    assert rig.outcomes(2) == [Other("release", 1), 2]
    assert log == ["2 runs"]
    rig.until(lambda: rig.runner.active == 0)


def test_a_task_that_has_not_begun(rig: Rig, log: list[str]) -> None:
    """Interrupted between its making and its first step: its slot is not lost."""
    rig.feed(text("sleeps", 1, OTHER))
    rig.until(lambda: len(log) == rig.runner.active == 1)
    runner = rig.runner
    prepared = rig.performer.prepare(text("sleeps", 2).encode(), 2)
    assert isinstance(prepared, Prepared)
    prepared.slot = runner._free.popleft()

    def at_once() -> None:
        runner._spawn(prepared)
        runner._performer.refuse([MINE])
        runner._interrupt(frozenset([MINE]))

    assert runner._loop is not None
    runner._loop.call_soon_threadsafe(at_once)
    assert rig.outcomes(1) == [Other("release", 2)]
    rig.until(lambda: runner.active == 1)


def test_batches_are_remembered_for_a_while(
    rig: Rig, log: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not for ever: a child may live for months."""
    rig.performer.refuse(["a" * 16])
    later = time.monotonic() + 61
    monkeypatch.setattr(time, "monotonic", lambda: later)
    rig.performer.refuse([MINE])
    assert list(rig.performer._refused) == [MINE]


def run(rig: Rig, payload: str) -> Outcome:
    """Run one job to its end."""
    rig.feed(payload)
    (outcome,) = rig.outcomes(1)
    return outcome


@pytest.mark.parametrize("is_async", [False, True], ids=["plain", "async"])
def test_a_failure_in_a_cancelled_batch(
    app: App, rig: Rig, caplog: pytest.LogCaptureFixture, is_async: bool
) -> None:
    """It is logged as what it is, with its error; nobody died, so no handler is called."""
    died: list[str] = []

    @app.on_death
    def note(job: RunningJob, error: BaseException) -> None:
        died.append(job.jid)

    def fails(n: int) -> None:
        raise ValueError(n)

    async def afails(n: int) -> None:
        raise ValueError(n)

    job: Job[..., Any] = app.job(retry=0, name="app.fails")(afails if is_async else fails)
    batch = app.batch()
    with batch.jobs():
        for n in range(2):
            job.enqueue(n)
    jobs = list(app.queues["default"])
    with caplog.at_level(logging.INFO, "outrider.job"):
        assert run(rig, jobs[0].text)[0] == "dead"  # type: ignore[index]
        batch.cancel()
        assert run(rig, jobs[1].text)[0] == "dead"  # type: ignore[index]
    assert died == [jobs[0].jid]
    lines = [(one.message, one.__dict__["error"]) for one in caplog.records]
    assert lines == [
        ("failed for good, dead", "ValueError: 0"),
        ("failed, cancelled with its batch", "ValueError: 1"),
    ]


def test_a_job_may_cancel_what_it_likes(app: App, rig: Rig, log: list[str]) -> None:
    """Itself and others: each has an outcome. One that has not begun goes back."""
    third_waits = threading.Event()

    @app.job(name="app.cancels")
    async def cancels(who: str) -> None:
        log.append(who)
        rig.changed.set()
        assert third_waits.wait(PATIENCE)
        await asyncio.sleep(0)
        for task in asyncio.all_tasks():
            task.cancel()
        await asyncio.sleep(0)

    rig.feed(text("sleeps", 1))
    rig.until(lambda: len(log) == 1)
    rig.feed(text("cancels", 2))
    rig.until(lambda: len(log) == 2)
    third = rig.performer.prepare(text("sleeps", 3).encode(), 3)
    assert isinstance(third, Prepared)
    third.slot = rig.runner._free.popleft()
    rig.runner._hand_over(third)
    third_waits.set()
    assert [kind(outcome) for outcome in rig.outcomes(3)] == ["retry", "retry", "release"]
    assert log == ["1 starts", "2", "1 cleans up"]
    rig.until(lambda: rig.runner.active == 0)


def kind(outcome: Outcome) -> str:
    """What a job that did not succeed has come to."""
    assert isinstance(outcome, Other)
    return outcome.kind
