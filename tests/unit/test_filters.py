"""The filter language: what is understood, what is refused, and which jobs are meant."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import Any

import pytest

from outrider import ConfigError, FilterError
from outrider.inspection.record import read
from outrider.search.filter import Filter
from outrider.search.parse import LONGEST, parse
from outrider.search.seen import ALL_STATES, Seen, fold, is_ruled_out
from outrider.store.bundle import Bundle
from outrider.store.place import Place

NOW = 1_800_000_000.0
BID = "00aabbccddeeff11"
JOB: dict[str, Any] = {
    "jid": f"{BID}00000003",
    "bid": BID,
    "class": "shop.images.resize",
    "queue": "bulk",
    "args": [5, "Straße 7", {"id": 7, "tags": ["a", None]}, True, 2.5],
    "kwargs": {"user": {"id": 7, "name": 'the "Boss"'}, "a.b": "x,y", "width": "640"},
    "retry": True,
    "created_at": NOW - 7200,
    "retry_count": 3,
    "failed_at": NOW - 60,
    "error_class": "TimeoutError",
    "error_message": "no answer within 30 s",
    "error_backtrace": "eJyrVkrLz1eyUkpKLFKqBQA",
    "tags": ["gallery:7", "night"],
    "tenant": "ACME",
    "weight": 4242,
}


def seen(state: str = "retrying", at: float | None = NOW + 30, **changes: Any) -> Seen:
    """A job as a search looks at it."""
    return Seen(json.dumps({**JOB, **changes}).encode(), state, None, at)


def passes(meant: Filter, payload: bytes) -> bool:
    """Whether a page of this job alone is read."""
    return list(meant.sift(Bundle.of([payload]))) == [0]


MEANT = [
    "",
    "job:shop.images.resize",
    "job:images.resize",
    "job:resize",
    "job:crop,resize",
    "job:shop.*",
    "job:*size",
    "job:*",
    "state:dead,retrying",
    "queue:bulk",
    "queue:b*k",
    "error:Timeout",
    "error:timeouterror",
    'error:"NO ANSWER"',
    "tag:night",
    "tag:gallery:7",
    "tag:gallery:*",
    f"batch:{BID}",
    f"jid:{BID}00000003",
    "arg.0=5",
    "arg.0=4,5",
    "arg.0=5.0",
    'arg.1="Straße 7"',
    "arg.2.id=7",
    "arg.2.tags.0=a",
    "arg.2.tags.1=null",
    'arg.2.tags="[\\"a\\",null]"',
    "arg.3=true",
    "arg.4=2.5",
    "arg.user.id=7",
    'arg.user.name="the \\"Boss\\""',
    'arg."a.b"="x,y"',
    "arg.width=640",
    "attempt:4",
    "attempt:>3",
    "attempt:>=4",
    "attempt:<5",
    "attempt:<=4",
    "age:>1h",
    "age:>=2h",
    "age:<2.5h",
    "age:<1d",
    "before:2027-01-16",
    "after:2027-01-15",
    "after:2027-01-15T08:00:30Z",
    "after:2027-01-15T09:00:30+01:00",
    "after:1m",
    "-before:1m",
    "resize",
    "RESIZE",
    "straße",
    "boss",
    '"the \\"boss\\""',
    "acme",
    '"gallery:7"',
    "width",
    "-crop",
    "-state:dead",
    '-job:crop error:answer "within 30 s" -tag:day',
]
NOT_MEANT = [
    "job:size",
    "job:images",
    "job:Resize",
    "job:s*p",
    "state:dead",
    "queue:default",
    "queue:bul",
    "error:resize",
    "tag:nigh",
    "tag:Night",
    f"batch:{BID[:15]}",
    "jid:0",
    "arg.0=6",
    "arg.1=Stra",
    "arg.9=5",
    "arg.2=7",
    "arg.2.5=a",
    "arg.2.tags.x=a",
    "arg.2.tags.2=null",
    "arg.3=1",
    "arg.0=true",
    "arg.user=7",
    "arg.nobody.id=7",
    "arg.a.b=x",
    "attempt:3",
    "attempt:>4",
    "age:<1h",
    "age:>2h",
    "before:2027-01-15",
    "after:2027-01-16",
    "crop",
    "-resize",
    "-state:retrying,dead",
    "retry_count",
    "4242",
    "eJyrVkrLz1",
    "job:resize crop",
]


@pytest.mark.parametrize("text", MEANT)
def test_it_means_this_job(text: str) -> None:
    """Each way to name it, and the negation of each way not to."""
    assert parse(text, NOW).holds(seen())
    assert passes(parse(text, NOW), seen().payload)


@pytest.mark.parametrize("text", NOT_MEANT)
def test_it_does_not_mean_this_job(text: str) -> None:
    """Near misses."""
    assert not parse(text, NOW).holds(seen())


@pytest.mark.parametrize("text", MEANT + NOT_MEANT)
def test_what_it_says_means_the_same(text: str) -> None:
    """A filter written out is understood as the same filter, and written the same again."""
    meant = parse(text, NOW)
    assert parse(str(meant), NOW) == meant
    assert str(parse(str(meant), NOW)) == str(meant)


def test_attempts_are_those_it_has_had() -> None:
    """None before the first, one that runs included; what died at once has had one."""
    fresh = {key: JOB[key] for key in ("jid", "class", "args")}
    for state, fields, number in (
        ("queued", {}, 0),
        ("running", {}, 1),
        ("running", {"retry_count": 3}, 5),
        ("queued", {"retry_count": -1}, 0),
        ("queued", {"retry_count": -9}, 0),
        ("dead", {"failed_at": NOW}, 1),
        ("queued", {"retry_count": True}, 0),
        ("queued", {"retry_count": "3"}, 0),
    ):
        job = Seen(json.dumps({**fresh, **fields}).encode(), state)
        assert parse(f"attempt:{number}").holds(job), (state, fields)


def test_its_time_is_that_of_its_place() -> None:
    """Due, of the next attempt, or dead since; in a queue, when it was enqueued."""
    early, late = parse("before:2020-01-01"), parse("after:2020-01-01")
    assert early.holds(seen(at=0.0))
    assert late.holds(seen(at=NOW))
    queued: dict[str, Any] = {"at": None, "state": "queued"}
    assert early.holds(seen(**queued, enqueued_at=5.5))
    assert early.holds(seen(**queued, enqueued_at=5_500, created_at=NOW))  # seconds, since small
    assert late.holds(seen(**queued, created_at=1_700_000_000_250))
    for field in ("x", None, 1e300, True):
        without = seen(**queued, created_at=field, enqueued_at=field, failed_at=field)
        assert not early.holds(without)
        assert not late.holds(without)
        assert not parse("age:>1s").holds(without)
        assert parse("-age:>1s").holds(without)


def test_callbacks_of_a_batch_are_found_with_its_members() -> None:
    """Both keep it from being done with."""
    assert parse(f"batch:{BID}").holds(seen(bid=None, cb=f"{BID}:success:0"))
    assert not parse(f"batch:{BID}").holds(seen(bid=None, cb=f"{BID}0:success:0"))


def test_a_job_is_on_the_queue_where_it_lies() -> None:
    """Whatever its payload says; elsewhere, on the one it will go to."""
    lying = Seen(seen().payload, "queued", "other")
    assert parse("queue:other").holds(lying)
    assert not parse("queue:bulk").holds(lying)
    assert parse("queue:default").holds(seen(queue=None))


def test_a_record_is_judged_as_its_payload() -> None:
    """By the same rules, whatever was read of it."""
    record = read(seen().payload, NOW + 30)
    for text in MEANT:
        if "state" not in text:
            assert parse(text, NOW).matches(record), text


# -- what is refused ------------------------------------------------------------------------------

REFUSED = {
    "stat:dead": (0, "there is no qualifier stat:; there are job:, state:, "),
    "job:x -Stat:dead": (6, 'write it in quotes, as "Stat:…"'),
    "http://x": (0, "no qualifier http:"),
    "state:died": (6, "there is no state 'died'; there are running, retrying, dead, "),
    "job:": (4, "a value after job:"),
    "job:a,": (6, "a value after the comma"),
    "job:,a": (4, "a value after job:"),
    'tag:""': (4, 'tag: with "" would mean nothing'),
    '""': (0, "say what to look for"),
    "-": (1, "there has to be a word"),
    "- x": (1, "there has to be a word"),
    '"abc': (0, "a quote is never closed"),
    'error:"abc': (6, "a quote is never closed"),
    'a"b"': (1, "there has to be a blank before '\"b\"'"),
    '"a"b': (3, "there has to be a blank before 'b'"),
    "attempt:": (8, "attempt: needs a whole number"),
    "attempt:x": (8, "attempt: needs a whole number"),
    "attempt:>-1": (9, "attempt: needs a whole number"),
    "attempt:3.5": (8, "attempt: needs a whole number"),
    "age:1h": (4, "age: needs > or <"),
    "age:=1h": (5, "age: needs > or <"),
    "age:>": (5, "a span of time is written as 90s"),
    "age:>60": (5, "a span of time is written as 90s"),
    "age:>1y": (5, "a span of time is written as 90s"),
    "age:>1hh": (7, "there has to be a blank before 'h'"),
    "age:>99999999w": (5, "more than 1,000 years"),
    "before:": (7, "a date, a time or a span after the colon"),
    "before:soon": (7, "'soon' is no time: write a date (2026-11-01)"),
    "before:2026-02-30": (7, "'2026-02-30' is no time"),
    "after:0001-01-01T00:00+14:00": (6, "is no time"),
    "arg.": (4, "a position or a name after arg."),
    "arg.0": (5, "arg.PATH=VALUE"),
    "arg.0:5": (7, "arg.PATH=VALUE"),
    "arg.0.=5": (6, "a position or a name after the dot"),
    "arg.0=": (6, "a value after ="),
    "x" * (LONGEST + 1): (0, f"at most {LONGEST:,} characters, not {LONGEST + 1:,}"),
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_not_understood_is_said(text: str) -> None:
    """Where, what, and what is possible instead."""
    position, told = REFUSED[text]
    with pytest.raises(FilterError) as caught:
        parse(text)
    assert isinstance(caught.value, ConfigError)
    assert (told in str(caught.value), caught.value.position) == (True, position), caught.value
    assert str(caught.value).startswith(f"filter, character {position + 1}: ")


# -- where to look --------------------------------------------------------------------------------

QUEUES, HELD = ["low", "bulk"], ["shop.resize", "mail"]
SETS = [Place("retry"), Place("dead"), Place("schedule")]
LINES = [Place("queue", "bulk"), Place("queue", "low")]
ASIDE = [Place("held", "mail"), Place("held", "shop.resize")]


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("word", [*SETS, *LINES, *ASIDE]),
        ("state:dead", [Place("dead")]),
        ("state:dead,retrying", [Place("retry"), Place("dead")]),
        ("-state:dead,retrying,scheduled", [*LINES, *ASIDE]),
        ("state:dead -state:dead", []),
        ("state:running", []),
        ("state:queued queue:low", [Place("queue", "low")]),
        ("state:queued queue:l*,nobody", [Place("queue", "low")]),
        ("state:queued -queue:low", [Place("queue", "bulk")]),
        ("queue:low", [*SETS, Place("queue", "low"), *ASIDE]),
        ("state:held job:resize", [Place("held", "shop.resize")]),
        ("state:queued,held job:resize", [*LINES, Place("held", "shop.resize")]),
    ],
)
def test_only_places_that_can_have_some_are_searched(text: str, places: list[Place]) -> None:
    """By states, queues, and the names that held lists have."""
    assert parse(text).places(QUEUES, HELD) == places


def test_states_are_those_it_allows() -> None:
    """All of them without a word about states."""
    assert parse("x").states == frozenset(ALL_STATES)
    assert parse("state:dead,running -state:dead").states == {"running"}


# -- its time, and letters ------------------------------------------------------------------------


def test_ages_are_counted_from_one_moment() -> None:
    """The one given, so that a filter means the same all through what may take long."""
    hour = parse("age:>2h", NOW)
    assert not hour.holds(seen())
    assert parse("age:>2h", NOW + 1).holds(seen())
    assert hour == parse("age:>2h", NOW + 1)
    assert parse("age:<1h").holds(seen(created_at=datetime.now(UTC).timestamp()))


def test_only_two_letters_become_ascii_when_folded() -> None:
    """The bytes of all other payloads may be searched for what is ASCII in a folded word."""
    odd = [
        letter
        for letter in map(chr, range(128, sys.maxunicode + 1))
        if any(part.isascii() for part in fold(letter))
    ]
    assert odd == ["\u0130", "\u212a"]
    assert all(not is_ruled_out(f"a{letter}b".encode(), b"x") for letter in odd)
    assert is_ruled_out("äß日本ſﬁ".encode(), b"x")
    for word, text in (("5k", "5\u212a"), ("5i", "5\u0130")):
        payload = json.dumps({"jid": "a", "args": [text]}, ensure_ascii=False).encode()
        meant = parse(word, NOW)
        assert meant.holds(Seen(payload, "queued"))
        assert passes(meant, payload)


SPELLINGS = [
    ("5", "5"),
    ("5", "5.0"),
    ("5", "5e0"),
    ("5", "0.5e1"),
    ("5", "4.99999999999999999999"),
    ("500", "5e2"),
    ("500", "5E+2"),
    ("-120", "-1.2e2"),
    ("123456", "1.23456e5"),
    ("123456", "1234560e-1"),
    ("0", "-0.0"),
    ("9007199254740992", "9007199254740993.0"),
]


@pytest.mark.parametrize(("meant", "written"), SPELLINGS)
def test_a_number_may_be_spelled_in_many_ways(meant: str, written: str) -> None:
    """Bytes that do not hold its digits are passed over only where it can't be meant."""
    payload = f'{{"jid":"x","class":"job","args":[{written}]}}'.encode()
    found = parse(f"arg.0={meant}")
    assert found.holds(Seen(payload, "dead"))
    assert passes(found, payload)


def test_digits_that_are_not_there_are_passed_over() -> None:
    """What every page would have to be read for otherwise."""
    assert not passes(parse("arg.0=123456"), b'{"jid":"x","class":"job","args":[12345,7.5]}')


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        ("", [0, 1, 2, 3]),
        ("-word", [0, 1, 2, 3]),
        ("word", [1, 3]),
        ("nowhere", [3]),
        ("tag:*", [2, 3]),
        ("tag:w*", [3]),
        ("error:word", [3]),
        ("arg.user.id=word", [1, 3]),
        ("arg.nobody=word", [3]),
        ("arg.0=5", [0, 3]),
    ],
)
def test_most_of_a_page_is_passed_over(text: str, passed: list[int]) -> None:
    """Who lacks the text, or the field where it would have to stand; who has an escape is not."""
    page = [
        b'{"class":"job","args":[4.99999999999999999999]}',
        b'{"class":"job","args":[{"user":{"id":"WORD"}}]}',
        b'{"class":"job","args":[],"tags":["x"]}',
        rb'{"class":"\u0077ord","args":[]}',
    ]
    assert list(parse(text).sift(Bundle.of(page))) == passed


def test_numbers_of_who_holds_a_needle() -> None:
    """Once each, empty ones or not; and who only begins it, where the next one ends it."""
    for texts, found in (
        ([], []),
        ([b"", b""], []),
        ([b"", b"ab", b""], [1]),
        ([b"xabab", b"", b"b", b"ab"], [0, 3]),
        ([b"a", b"b", b"ab"], [0, 2]),
        ([b"ab", b"ab"], [0, 1]),
    ):
        page = Bundle.of(texts)
        assert list(page.numbers(page.text, b"ab")) == found, texts
