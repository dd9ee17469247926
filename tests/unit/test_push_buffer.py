"""What a push buffer may be, and how what it keeps is put together; no server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from outrider import App, ConfigError, PushBuffer
from outrider.buffer.entry import BULK, Entry, Unreadable, calls, first_group, keep
from outrider.buffer.settings import read_setting
from outrider.keys import Keys
from outrider.script import BYTES, Ticket
from outrider.store import batch, queue

KEYS = Keys()
DEFAULT = PushBuffer()
SETTINGS: list[tuple[Any, PushBuffer | None]] = [
    (None, None),
    (False, None),
    (True, DEFAULT),
    ("memory", DEFAULT),
    (500, PushBuffer(jobs=500)),
    ("a/path", PushBuffer(journal="a/path")),
    (Path("memory"), PushBuffer(journal=Path("memory"))),
    (PushBuffer(flush=1), PushBuffer(flush=1.0)),
]


@pytest.mark.parametrize(("given", "meant"), SETTINGS, ids=repr)
def test_what_may_be_given(given: Any, meant: PushBuffer | None) -> None:
    """10,000 jobs and 32 MiB where nothing else is said."""
    assert read_setting(given) == meant
    assert (DEFAULT.jobs, DEFAULT.bytes, DEFAULT.flush) == (10_000, 32 << 20, 5.0)


WRONG: list[Any] = [0, -1, 1.5, "", [], b"path"]
WRONG_SETTINGS: list[dict[str, Any]] = [
    {"jobs": 0},
    {"jobs": True},
    {"bytes": 1.5},
    {"flush": -1},
    {"flush": float("inf")},
    {"flush": "5"},
    {"journal": ""},
    {"journal": 5},
]


@pytest.mark.parametrize("given", WRONG, ids=repr)
def test_what_may_not_be_given(given: Any) -> None:
    """Found where the app is made."""
    with pytest.raises(ConfigError):
        App("unix:///x", push_buffer=given)


@pytest.mark.parametrize("given", WRONG_SETTINGS, ids=repr)
def test_wrong_settings(given: dict[str, Any]) -> None:
    """Found where they are made."""
    with pytest.raises(ConfigError, match=f"{next(iter(given))} of a push buffer"):
        PushBuffer(**given)


def push(*payloads: str, name: str = "default", size: int = 0, at: float = 0) -> Entry:
    """A push, kept."""
    texts = [one + " " * size for one in payloads]
    if at:
        return keep([queue.push(KEYS, queues=[], scheduled=[at, texts[0]])], None)
    return keep([queue.push(KEYS, queues=[(name, texts)], scheduled=[])], None)


def commit() -> Entry:
    """A commit with a chunk before it, kept."""
    part = batch.Part("00" * 8, "", ["n", 2], [(0, 2)], "default")
    stage = batch.stage(
        KEYS, block="b" * 16, queues=[("default", ["x", "y"])], scheduled=[], names=["b:q"], life=9
    )
    staged = [("b" * 16 + ":default", 2)]
    end = batch.commit(KEYS, batches=[part], queues=[], scheduled=[], staged=staged, now=5)
    return keep([stage, end], None)


def test_counts() -> None:
    """Jobs are counted wherever they go."""
    assert [push("a", "b").jobs, push("a", at=5.0).jobs, commit().jobs] == [2, 1, 2]


def lengths(*entries: Entry) -> int:
    return len(first_group(entries))


def test_pushes_go_together() -> None:
    """Plain ones, up to a thousand jobs or 256 KiB; one that is larger goes alone."""
    assert lengths() == 0
    assert lengths(push("a"), push("b"), commit(), push("c")) == 2
    assert lengths(commit(), push("a")) == 1
    assert lengths(*[push("a", "b")] * BULK) == BULK // 2
    assert lengths(*[push("a", size=BYTES // 3)] * 5) == 2
    assert lengths(push("a", size=2 * BYTES), push("b")) == 1


def test_what_was_sent_together_goes_together_again() -> None:
    """Those with the same ticket, however large; and nobody else with them."""
    first, second = Ticket("a", 1, "00"), Ticket("a", 2, "00")
    entries = [push("a", size=BYTES) for _ in range(5)]
    for entry, ticket in zip(entries, (first, first, second, None, None), strict=True):
        entry.ticket = ticket
    assert [lengths(*entries[at:]) for at in range(5)] == [2, 1, 1, 1, 1]


def test_merged_pushes_keep_their_order() -> None:
    """By queue; bytes of payloads as they were."""
    group = [push("a", "b"), push("c", name="low"), push("d"), push("e", at=7.5)]
    (call,) = calls(KEYS, group, "salt")
    assert call.arguments == {
        "queues": [("default", ["a", "b", "d"]), ("low", ["c"])],
        "scheduled": [7.5, "e"],
    }
    assert call.words == queue.push(KEYS, **call.arguments).words


def test_names_of_what_is_staged() -> None:
    """The same for the same salt, in chunk and commit alike, and others for another."""
    one, again, other = (calls(KEYS, [commit()], salt) for salt in ("x", "x", "y"))
    assert [call.words for call in one] == [call.words for call in again]
    stage, end = one
    block = stage.arguments["block"]
    assert end.arguments["staged"] == [(f"{block}:default", 2)]
    assert len(block) == 16
    assert other[0].arguments["block"] != block


BROKEN = [b"", b"\xc1", msgspec.msgpack.encode([("fly", {})])]


@pytest.mark.parametrize("content", BROKEN, ids=range(len(BROKEN)))
def test_what_cannot_be_read(content: bytes) -> None:
    """It is told by an error of its own."""
    for is_push in (True, False):
        with pytest.raises(Unreadable):
            calls(KEYS, [Entry(content, 1, is_push)], "")
