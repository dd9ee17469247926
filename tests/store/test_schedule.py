"""promote and the dead set: what is due moves on, what is old goes away."""

from __future__ import annotations

import pytest

from outrider import App
from outrider.store import schedule
from outrider.store.queue import Other
from outrider.store.schedule import Promoted
from tests.app.hands import NOW, Hands, listed, put, raw, scored, write

SETS = ["schedule", "retry"]
DAY_MS = 86_400_000


def add(app: App, name: str, *due: tuple[float, str]) -> None:
    """Put payloads into a set; times in ms."""
    words = [word for at, text in due for word in (f"{at / 1000:.3f}", text)]
    raw(app, "ZADD", app.keys(name), *words)


def promote(app: App, name: str, now: int = NOW, limit: int = 250) -> Promoted:
    return app.perform(schedule.promote(app.keys, name=name, now=now, limit=limit))


def stamped(text: str) -> str:
    return f'{text[:-1]},"enqueued_at":{NOW / 1000:.3f}}}'


@pytest.mark.parametrize("name", SETS)
def test_what_is_due_moves_to_its_queue(app: App, name: str) -> None:
    """Each to its own queue, in the order of its time; the rest stays, and its time is told."""
    add(app, name, (NOW, write("b")), (NOW - 1, write("a")), (NOW - 2, write("l", "low")))
    add(app, name, (NOW + 1, write("z")), (NOW + 5000, write("y")))
    assert promote(app, name) == Promoted(3, NOW + 1)
    assert listed(app) == [stamped(write("a")), stamped(write("b"))]
    assert listed(app, "low") == [stamped(write("l", "low"))]
    assert [text for text, _ in scored(app, name)] == [write("z"), write("y")]
    assert raw(app, "SMEMBERS", "queues") in ([b"default", b"low"], [b"low", b"default"])


@pytest.mark.parametrize("name", SETS)
def test_a_second_request_moves_nothing(app: App, name: str) -> None:
    """After a lost reply the jobs are not there any more: none goes twice."""
    add(app, name, (NOW, write("a")))
    assert promote(app, name) == Promoted(1, -1)
    assert promote(app, name) == Promoted(0, -1)
    assert listed(app) == [stamped(write("a"))]


def test_the_sets_do_not_touch_each_other(app: App) -> None:
    """`schedule` and `retry` are moved one at a time."""
    for name in SETS:
        add(app, name, (NOW, write(name)))
    promote(app, "retry")
    assert listed(app) == [stamped(write("retry"))]
    assert [text for text, _ in scored(app, "schedule")] == [write("schedule")]


def test_slices_of_250(app: App) -> None:
    """A long outage makes many jobs due at once: no request moves more than its share."""
    texts = [write(f"{number:04}") for number in range(600)]
    add(app, "schedule", *((NOW - 600 + number, text) for number, text in enumerate(texts)))
    moved = [promote(app, "schedule") for _ in range(4)]
    assert moved == [
        Promoted(250, NOW - 600 + 250),
        Promoted(250, NOW - 600 + 500),
        Promoted(100, -1),
        Promoted(0, -1),
    ]
    assert listed(app) == [stamped(text) for text in texts]


def test_equal_times(app: App) -> None:
    """Any number of jobs may be due in the same moment; each is moved once, over all slices."""
    texts = [write(f"{number:04}") for number in range(600)]
    add(app, "retry", *((NOW, text) for text in texts))
    assert [promote(app, "retry").moved for _ in range(4)] == [250, 250, 100, 0]
    assert sorted(listed(app)) == sorted(stamped(text) for text in texts)


@pytest.mark.parametrize("text", ["", "no job", "[]", '{"jid":"x"}', '{"class":"A"}'], ids=repr)
def test_what_is_no_job_goes_to_the_dead_set(app: App, text: str) -> None:
    """As it is, so that it neither blocks the others nor gets lost."""
    add(app, "schedule", (NOW - 1, text), (NOW, write("a")))
    assert promote(app, "schedule") == Promoted(2, -1)
    assert listed(app) == [stamped(write("a"))]
    assert scored(app, "dead") == [(text, NOW / 1000)]


SPLICED = [
    (write("a", n=1.10, x={"}": "}"}), None),
    ('{"class":"A","args":[1.10, "\\u00e9"],"jid":"x","queue":"default"}', None),
    ('{ "jid" : "x", "class" : "A", "queue" : "default", "args" : [ ] }', None),
    ('{"class":"A","args":[],"jid":"x"}', None),
    ('{"class":"A","args":[],"jid":"x"} \n', '{"class":"A","args":[],"jid":"x"}'),
    ('{"class":"A","args":[],"jid":"x","queue":null}', None),
    ('{"class":"A","args":[],"jid":"x","bid":"","expiry":"soon"}', None),
]


@pytest.mark.parametrize(("text", "kept"), SPLICED, ids=range(len(SPLICED)))
def test_only_the_stamp_is_added(app: App, text: str, kept: str | None) -> None:
    """All other bytes stay, whoever wrote them and however; without a queue it is `default`."""
    add(app, "schedule", (NOW, text))
    promote(app, "schedule")
    assert listed(app) == [stamped(kept or text)]


def test_nothing_is_due(app: App) -> None:
    """An empty set and one of the future move nothing and create nothing."""
    assert promote(app, "schedule") == Promoted(0, -1)
    add(app, "schedule", (NOW + 1, write("a")))
    assert promote(app, "schedule") == Promoted(0, NOW + 1)
    assert raw(app, "KEYS", "*") == [b"schedule"]


# -- the dead set ---------------------------------------------------------------------------------


def bury(app: App, hands: Hands, *jids: str, now: int = NOW) -> None:
    """Let jobs die."""
    put(app, "default", *(write(jid) for jid in jids))
    first = hands.claim().first
    hands.ack(*(Other("dead", first + at, write(jid), now) for at, jid in enumerate(jids)), now=now)


def test_the_dead_set_keeps_exactly_ten_thousand(app: App) -> None:
    """The oldest leave when more come, and not before."""
    for start in range(0, 9_999, 1000):
        old = range(start, min(start + 1000, 9_999))
        add(app, "dead", *((NOW - 100_000 + at, f"{at:05}") for at in old))
    hands = Hands(app)
    bury(app, hands, "a")
    assert raw(app, "ZCARD", "dead") == 10_000
    assert scored(app, "dead")[0][0] == "00000"
    bury(app, hands, "b", "c", "d")
    assert raw(app, "ZCARD", "dead") == 10_000
    found = [text for text, _ in scored(app, "dead")]
    assert found[0] == "00003"
    assert found[-4:] == [write(jid) for jid in "abcd"]


def test_the_dead_are_kept_for_180_days(app: App) -> None:
    """A funeral takes away what is older, and nothing that is younger."""
    limit = NOW - 180 * DAY_MS
    add(app, "dead", (limit - 1, "old"), (limit + 1, "kept"))
    bury(app, Hands(app), "a")
    assert [text for text, _ in scored(app, "dead")] == ["kept", write("a")]
