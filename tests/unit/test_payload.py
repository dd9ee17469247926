"""A job on the wire: what it begins with, what survives, and what is no job."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outrider.errors import ConfigError, EnqueueError, PayloadTooLarge, UnreadablePayload
from outrider.payload import Draft, Job, changed, decode, encode

NOW = 1_800_000_000.125
LIMIT = 1 << 20


def draft(**fields: Any) -> Draft:
    return Draft("app.job", [1], {}, "default", jid="0a" * 12, **fields)


def written(
    one: Draft,
    *,
    args: bytes = b"[1]",
    kwargs: bytes | None = None,
    max_bytes: int = LIMIT,
    stamp: bool = True,
) -> str:
    return encode(one, args, kwargs, now=NOW, max_bytes=max_bytes, stamp=stamp)


JID = '{"jid":"0a0a0a0a0a0a0a0a0a0a0a0a",'
HEAD = '"class":"app.job","queue":"default","args":[1],"retry":true'
BEGINNINGS = [
    ({}, JID + HEAD),
    ({"bid": "00" * 8}, JID + '"bid":"0000000000000000",' + HEAD),
    ({"expires_in": 60.0}, JID + '"expiry":1800000060.125,' + HEAD),
    ({"expires_in": 60.0, "at": NOW + 100}, JID + '"expiry":1800000160.125,' + HEAD),
    ({"expires_in": 60.0, "at": NOW - 100}, JID + '"expiry":1800000060.125,' + HEAD),
    (
        {"bid": "00" * 8, "expires_in": 0.5, "tags": ["x"], "extra": {"a": 1}},
        JID + '"bid":"0000000000000000","expiry":1800000000.625,' + HEAD,
    ),
]


@pytest.mark.parametrize(("fields", "beginning"), BEGINNINGS, ids=lambda value: str(value)[:40])
def test_a_payload_begins_as_scripts_expect_it(fields: dict[str, Any], beginning: str) -> None:
    """Jid, bid, expiry, class and queue come first, in this order, before the arguments."""
    assert written(draft(**fields)).startswith(beginning)


def test_a_payload_carries_everything_of_its_draft() -> None:
    """Options, tags and extra fields are written by the names that Sidekiq and the worker read."""
    full = draft(retry=3, retry_for=9.5, timeout=2.0, tags=["a", "b"], extra={"trace": {"id": "é"}})
    assert json.loads(written(full, kwargs=b'{"k":null}')) == {
        "jid": full.jid,
        "class": "app.job",
        "queue": "default",
        "args": [1],
        "kwargs": {"k": None},
        "retry": 3,
        "created_at": NOW,
        "retry_for": 9.5,
        "timeout": 2.0,
        "tags": ["a", "b"],
        "trace": {"id": "é"},
        "enqueued_at": NOW,
    }


@pytest.mark.parametrize(("retry", "text"), [(True, "true"), (False, "false"), (0, "0"), (7, "7")])
def test_retry_is_written_as_it_was_given(retry: bool | int, text: str) -> None:
    """0 and false mean different things, so neither may become the other."""
    assert f'"retry":{text},' in written(draft(retry=retry))


def test_only_a_job_that_goes_to_a_queue_is_stamped() -> None:
    """A scheduled job gets `enqueued_at` when it is promoted, not before."""
    assert written(draft()).endswith(f',"created_at":{NOW},"enqueued_at":{NOW}}}')
    assert written(draft(), stamp=False).endswith(f',"created_at":{NOW}}}')


def test_times_have_three_digits() -> None:
    """Every version of Sidekiq reads float seconds, and a round second must not become an int."""
    text = encode(draft(), b"[]", None, now=1.8e9, max_bytes=LIMIT, stamp=True)
    assert re.search(r'"created_at":1800000000\.000,"enqueued_at":1800000000\.000}$', text)


@pytest.mark.parametrize("character", ["x", "é", "€", "𝄞"])
def test_the_limit_counts_bytes(character: str) -> None:
    """A payload of exactly the limit passes; one byte more is refused."""
    args = f'["{character * 100}"]'.encode()
    size = len(written(draft(), args=args).encode())
    assert written(draft(), args=args, max_bytes=size)
    with pytest.raises(PayloadTooLarge):
        written(draft(), args=args, max_bytes=size - 1)


def test_too_large_is_told_with_sizes_and_advice() -> None:
    """The message names the job, its size, the limit, the setting, and what to do."""
    with pytest.raises(PayloadTooLarge) as caught:
        written(draft(), args=b'["' + b"x" * 2000 + b'"]', max_bytes=1500)
    assert re.fullmatch(
        r"app\.job would be 2,1\d\d bytes, more than the limit of 1,500 \(max_payload\): "
        "store the data elsewhere and pass a reference to it",
        str(caught.value),
    )
    assert isinstance(caught.value, EnqueueError)
    assert isinstance(caught.value, ValueError)


# -- reading --------------------------------------------------------------------------------------

RUBY = (
    b'{"retry":true,"queue":"low","class":"HardJob","args":["a",{"b":1}],"jid":"b4a577edbccf1d805744'
    b'efa9","created_at":1800000000123,"enqueued_at":1800000000124,"cattr":{"x":1},"tags":["t"]}\n'
)
READABLE = [
    (RUBY, Job("b4a577edbccf1d805744efa9", "HardJob", ["a", {"b": 1}], "low", tags=["t"])),
    (b'{"jid":"j","class":"A","args":[]}', Job("j", "A", [])),
    (b'{"jid":"j","class":"A","args":[],"retry":null}', Job("j", "A", [], retry=None)),
    (b'{"jid":"j","class":"A","args":[],"retry":false}', Job("j", "A", [], retry=False)),
    (b'{"jid":"j","class":"A","args":[],"retry":0}', Job("j", "A", [], retry=0)),
    (b'{"jid":"j","class":"A","args":[],"kwargs":null}', Job("j", "A", [])),
    (b' {"args" : [ ] , "class":"A","jid":"j"} ', Job("j", "A", [])),
    (b'{"jid":"j","class":"A","args":[],"queue":"a","queue":"b"}', Job("j", "A", [], "b")),
    (
        b'{"jid":"j","class":"A","args":[],"failed_at":1800000000123,"retry_count":2}',
        Job("j", "A", [], failed_at=1800000000123, retry_count=2),
    ),
    (
        b'{"jid":"j","cb":"00:success:0","class":"A","args":[],"created_at":1.5}',
        Job("j", "A", [], cb="00:success:0", created_at=1.5),
    ),
]


@pytest.mark.parametrize(("payload", "job"), READABLE, ids=range(len(READABLE)))
def test_payloads_of_others_are_read(payload: bytes, job: Job) -> None:
    """Ruby's payloads and odd ones are read: any order, blanks, milliseconds, unknown fields."""
    found = decode(payload)
    if job.created_at is None:
        found.created_at = None
    found.enqueued_at = job.enqueued_at  # as it came: see `waited` in test_events.py
    assert found == job


UNREADABLE = [
    b"",
    b"null",
    b"[]",
    b"{",
    b"{}",
    b"not json",
    b'{"jid":"j","class":"A"}',
    b'{"jid":"j","args":[]}',
    b'{"class":"A","args":[]}',
    b'{"jid":1,"class":"A","args":[]}',
    b'{"jid":"j","class":"A","args":{}}',
    b'{"jid":"j","class":"A","args":[],"retry":"often"}',
    b'{"jid":"j","class":"A","args":[],"kwargs":[]}',
    b'{"jid":"j","class":"A","args":[]} {}',
    b'{"jid":"\xff","class":"A","args":[]}',
    b'{"jid":"j","class":"A","args":["\xff\xfe"]}',
    b'{"jid":"j","class":"A","args":["\\ud800"]}',
    b'{"jid":"j","class":"A","args":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
]


@pytest.mark.parametrize("payload", UNREADABLE, ids=range(len(UNREADABLE)))
def test_what_is_no_job_is_told_by_one_error(payload: bytes) -> None:
    """The worker catches UnreadablePayload and nothing else, so nothing else may come."""
    with pytest.raises(UnreadablePayload, match=r"^not a job: "):
        decode(payload)


@given(data=st.binary() | st.text().map(str.encode), at=st.integers(0, len(RUBY)))
def test_any_bytes_are_a_job_or_unreadable(data: bytes, at: int) -> None:
    """Whatever stands on a queue, reading it ends in a job or in UnreadablePayload."""
    for payload in (data, RUBY[:at] + data, RUBY[:at] + data + RUBY[at:]):
        try:
            assert isinstance(decode(payload), Job)
        except UnreadablePayload:
            continue


# -- changing -------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def test_unknown_fields_survive_byte_for_byte() -> None:
    """Numbers keep their spelling and texts their escapes, however others wrote them."""
    foreign = (
        b'{"jid":"j", "class":"A","args":[ 1.10,"\\u00e9", 1e2 ],'
        b'"x":{ "y" : 12345678901234567890123}}'
    )
    after = changed(foreign, {"retry_count": 0})
    assert '"args":[ 1.10,"\\u00e9", 1e2 ]' in after
    assert '"x":{ "y" : 12345678901234567890123}' in after
    assert after.endswith(',"retry_count":0}')


def test_fields_are_set_dropped_and_kept_in_place() -> None:
    """A changed field stays where it was, so our fixed beginning stays at the beginning."""
    first = written(draft(bid="00" * 8)).encode()
    after = changed(first, {"queue": "other", "error_class": "E"}, drop=("enqueued_at", "nothing"))
    assert after.startswith(
        '{"jid":"0a0a0a0a0a0a0a0a0a0a0a0a","bid":"0000000000000000","class":"app.job","queue":"other"'
    )
    assert "enqueued_at" not in after
    assert after.endswith(',"error_class":"E"}')


@given(
    content=st.dictionaries(st.text(), JSON),
    fields=st.dictionaries(st.text(), JSON, max_size=3),
    indent=st.none() | st.integers(0, 2),
    ascii_only=st.booleans(),
)
def test_a_change_touches_nothing_else(
    content: dict[str, Any], fields: dict[str, Any], indent: int | None, ascii_only: bool
) -> None:
    """In any spelling of JSON, what was not set or dropped has the same bytes afterwards."""
    dropped = set(list(content)[:1])
    before = json.dumps(content, indent=indent, ensure_ascii=ascii_only).encode()
    after = changed(before, fields, drop=tuple(dropped)).encode()
    kept = {name: value for name, value in content.items() if name not in dropped}
    assert json.loads(after) == {**kept, **fields}
    raw = msgspec.json.Decoder(dict[str, msgspec.Raw])
    old, new = raw.decode(before), raw.decode(after)
    assert all(bytes(new[name]) == bytes(old[name]) for name in kept if name not in fields)


NAMES = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"], exclude_characters='"\\'),
    min_size=1,
)


@given(
    name=NAMES,
    queue=st.from_regex(r"[A-Za-z0-9_.:-]{1,128}", fullmatch=True),
    args=st.lists(JSON),
    kwargs=st.none() | st.dictionaries(st.text(), JSON, min_size=1),
    retry=st.booleans() | st.integers(0, 100),
    timeout=st.none() | st.floats(0.001, 1e6),
    tags=st.lists(st.text()),
    extra=st.dictionaries(st.text(min_size=1).map("x".__add__), JSON),
)
def test_a_draft_comes_back_the_same(
    name: str,
    queue: str,
    args: list[Any],
    kwargs: dict[str, Any] | None,
    retry: bool | int,
    timeout: float | None,
    tags: list[str],
    extra: dict[str, Any],
) -> None:
    """What the worker reads is what was enqueued, field by field."""
    one = Draft(name, args, kwargs or {}, queue, retry, timeout=timeout, tags=tags, extra=extra)
    one.jid = "0a" * 12
    sent = written(
        one,
        args=msgspec.json.encode(args),
        kwargs=None if kwargs is None else msgspec.json.encode(kwargs),
        max_bytes=1 << 30,
    )
    job = decode(sent.encode())
    assert (job.jid, job.name, job.queue) == (one.jid, name, queue)
    assert (job.args, job.kwargs) == (args, kwargs)
    assert (job.retry, type(job.retry)) == (retry, type(retry))
    assert (job.timeout, job.tags or []) == (timeout, tags)
    assert {key: json.loads(sent)[key] for key in extra} == extra


@pytest.mark.parametrize("name", ["jid", "args", "class", "expiry", "enqueued_at"])
def test_extra_fields_do_not_replace_ours(name: str) -> None:
    """Middleware can't smuggle a second value in for a field that scripts and workers read."""
    draft = Draft("a", [], {}, "q", jid="x", extra={name: "y"})
    with pytest.raises(ConfigError, match=name):
        encode(draft, b"[]", None, now=0.0, max_bytes=1000, stamp=True)
