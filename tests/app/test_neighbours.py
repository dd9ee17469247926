"""No act on one job touches another: whatever lies beside it, with the same score, with the same
beginning, with the same id, or written by others."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outrider import App, BatchCancelled
from outrider.errors import UnreadablePayload
from outrider.inspection.collection import Collection
from outrider.inspection.record import read
from outrider.inspection.sets import JobSet
from tests.app.hands import put, raw

ACTS = {
    "queue": ("delete", "kill"),
    "held": ("delete", "kill"),
    "schedule": ("delete", "kill", "retry", "enqueue"),
    "retry": ("delete", "kill", "retry", "enqueue"),
    "dead": ("delete", "kill", "retry", "enqueue"),
}
SETS = {"schedule": "scheduled", "retry": "retries", "dead": "dead"}
IDS = ("aa", "a", "aaa", "aa" * 12, "aa" * 12 + "b", "*", "a\\u0061", 'a"', "")
SCORES = (1.0, 1.0, 2.5)


def ours(jid: str, args: list[Any]) -> str:
    text = json.dumps(jid)[1:-1]
    arguments = json.dumps(args)
    return f'{{"jid":"{text}","class":"app.job","queue":"low","args":{arguments}}}'


def theirs(jid: str, args: list[Any]) -> str:
    return json.dumps({"retry": True, "args": args, "class": "R", "queue": "low", "jid": jid})


def loose(jid: str, args: list[Any]) -> str:
    return json.dumps({"class": "R", "jid": jid, "queue": "low", "args": args}, indent=1)


def broken(jid: str, args: list[Any]) -> str:
    return ours(jid, args)[:-1]


ARGUMENTS = st.sampled_from(
    [[], ["aa"], ["a"], [{"jid": "aa"}], ['"jid":"aa"'], ["x" * 300], ["x" * 300 + "y"]]
)
PAYLOADS = st.builds(
    lambda make, jid, args: make(jid, args),
    st.sampled_from([ours, theirs, loose, broken]),
    st.sampled_from(IDS),
    ARGUMENTS,
)


def everything(app: App) -> dict[str, Counter[Any]]:
    """All that lies in lists and sets; lists keep their order by position among equals."""
    found: dict[str, Counter[Any]] = {}
    for key in raw(app, "KEYS", "*"):
        kind = raw(app, "TYPE", key).decode()
        name = key.decode()
        if kind == "list":
            found[name] = Counter(raw(app, "LRANGE", key, 0, -1))
        elif kind == "zset":
            words = iter(raw(app, "ZRANGE", key, 0, -1, "WITHSCORES"))
            found[name] = Counter(zip(words, words, strict=True))
    return found


def changes(
    before: dict[str, Counter[Any]], after: dict[str, Counter[Any]]
) -> tuple[list[tuple[str, Any]], list[tuple[str, Any]]]:
    """What has left, and what has come, each with its key."""
    empty: Counter[Any] = Counter()
    names = {*before, *after}
    left = [(n, one) for n in names for one in (before.get(n, empty) - after.get(n, empty))]
    come = [(n, one) for n in names for one in (after.get(n, empty) - before.get(n, empty))]
    return left, come


def lay(app: App, where: str, texts: list[tuple[str, float]]) -> tuple[Collection, str]:
    """Put them there; the place as users reach it, and its key."""
    if where in SETS:
        raw(app, "ZADD", where, *(word for text, score in texts for word in (score, text)))
        return getattr(app, SETS[where]), where
    if where == "queue":
        put(app, "default", *(text for text, _ in texts))
        return app.queues["default"], "queue:default"
    raw(app, "SADD", "o:held", "app.job")
    raw(app, "LPUSH", "o:held:app.job", *(text for text, _ in texts))
    return app.held["app.job"], "o:held:app.job"


def bytes_of(entry: Any) -> bytes:
    found: bytes = entry[0] if isinstance(entry, tuple) else entry
    return found


@pytest.mark.parametrize(
    ("where", "act"), [(where, act) for where, acts in ACTS.items() for act in acts]
)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    texts=st.lists(st.tuples(PAYLOADS, st.sampled_from(SCORES)), min_size=1, max_size=12),
    jid=st.sampled_from([*IDS, "aaaa", "x"]),
)
def test_no_act_touches_another_job(
    app: App, where: str, act: str, texts: list[tuple[str, float]], jid: str
) -> None:
    """At most one job leaves, which has that id; if one comes, it is the same (O21)."""
    raw(app, "FLUSHALL")
    place, key = lay(app, where, texts)
    there = [read(text.encode()).jid for text, _ in texts]
    before = everything(app)
    try:
        done = getattr(place, act)(jid)
    except (BatchCancelled, UnreadablePayload):
        done = False
    left, come = changes(before, everything(app))
    is_still = act == "kill" and where == "dead"
    if not done or is_still:
        assert (left, come) == ([], [])
        assert not done or jid in there
        return
    ((left_at, gone),) = left
    assert (left_at, read(bytes_of(gone)).jid) == (key, jid)
    if act == "delete":
        ((came_at, entry),) = come
        assert came_at == "o:trash"
        assert bytes_of(entry).endswith(bytes_of(gone))
        return
    for came_at, entry in come:
        assert (came_at, read(bytes_of(entry)).jid) == (
            "dead" if act == "kill" else "queue:low",
            jid,
        )
    # Who is dead already, byte for byte, is not dead twice.
    assert len(come) == 1


@pytest.mark.parametrize("where", SETS)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(texts=st.lists(st.tuples(PAYLOADS, st.sampled_from(SCORES)), min_size=1, max_size=12))
def test_retry_all_and_clear_leave_other_places(
    app: App, where: str, texts: list[tuple[str, float]]
) -> None:
    """All of one place, and nothing of the next ones, which hold the same jobs."""
    raw(app, "FLUSHALL")
    for other in SETS:
        lay(app, other, texts)
    chosen: JobSet = getattr(app, SETS[where])
    put(app, "default", *(text for text, _ in texts))
    before = everything(app)
    count = chosen.retry_all()
    left, come = changes(before, everything(app))
    assert {key for key, _ in left} <= {where}
    assert {key for key, _ in come} <= {"queue:low"}
    assert len(left) == count
    assert chosen.clear() == len(before[where]) - count
    left, _ = changes(before, everything(app))
    assert {key for key, _ in left} == {where}
