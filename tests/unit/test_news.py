"""News as they are read: whatever is said on their channels."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outrider.errors import UnreadablePayload
from outrider.events import BY_SERVER, JobEvent
from outrider.news import read

MOST = 1 << 20


def events(message: bytes, name: str = "job.due", most: int = MOST) -> list[JobEvent]:
    """What a message tells."""
    return list(read(name, message, 1_800_000_000.5, most))


def message(*jobs: tuple[bytes, str]) -> bytes:
    """One of these payloads, each with a note."""
    words = " ".join(f"{len(payload)}:{note}" for payload, note in jobs)
    return words.encode() + b"\n" + b"".join(payload for payload, _ in jobs)


@given(st.lists(st.binary(max_size=50), max_size=5), st.sampled_from(BY_SERVER))
def test_any_payloads(payloads: list[bytes], name: str) -> None:
    """One event each, and none of them is lost for the sake of another."""
    good = b'{"jid":"j","class":"c","args":[]}'
    found = events(message(*((one, "7!") for one in [*payloads, good])), name)
    assert len(found) == len(payloads) + 1
    for event in found:
        assert (event.name, event.token, event.blamed) == (name, 7, True)
        assert event.kept == (name == "job.buried")
    assert (found[-1].jid, found[-1].job, found[-1].error) == ("j", "c", None)


@given(st.binary(max_size=200))
def test_anything_else(said: bytes) -> None:
    """Whoever may publish may say what he likes; looking at it does not fail."""
    for event in events(said):
        assert isinstance(event, JobEvent)


@pytest.mark.parametrize(
    "payload",
    [b"", b"\xff", b"[" * 100_000, b'{"jid":1,"class":"c"}', b'{"jid":"j","class":"c"}' * 2],
    ids=["nothing", "no text", "deep", "other types", "two"],
)
def test_what_is_no_job(payload: bytes) -> None:
    """It has no id, no name and no queue, and what is wrong with it."""
    (event,) = events(message((payload, "")), "job.buried")
    assert (event.jid, event.job, event.queue, event.bid, event.attempt) == ("", "", "", None, 1)
    assert isinstance(event.error, UnreadablePayload)
    assert event.kept


def test_what_is_too_large() -> None:
    """Nobody is made to decode what no job of the app can be."""
    payload = b'{"jid":"j","class":"c","args":["%s"]}' % (b"x" * 70_000)
    (event,) = events(message((payload, "")), most=1000)
    assert isinstance(event.error, UnreadablePayload)


@pytest.mark.parametrize(
    ("name", "waited"),
    [("job.expired", 60.5), ("job.due", None), ("job.recovered", None), ("job.buried", None)],
)
def test_how_long_it_lay(name: str, waited: float | None) -> None:
    """Of what has expired: others have just come to their queue, or are not there."""
    payload = b'{"jid":"j","class":"c","args":[],"enqueued_at":1799999940.0,"retry_count":0}'
    (event,) = events(message((payload, "")), name)
    assert (event.waited, event.attempt, event.at) == (waited, 2, 1_800_000_000.5)


def test_names_are_cut() -> None:
    """What others have written may be of any length."""
    text = '{"jid":"%s","class":"%s","queue":"%s","bid":"%s","args":[]}' % (("x" * 9999,) * 4)
    (event,) = events(message((text.encode(), "")))
    assert {len(event.jid), len(event.job), len(event.queue), len(event.bid or "")} == {200}
