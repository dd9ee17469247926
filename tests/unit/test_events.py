"""Handlers of events: who is called with what, and that none of them can do harm."""

from __future__ import annotations

import logging
import threading
from typing import Any

import pytest

from outrider import App, ConfigError
from outrider.events import BATCH, BEGAN, ENDS, JOB, NAMES, BatchChange, Handlers, JobEvent
from outrider.payload import decode
from outrider.worker.report import made

EVENT = JobEvent("job.died", 1.5, "j", "app.job", "low")


def told(handlers: Handlers) -> list[str]:
    """The names of those events, of all there are, for which somebody is called."""
    return [name for name in NAMES if handlers.of[name]]


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        (["job.died"], ("job.died",)),
        (["job.died", "batch.death"], ("job.died", "batch.death")),
        (["job.*"], JOB),
        (["batch.*"], BATCH),
        (["batch.*", "batch.death", "*.death"], BATCH),
        (["*"], NAMES),
        ([BEGAN], (BEGAN,)),
    ],
)
def test_a_pattern_is_a_name_or_many(patterns: list[str], names: tuple[str, ...]) -> None:
    """A handler is called once for an event, however many of its patterns mean it."""
    handlers, heard = Handlers(), list[str]()

    @handlers.on(*patterns)
    def note(event: Any) -> None:
        heard.append(event.name)

    assert told(handlers) == list(names)
    for name in NAMES:
        handlers.tell(BatchChange(name, 0.0, "b"))
    assert heard == list(names)


@pytest.mark.parametrize("pattern", ["job.exploded", "jobs.*", "", "Job.died", len, 5])
def test_a_pattern_without_events_is_refused(pattern: Any) -> None:
    """Nobody waits in vain for a name that is spelled wrong; nothing is registered."""
    handlers = Handlers()
    with pytest.raises(ConfigError, match=r"no event .*job\.succeeded.*batch\.\*"):
        handlers.on("job.died", pattern)
    assert told(handlers) == []


def test_events_must_be_said() -> None:
    """As when the call is forgotten that makes the decorator."""
    handlers: Any = Handlers()
    with pytest.raises(ConfigError, match="no event is given: say which"):
        handlers.on()
    for wrong in (None, "print"):
        with pytest.raises(ConfigError, match="is no function"):
            handlers.on("job.*")(wrong)
    assert told(handlers) == []


async def coroutine(event: Any) -> None: ...


class Callable:
    async def __call__(self, event: Any) -> None: ...


@pytest.mark.parametrize("handler", [coroutine, Callable()], ids=["async def", "object"])
def test_a_coroutine_is_refused(handler: Any) -> None:
    """Nobody would await it."""
    handlers = Handlers()
    with pytest.raises(ConfigError, match="is a coroutine"):
        handlers.on("job.*")(handler)
    assert told(handlers) == []


def test_a_handler_is_registered_once() -> None:
    """A module that is imported twice, or a performer made twice, does not double what is said."""
    handlers, heard = Handlers(), list[object]()
    assert handlers.on("job.*")(heard.append) == heard.append
    handlers.on("job.died")(heard.append)
    handlers.tell(EVENT)
    assert heard == [EVENT]


@pytest.mark.parametrize(
    "error", [ValueError("boom"), SystemExit(3), KeyboardInterrupt(), GeneratorExit()], ids=repr
)
def test_a_handler_that_raises_hurts_nobody(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged; those behind it are called, and a thread of a worker goes on (O62)."""
    handlers, heard = Handlers(), list[object]()

    @handlers.on("job.died")
    def bad(event: JobEvent) -> None:
        raise error

    handlers.on("job.died")(heard.append)

    def tell() -> None:
        handlers.tell(EVENT)
        heard.append("on")

    thread = threading.Thread(target=tell)
    thread.start()
    thread.join(20)
    assert heard == [EVENT, "on"]
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("outrider.events", logging.ERROR)
    assert record.getMessage().startswith("a handler of job.died failed: <function")
    assert record.exc_info is not None
    assert record.exc_info[1] is error


def test_ctrl_c_is_for_the_program() -> None:
    """In the main thread of a producer it is the user's wish, whatever runs just then."""
    handlers = Handlers()

    @handlers.on("job.died")
    def slow(event: JobEvent) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        handlers.tell(EVENT)


def test_an_event_can_not_be_changed() -> None:
    """The next handler sees what the first one saw."""
    event: Any = EVENT
    with pytest.raises(AttributeError):
        event.queue = "high"


def test_an_app_has_them() -> None:
    """`@app.events.on` registers, and gives the function back."""
    app = App("redis://localhost:1")

    @app.events.on("job.succeeded")
    def note(event: JobEvent) -> None: ...

    assert app.events.of["job.succeeded"] == (note,)
    assert set(ENDS) < set(JOB) < set(NAMES)


WAITED: list[tuple[str, float | None]] = [
    ('"enqueued_at":1800000000.5,', 1.5),
    ('"enqueued_at":1800000000500,', 1.5),  # Sidekiq 8
    ('"enqueued_at":1800000007.0,', 0.0),  # a producer's clock is ahead
    ("", None),
    ('"enqueued_at":null,', None),
    ('"enqueued_at":"soon",', None),
    ('"enqueued_at":{"a":[1]},', None),
    ('"enqueued_at":-1,', None),
    ('"enqueued_at":1e400,', None),
    (f'"enqueued_at":{"9" * 400},', None),
]


@pytest.mark.parametrize(("field", "waited"), WAITED)
def test_how_long_it_waited(field: str, waited: float | None) -> None:
    """From when it came on its queue until it began; what others write there harms nobody."""
    text = f'{{"jid":"j","class":"app.job","queue":"low",{field}"args":[]}}'
    event = made("job.succeeded", decode(text.encode()), 7, 1_800_000_002_250, 0.25)
    assert event.waited == waited
    assert (event.at, event.elapsed, event.token) == (1_800_000_002.25, 0.25, 7)


@pytest.mark.parametrize(("count", "attempt"), [(None, 1), (-1, 1), (0, 2), (3, 5)])
def test_attempts_are_counted_from_one(count: int | None, attempt: int) -> None:
    """As `current_job().attempt` does."""
    job = decode(b'{"jid":"j","class":"app.job","args":[]}')
    job.retry_count = count
    assert made("job.failed", job, 7, 0, 0.0).attempt == attempt


def test_names_are_cut() -> None:
    """What others have written may be of any length; handlers keep tables by these."""
    text = '{"jid":"%s","class":"%s","queue":"%s","bid":"%s","args":[]}' % (("x" * 9999,) * 4)
    event = made("job.failed", decode(text.encode()), 7, 0, 0.0)
    assert {len(event.jid), len(event.job), len(event.queue), len(event.bid or "")} == {200}
