"""The filter language on any input: read as it is written, and no job passed over."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from outrider.clock import utc
from outrider.errors import FilterError
from outrider.inspection.record import decode, read
from outrider.search.filter import Filter
from outrider.search.parse import MOST_SECONDS, parse
from outrider.search.seen import ALL_STATES, Seen, fold, is_like
from outrider.search.terms import COMPARE, Age, Argument, Attempts, OneOf, Term, When, Word
from outrider.store.bundle import Bundle

NOW = 1_800_000_000.0
MANY = settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])

TEXTS = st.text(min_size=1, max_size=12) | st.sampled_from(
    [
        "-",
        '"',
        "\\",
        "arg.0",
        "job:x",
        "a b",
        "\n",
        "-x",
        "K\u212a",
        "\u0130i",
        "*",
        "..",
        "ß\u1e9e",
        "\x00",
    ]
)
VALUES = st.lists(TEXTS, min_size=1, max_size=3).map(tuple)
FLAG = st.booleans()
SPANS = st.integers(0, MOST_SECONDS * 1000).map(lambda ms: ms / 1000) | st.sampled_from(
    [0.0, 0.1, 59.999, 60.0, 5400.0, 86_400.0, 604_800.0, float(MOST_SECONDS)]
)
MOMENTS = st.integers(86_400_000, 253_402_000_000_000).map(lambda ms: utc(ms / 1000))
TERMS: st.SearchStrategy[Term] = st.one_of(
    st.builds(Word, FLAG, TEXTS),
    st.builds(
        OneOf, FLAG, st.sampled_from(["job", "queue", "error", "tag", "batch", "jid"]), VALUES
    ),
    st.builds(
        OneOf,
        FLAG,
        st.just("state"),
        st.lists(st.sampled_from(ALL_STATES), min_size=1, max_size=3).map(tuple),
    ),
    st.builds(Argument, FLAG, VALUES, st.lists(st.text(max_size=5), min_size=1).map(tuple)),
    st.builds(Attempts, FLAG, st.sampled_from(list(COMPARE)), st.integers(0, 10**9 - 1)),
    st.builds(Age, FLAG, st.sampled_from([">", ">=", "<", "<="]), SPANS),
    st.builds(When, FLAG, FLAG, MOMENTS),
    st.builds(When, FLAG, FLAG, st.none(), SPANS),
)
FILTERS = st.lists(TERMS, max_size=4).map(lambda terms: Filter(tuple(terms), NOW))


@MANY
@given(FILTERS)
def test_a_filter_is_read_as_it_is_written(meant: Filter) -> None:
    """Any terms of any texts."""
    assert parse(str(meant), NOW) == meant


@MANY
@given(
    st.text(max_size=40)
    | st.lists(
        st.sampled_from(
            [
                "job:",
                "arg.",
                "-",
                '"',
                "\\",
                " ",
                "x",
                "=",
                ":",
                ",",
                "attempt:",
                "age:",
                ">",
                "1h",
                "before:",
                "2026-11-01",
                "9" * 20,
            ]
        )
    ).map("".join)
)
def test_any_text_is_a_filter_or_refused(text: str) -> None:
    """With FilterError and nothing else; what is understood can be written and read again."""
    try:
        meant = parse(text, NOW)
    except FilterError as error:
        refused = error
    else:
        assert parse(str(meant), NOW) == meant
        return
    assert 0 <= refused.position <= len(text)


# -- payloads -------------------------------------------------------------------------------------

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
JOBS = st.fixed_dictionaries(
    {
        "jid": TEXTS,
        "class": TEXTS,
        "args": st.lists(ANYTHING, max_size=3),
        "kwargs": st.dictionaries(TEXTS, ANYTHING, max_size=2),
    },
    optional={
        "queue": TEXTS,
        "bid": TEXTS,
        "cb": TEXTS,
        "error_class": TEXTS,
        "error_message": TEXTS,
        "tags": st.lists(TEXTS, max_size=2),
        "retry_count": ANYTHING,
        "created_at": ANYTHING,
        "theirs": ANYTHING,
    },
)


def write(value: Any, escaped: str, blank: str) -> str:
    """JSON with these letters escaped, needlessly or not."""
    if isinstance(value, str):
        text = json.dumps(value, ensure_ascii="\u0080" in escaped)[1:-1]
        plain = re.compile(r"\\u[0-9a-f]{4}|\\.|.", re.DOTALL)
        return '"' + plain.sub(lambda one: _escape(one[0], escaped), text) + '"'
    if isinstance(value, list):
        return "[" + f",{blank}".join(write(item, escaped, blank) for item in value) + "]"
    if isinstance(value, dict):
        pairs = (
            f"{write(key, escaped, blank)}{blank}:{blank}{write(item, escaped, blank)}"
            for key, item in value.items()
        )
        return "{" + f",{blank}".join(pairs) + "}"
    return json.dumps(value)


def _escape(letter: str, escaped: str) -> str:
    return f"\\u{ord(letter):04x}" if len(letter) == 1 and letter in escaped else letter


SPELLINGS = st.tuples(
    st.sampled_from(["", "\u0080", "acs", "abcdefghijklmnopqrstuvwxyz0123456789 \u0080"]),
    st.sampled_from(["", " "]),
)


@st.composite
def spelled(draw: st.DrawFn, job: dict[str, Any]) -> bytes:
    """The JSON of a job as some program might write it: escaped, or not, where that may be."""
    return write(job, *draw(SPELLINGS)).encode()


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for pair in value.items() for part in pair for text in _texts(part)]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [value] if isinstance(value, str) else [json.dumps(value)]


@st.composite
def about(draw: st.DrawFn, job: dict[str, Any]) -> Term:
    """A term that has a good chance to hold for this job."""
    text = draw(st.sampled_from(_texts(job)))
    start = draw(st.integers(0, max(0, len(text) - 1)))
    part = text[start : start + draw(st.integers(1, 12))] or "x"
    changes: list[Callable[[str], str]] = [str.swapcase, str.upper, str.lower, str.title]
    change = draw(st.sampled_from(changes))
    kinds: list[Term] = [Word(False, change(part)), OneOf(False, "error", (change(part),))]
    for name, field in (("job", "class"), ("jid", "jid"), ("batch", "bid")):
        whole = str(job.get(field, "x"))
        kinds += [OneOf(False, name, (whole,)), OneOf(False, name, ("no", whole[:2] + "*"))]
    kinds += [OneOf(False, "tag", (str(tag),)) for tag in job.get("tags", [])]
    kinds += [Argument(False, ("0",), (text,)), Argument(False, (text,), (text,))]
    return draw(st.sampled_from(kinds))


def _passes(meant: Filter, payload: bytes) -> bool:
    return list(meant.sift(Bundle.of([payload]))) == [0]


@settings(MANY, max_examples=600)
@given(st.data())
def test_no_match_is_passed_over_unread(data: st.DataObject) -> None:
    """However a job is spelled: what a filter means, the bytes alone never rule out."""
    job = data.draw(JOBS)
    payload = data.draw(spelled(job))
    assume(decode(payload))
    terms = tuple(data.draw(st.lists(about(job), min_size=1, max_size=3)))
    meant = Filter(terms, NOW)
    holds = meant.holds(Seen(payload, "queued"))
    event(f"holds: {holds}, with needles: {bool(meant.needles)}")
    if holds:
        assert _passes(meant, payload)


@settings(MANY, max_examples=400)
@given(st.data())
def test_a_text_is_found_however_it_is_spelled(data: st.DataObject) -> None:
    """Any text in the arguments, by itself and in another case; escapes make no difference."""
    job: dict[str, Any] = data.draw(JOBS)
    text = data.draw(TEXTS)
    name = text.replace("*", "")
    job["args"] = [{"deep": [text]}]
    job["tags"], job["class"] = [text], name
    payload = data.draw(spelled(job))
    assume(decode(payload).get("class"))
    seen = Seen(payload, "queued")
    terms: list[Term] = [
        Word(False, text),
        Argument(False, ("0", "deep", "0"), (text,)),
        OneOf(False, "tag", (text,)),
        OneOf(False, "job", (name,)),
    ]
    for term in terms:
        meant = Filter((term,), NOW)
        assert meant.holds(seen), term
        assert _passes(meant, payload), term


@MANY
@given(FILTERS, st.binary(max_size=60) | JOBS.map(lambda job: json.dumps(job).encode()))
def test_looking_never_fails(meant: Filter, payload: bytes) -> None:
    """Whatever lies there; and a term holds exactly when its opposite does not."""
    seen = Seen(payload, "dead", None, 5.5)
    for term in meant.terms:
        opposite = parse(str(term)[1:] if term.negated else f"-{term}", NOW)
        assert opposite.holds(seen) != Filter((term,), NOW).holds(seen)
    assert meant.matches(read(payload)) in (True, False)
    if meant.holds(seen):
        assert _passes(meant, payload)


@MANY
@given(st.data())
def test_a_page_is_looked_through_as_its_jobs_are(data: st.DataObject) -> None:
    """Whatever lies beside each other: who is meant is never among those that are passed over."""
    jobs = data.draw(st.lists(JOBS, min_size=1, max_size=5))
    page = [data.draw(spelled(job) | st.binary(max_size=20)) for job in jobs]
    terms = data.draw(st.lists(TERMS | about(jobs[0]), min_size=1, max_size=3))
    meant = Filter(tuple(terms), NOW)
    read = list(meant.sift(Bundle.of(page)))
    assert read == sorted(set(read))
    holds = [number for number, one in enumerate(page) if meant.holds(Seen(one, "dead", None, 5.5))]
    event(f"holds: {bool(holds)}, passed over: {len(read) < len(page)}")
    assert set(holds) <= set(read) <= set(range(len(page)))


ODD = [
    b'{"class":"word","args":[1e999]}',
    b'{"class":"word","theirs":"\xff"}',
    b'{"class":"word","class":"other"}',
    b'{"class":5,"args":["word"],"error_backtrace":"word"}',
    b'{"error_backtrace":"word","word":1}',
    b'{"theirs":{"deep":"WORD"},"args":null}',
    b'{"class":"word"',
    b'{"class":"word"} word',
    rb'{"class":"\u0077ord","args":"\ud800"}',
    rb'{"class":"w\u006frd"}',
]


@MANY
@given(JOBS.flatmap(spelled) | st.binary(max_size=20), TEXTS)
def test_a_word_is_sought_where_it_may_stand(payload: bytes, text: str) -> None:
    """As the plainest definition has it, though it looks first where most words stand."""
    for one in (payload, *ODD):
        for sought in (text, "word", "WORD", "class", "5", "other"):
            holds = Word(False, sought).test(Seen(one, "dead"), NOW)
            assert holds == _stands_in(fold(sought), one), (sought, one)


def _stands_in(text: str, payload: bytes) -> bool:
    fields = decode(payload)
    if not fields:
        return text in fold(payload.decode("utf-8", "replace"))
    raws = msgspec.json.decode(payload, type=dict[str, msgspec.Raw])
    values = [
        re.sub(r'"(?:[^"\\]|\\.)*"', _as_it_reads, bytes(raws[name]).decode(), flags=re.DOTALL)
        for name, value in fields.items()
        if name != "error_backtrace" and isinstance(value, str | list | dict)
    ]
    return any(text in fold(value) for value in values)


def _as_it_reads(found: re.Match[str]) -> str:
    return f'"{json.loads(found[0], strict=False)}"'


@MANY
@given(st.text(alphabet="ab*", max_size=8), st.text(alphabet="ab*", max_size=12))
def test_a_star_stands_for_any_text(pattern: str, text: str) -> None:
    """Compared with the plainest definition there is."""

    def like(pattern: str, text: str) -> bool:
        if not pattern:
            return not text
        if pattern[0] == "*":
            return any(like(pattern[1:], text[at:]) for at in range(len(text) + 1))
        return text[:1] == pattern[0] and like(pattern[1:], text[1:])

    assert is_like(pattern, text) == like(pattern, text)
