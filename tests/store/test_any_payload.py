"""Any payload that Python writes is read by the scripts as it was meant, and kept byte for byte."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outrider import App
from outrider.payload import Draft, decode, encode
from outrider.store.queue import Other
from tests.app.hands import NOW, Hands, listed, promote, put, raw, scored

NAMES = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"], exclude_characters='"\\'),
    min_size=1,
    max_size=30,
)
TRICKY = st.sampled_from(
    [
        '"expiry":1.0,',
        '{"jid":"x"}',
        '","queue":"other"',
        '"bid":"00"',
        "}",
        "} \n",
        "\\",
        "%s",
        "\0",
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text() | TRICKY,
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | TRICKY, inner),
    max_leaves=8,
)
DRAFTS = st.builds(
    Draft,
    job=NAMES,
    args=st.lists(JSON, max_size=4),
    kwargs=st.dictionaries(st.text() | TRICKY, JSON, max_size=3),
    queue=st.just("default"),
    retry=st.booleans() | st.integers(0, 9),
    expires_in=st.none() | st.sampled_from([-1.0, 1.0, 3600.0]),
    tags=st.lists(st.text() | TRICKY, max_size=2),
    extra=st.dictionaries(st.text(min_size=1).map("x".__add__), JSON, max_size=2),
)


def text_of(draft: Draft, number: int) -> str:
    draft.jid = f"{number:024x}"
    args, kwargs = (msgspec.json.encode(value) for value in (draft.args, draft.kwargs))
    return encode(draft, args, kwargs, now=NOW / 1000, max_bytes=1 << 30, stamp=False)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(drafts=st.lists(DRAFTS, min_size=1, max_size=5))
def test_payloads_keep_their_bytes(app: App, drafts: list[Draft]) -> None:
    """From the schedule to a queue, to a worker and back: only the stamp is added (P158)."""
    raw(app, "FLUSHALL")
    texts = [text_of(draft, number) for number, draft in enumerate(drafts)]
    words: list[Any] = [word for text in texts for word in (NOW / 1000, text)]
    raw(app, "ZADD", "schedule", *words)
    promote(app, "schedule")
    stamped = [f'{text[:-1]},"enqueued_at":{NOW / 1000:.3f}}}' for text in texts]
    assert listed(app) == stamped
    hands = Hands(app)
    claimed = hands.claim(want=10)
    alive = [text for text, one in zip(stamped, drafts, strict=True) if one.expires_in != -1.0]
    assert [payload.decode() for payload in claimed.payloads] == alive
    for payload in claimed.payloads:
        found = decode(payload)
        draft = drafts[int(found.jid, 16)]
        assert (found.name, found.args, found.kwargs) == (draft.job, draft.args, draft.kwargs)
    tokens = range(claimed.first, claimed.first + len(alive))
    hands.ack(*(Other("release", token) for token in tokens))
    assert listed(app) == alive
    assert scored(app, "dead") == []


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(payloads=st.lists(st.binary(max_size=60), min_size=1, max_size=5, unique=True))
def test_any_bytes_leave_the_queue(app: App, payloads: list[bytes]) -> None:
    """Nothing that stands on a queue stops it: it is claimed, or it lies in the dead set."""
    raw(app, "FLUSHALL")
    put(app, "default", *payloads)
    claimed = Hands(app).claim(want=10)
    dead = raw(app, "ZRANGE", "dead", 0, -1)
    assert len(claimed.payloads) + len(dead) == len(payloads)
    assert set(dead) <= set(payloads)
    assert raw(app, "LLEN", "queue:default") == 0


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(payloads=st.lists(st.binary(max_size=60) | DRAFTS, min_size=1, max_size=9, unique_by=id))
def test_any_bytes_leave_the_schedule(app: App, payloads: list[bytes | Draft]) -> None:
    """Nothing that lies there stops it: it comes to its queue, or to the dead set (P152, P154)."""
    raw(app, "FLUSHALL")
    texts = {
        text_of(one, number).encode() if isinstance(one, Draft) else one
        for number, one in enumerate(payloads)
    }
    raw(app, "ZADD", "schedule", *(word for text in texts for word in (NOW / 1000, text)))
    assert promote(app, "schedule").moved == len(texts)
    dead = raw(app, "ZRANGE", "dead", 0, -1)
    assert set(dead) <= {one for one in payloads if isinstance(one, bytes)}
    assert len(listed(app)) + len(dead) == len(texts)
    assert raw(app, "ZCARD", "schedule") == 0
