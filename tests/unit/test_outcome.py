"""What becomes of a job that did not succeed."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from typing import Any

import pytest

from outrider.backoff import default_delay
from outrider.errors import (
    BatchCancelled,
    BatchFinished,
    Discard,
    Kill,
    PoisonPill,
    Retry,
    Snooze,
)
from outrider.events import JobEvent
from outrider.payload import decode
from outrider.store.queue import Other
from outrider.worker.outcome import MAX_MESSAGE, decide, error_name, error_text
from outrider.worker.report import end_of, report

NOW = 1_800_000_000_123
BID = "00aabbccddeeff11"
MEMBER: dict[str, Any] = {"jid": f"{BID}00000003", "bid": BID}
CALLBACK: dict[str, Any] = {"jid": f"{BID}f1000000", "cb": f"{BID}:success:0"}
BOOM = ValueError("boom")


def outcome(error: BaseException, *, backoff: Any = None, now: int = NOW, **fields: Any) -> Other:
    content: dict[str, Any] = {"jid": "j"}
    for name in ("jid", "bid", "cb"):
        if name in fields:
            content[name] = fields.pop(name)
    content.update({"class": "app.job", "queue": "low", "args": [1], **fields})
    payload = json.dumps({**content, "enqueued_at": 1.5}, separators=(",", ":")).encode()
    return decide(decode(payload), payload, 7, error, backoff, now)


KINDS: list[tuple[BaseException, dict[str, Any], str]] = [
    # steer words, wherever the job stands
    (Snooze(30), {}, "snooze"),
    (Snooze(30), {"retry": False, "retry_count": 99}, "snooze"),
    (Discard("why"), {}, "discard"),
    (Discard(), {"retry": 0}, "discard"),
    (Kill("why"), {}, "dead"),
    (Kill("why"), {"retry": False}, "dead"),
    # a poison pill is dead at once, and kept only where other dead jobs are
    (PoisonPill("x"), {}, "dead"),
    (PoisonPill("x"), {"retry": 25, "retry_for": 60}, "dead"),
    (PoisonPill("x"), {"retry": 0}, "dead"),
    (PoisonPill("x"), {"retry": False}, "gone"),
    (PoisonPill("x"), {**MEMBER, "retry": None}, "gone"),
    (Retry(30), {}, "retry"),
    (Retry(30), {"retry": 2, "retry_count": 0}, "retry"),
    (Retry(30), {"retry": 2, "retry_count": 1}, "dead"),
    (Retry(30), {"retry": False}, "gone"),
    # how often
    (BOOM, {}, "retry"),
    (BOOM, {"retry": True}, "retry"),
    (BOOM, {"retry": True, "retry_count": 23}, "retry"),
    (BOOM, {"retry": True, "retry_count": 24}, "dead"),
    (BOOM, {"retry": 1}, "retry"),
    (BOOM, {"retry": 1, "retry_count": 0}, "dead"),
    (BOOM, {"retry": 5, "retry_count": 3}, "retry"),
    (BOOM, {"retry": 5, "retry_count": 4}, "dead"),
    (BOOM, {"retry": 5, "retry_count": 40}, "dead"),
    (BOOM, {"retry": 0}, "dead"),
    (BOOM, {"retry": False}, "gone"),
    (BOOM, {"retry": False, "retry_count": 0}, "gone"),
    (BOOM, {"retry": None}, "gone"),
    # what is no Exception is a failure like any other
    (SystemExit(1), {}, "retry"),
    (KeyboardInterrupt(), {}, "retry"),
    # a batch that nothing can be added to any more
    (BatchFinished("x"), {}, "retry"),
    (BatchFinished("x"), MEMBER, "dead"),
    (BatchFinished("x"), {**MEMBER, "forgotten": True}, "retry"),
    (BatchCancelled("x"), {**MEMBER, "forgotten": True}, "retry"),
    (BatchFinished("x"), CALLBACK, "dead"),
    (BatchFinished("x"), {**MEMBER, "retry": False}, "gone"),
    (BatchCancelled("x"), {}, "retry"),
]


@pytest.mark.parametrize("count", [-1, -2, -9])
def test_a_count_below_none(count: int) -> None:
    """Others may have written it: it is a first failure, and no error of ours."""
    assert json.loads(outcome(BOOM, retry_count=count).payload)["retry_count"] == 0


@pytest.mark.parametrize(("error", "fields", "kind"), KINDS, ids=range(len(KINDS)))
def test_kinds(error: BaseException, fields: dict[str, Any], kind: str) -> None:
    """Error and payload decide whether a job is retried, dead, gone, discarded or snoozed."""
    found = outcome(error, **fields)
    assert (found.kind, found.token) == (kind, 7)


FIRST = NOW / 1000
FOR: list[tuple[dict[str, Any], str]] = [
    ({"retry_for": 60}, "retry"),
    ({"retry_for": 60, "retry_count": 99, "failed_at": FIRST - 59}, "retry"),
    ({"retry_for": 60, "retry_count": 0, "failed_at": FIRST - 61}, "dead"),
    ({"retry_for": 60, "retry_count": 0, "failed_at": NOW - 59_000}, "retry"),
    ({"retry_for": 60, "retry_count": 0, "failed_at": NOW - 61_000}, "dead"),
    ({"retry_for": 60, "retry_count": 0, "failed_at": float(int(FIRST) - 61)}, "dead"),
    ({"retry_for": 60, "retry_count": 0, "failed_at": float(int(FIRST) - 50)}, "retry"),
    ({"retry_for": 60, "retry": 0}, "retry"),
    ({"retry_for": 60, "retry": False}, "gone"),
    ({"retry_for": 60, "retry": 3, "retry_count": 9, "failed_at": FIRST - 1}, "retry"),
]


@pytest.mark.parametrize(("fields", "kind"), FOR, ids=range(len(FOR)))
def test_retry_for_counts_from_the_first_failure(fields: dict[str, Any], kind: str) -> None:
    """Time decides instead of the number; Sidekiq 8's milliseconds are read as such."""
    assert outcome(BOOM, **fields).kind == kind


def test_delays() -> None:
    """A delay of the job's own wins, then its backoff, then the formula."""
    assert outcome(Retry(30), backoff=lambda n: 99).at == NOW + 30_000
    assert outcome(Retry(timedelta(minutes=1))).at == NOW + 60_000
    assert outcome(Snooze(timedelta(milliseconds=1500))).at == NOW + 1500
    assert outcome(BOOM, backoff=lambda n: n + 0.5).at == NOW + 500
    assert outcome(BOOM, backoff=lambda n: n + 0.5, retry_count=3).at == NOW + 4500
    assert outcome(BOOM, backoff=lambda n, error: 7 if error is BOOM else 8).at == NOW + 7000
    waits = {outcome(BOOM, retry_count=1).at - NOW for _ in range(50)}
    assert waits <= {1000 * (2**4 + 15 + jitter) for jitter in range(30)}
    assert default_delay(2) * 1000 in {1000 * (2**4 + 15 + jitter) for jitter in range(30)}
    assert outcome(BOOM, retry=0).at == NOW


def test_the_first_failure_is_written_into_the_payload() -> None:
    """Number, time, class and message of the failure join the payload; the old stamp leaves it."""
    found = outcome(BOOM, extra={"x": 1}, **MEMBER)
    assert json.loads(found.payload) == {
        **MEMBER,
        "class": "app.job",
        "queue": "low",
        "args": [1],
        "extra": {"x": 1},
        "retry_count": 0,
        "failed_at": NOW / 1000,
        "error_class": "ValueError",
        "error_message": "boom",
    }
    assert found.payload.startswith(f'{{"jid":"{MEMBER["jid"]}","bid":"{BID}","class":"app.job",')


def test_what_a_payload_is_told_of_deaths() -> None:
    """A failure keeps the blame and drops the time-out, which it is; a poison pill drops both."""
    told: dict[str, Any] = {"blamed": [NOW / 1000, NOW / 1000], "timed_out": 5}
    for error, left in ((BOOM, {"blamed"}), (Snooze(3), {"blamed"}), (Kill("x"), {"blamed"})):
        assert told.keys() & json.loads(outcome(error, **told).payload).keys() == left
    assert not told.keys() & json.loads(outcome(PoisonPill("x"), **told).payload).keys()


def test_a_later_failure_keeps_the_time_of_the_first() -> None:
    """`failed_at` is of the first failure for ever, `retried_at` of the last one."""
    found = json.loads(outcome(BOOM, retry_count=4, failed_at=1.25, error_class="Old").payload)
    assert (found["retry_count"], found["failed_at"]) == (5, 1.25)
    assert (found["retried_at"], found["error_class"]) == (NOW / 1000, "ValueError")


def test_a_dead_job_carries_its_error_too() -> None:
    """In the dead set people look for what happened."""
    for found in (outcome(BOOM, retry=0), outcome(Kill("no hope"))):
        assert json.loads(found.payload)["error_message"] in ("boom", "no hope")
        assert json.loads(found.payload)["retry_count"] == 0


def test_a_snoozed_job_has_not_run() -> None:
    """Neither a run nor a failure: no number, no error, only the stamp goes."""
    found = outcome(Snooze(5), retry_count=2, **MEMBER)
    assert json.loads(found.payload) == {
        **MEMBER,
        "class": "app.job",
        "queue": "low",
        "args": [1],
        "retry_count": 2,
    }
    assert found.failure == ""


def test_a_discarded_job_needs_no_payload() -> None:
    """It goes nowhere, so nothing is sent."""
    assert outcome(Discard("why"), **MEMBER) == Other("discard", 7)


def test_only_members_note_their_failure() -> None:
    """`failure_info` of a batch lists members; a plain job or a callback has no batch to tell."""
    note = json.loads(outcome(BOOM, **MEMBER).failure)
    assert note == {
        "jid": MEMBER["jid"],
        "job": "app.job",
        "error_class": "ValueError",
        "error_message": "boom",
        "failed_at": NOW / 1000,
    }
    assert json.loads(outcome(Kill("why"), **MEMBER).failure)["error_message"] == "why"
    assert outcome(BOOM).failure == ""
    assert outcome(BOOM, **CALLBACK).failure == ""


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


class Outer:
    class Inner(Exception):
        pass


TEXTS = [
    (ValueError("x" * (MAX_MESSAGE + 1)), "x" * MAX_MESSAGE),
    (ValueError("a\ud800b"), "a?b"),
    (ValueError("größe\n𝄞"), "größe\n𝄞"),
    (ValueError(), ""),
    (KeyError("k"), "'k'"),
    (Unprintable(), "(the error's own message failed: RuntimeError)"),
]


@pytest.mark.parametrize(("error", "text"), TEXTS, ids=range(len(TEXTS)))
def test_any_error_has_a_text_that_travels(error: Exception, text: str) -> None:
    """Long texts are cut, and what has no text or is no UTF-8 does not lose the job (P42)."""
    assert error_text(error) == text
    assert json.loads(outcome(error).payload)["error_message"] == text


@pytest.mark.parametrize(("error", "text"), TEXTS, ids=range(len(TEXTS)))
def test_any_error_can_be_logged(
    error: Exception, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a job raises must not cost the thread that reports it."""
    # A logger of its own: what can't be encoded must not get into the report of this test either.
    records: list[logging.LogRecord] = []
    log = logging.Logger("outrider.job")  # noqa: LOG001
    log.addFilter(lambda record: bool(records.append(record)))  # type: ignore[func-returns-value]
    monkeypatch.setattr("outrider.worker.report.log", log)
    for raised in (error, Discard(error)):
        name = end_of(outcome(raised), cancelled=False)
        report(JobEvent(name, 1.0, "j", "app.job", "low", error=raised))
    failed, discarded = records
    assert vars(failed)["error"] == f"{type(error).__name__}: {text}"
    assert len(discarded.getMessage()) <= MAX_MESSAGE + 20


def test_an_error_is_named_as_it_is_imported() -> None:
    """Built-in errors by their name alone, all others with their module."""
    assert error_name(ValueError()) == "ValueError"
    assert error_name(Outer.Inner()) == f"{__name__}.Outer.Inner"
    assert error_name(json.JSONDecodeError("", "", 0)) == "json.decoder.JSONDecodeError"


@pytest.mark.parametrize("word", [Retry, Snooze])
@pytest.mark.parametrize("delay", [-1, -0.001, 1e12, float("nan"), timedelta(days=-1)], ids=str)
def test_a_delay_out_of_reach_is_refused_in_the_job(word: Any, delay: Any) -> None:
    """A negative or endless delay is a mistake in the job's code, and fails there."""
    with pytest.raises(ValueError, match="delay must be between 0 seconds and 10 years"):
        word(delay)
