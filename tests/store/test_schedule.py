"""promote and the dead set: what is due moves on, what is old goes away."""

from __future__ import annotations

import pytest

from outrider import App
from outrider.store.queue import Other
from outrider.store.schedule import Promoted
from tests.app.hands import IDENTITY, NOW, Hands, listed, promote, put, raw, scored, write

SETS = ["schedule", "retry"]
DAY_MS = 86_400_000


def add(app: App, name: str, *due: tuple[float, str]) -> None:
    """Put payloads into a set; times in ms."""
    words = [word for at, text in due for word in (f"{at / 1000:.3f}", text)]
    raw(app, "ZADD", app.keys(name), *words)


def stamped(text: str) -> str:
    return f'{text[:-1]},"enqueued_at":{NOW / 1000:.3f}}}'


@pytest.mark.parametrize("name", SETS)
def test_what_is_due_moves_to_its_queue(app: App, name: str) -> None:
    """Each to its own queue, in the order of its time; the rest stays, and its time is told."""
    add(app, name, (NOW, write("b")), (NOW - 1, write("a")), (NOW - 2, write("l", "low")))
    add(app, name, (NOW + 1, write("z")), (NOW + 5000, write("y")))
    assert promote(app, name) == Promoted(3, NOW + 1, True)
    assert listed(app) == [stamped(write("a")), stamped(write("b"))]
    assert listed(app, "low") == [stamped(write("l", "low"))]
    assert [text for text, _ in scored(app, name)] == [write("z"), write("y")]
    assert raw(app, "SMEMBERS", "queues") in ([b"default", b"low"], [b"low", b"default"])


@pytest.mark.parametrize("name", SETS)
def test_a_second_request_moves_nothing(app: App, name: str) -> None:
    """After a lost reply the jobs are not there any more: none goes twice (P160)."""
    add(app, name, (NOW, write("a")))
    assert promote(app, name) == Promoted(1, -1, True)
    assert promote(app, name) == Promoted(0, -1, True)
    assert listed(app) == [stamped(write("a"))]


def test_the_sets_do_not_touch_each_other(app: App) -> None:
    """`schedule` and `retry` are moved one at a time."""
    for name in SETS:
        add(app, name, (NOW, write(name)))
    promote(app, "retry")
    assert listed(app) == [stamped(write("retry"))]
    assert [text for text, _ in scored(app, "schedule")] == [write("schedule")]


def test_slices_of_500(app: App) -> None:
    """A long outage makes many jobs due at once: no request moves more than its share (P150)."""
    texts = [write(f"{number:04}") for number in range(1100)]
    add(app, "schedule", *((NOW - 1100 + number, text) for number, text in enumerate(texts)))
    moved = [promote(app, "schedule") for _ in range(4)]
    assert moved == [
        Promoted(500, NOW - 1100 + 500, True),
        Promoted(500, NOW - 1100 + 1000, True),
        Promoted(100, -1, True),
        Promoted(0, -1, True),
    ]
    assert listed(app) == [stamped(text) for text in texts]


def test_equal_times(app: App) -> None:
    """10,000 jobs may be due in the same moment: each is moved once, over all slices (P155)."""
    texts = [write(f"{number:05}") for number in range(10_000)]
    for at in range(0, len(texts), 1000):
        add(app, "retry", *((NOW, text) for text in texts[at : at + 1000]))
    assert [promote(app, "retry").moved for _ in range(21)] == [500] * 20 + [0]
    assert sorted(listed(app)) == sorted(stamped(text) for text in texts)


def test_as_many_as_fill_a_script(app: App) -> None:
    """Payloads may be large, and a script has to be brief: it moves fewer then (P156)."""
    sizes = [0] * 20 + [100_000] * 10 + [0] * 600
    texts = [write(f"{at:03}", pad="x" * size) for at, size in enumerate(sizes)]
    add(app, "schedule", *((NOW - 700 + at, text) for at, text in enumerate(texts)))
    moved = [promote(app, "schedule").moved for _ in range(7)]
    assert moved == [23, 3, 3, 500, 101, 0, 0]
    assert listed(app) == [stamped(text) for text in texts]


def test_a_payload_larger_than_a_script_moves(app: App) -> None:
    """One is moved at least."""
    texts = [write(f"{number}", pad="x" * (1 << 20)) for number in range(2)]
    add(app, "schedule", *((NOW - 2 + at, text) for at, text in enumerate(texts)))
    assert [promote(app, "schedule").moved for _ in range(3)] == [1, 1, 0]
    assert listed(app) == [stamped(text) for text in texts]


@pytest.mark.parametrize("text", ["", "no job", "[]", '{"jid":"x"}', '{"class":"A"}'], ids=repr)
def test_what_is_no_job_goes_to_the_dead_set(app: App, text: str) -> None:
    """As it is, so that it neither blocks the others nor gets lost (P154)."""
    add(app, "schedule", (NOW - 1, text), (NOW, write("a")))
    assert promote(app, "schedule") == Promoted(2, -1, True)
    assert listed(app) == [stamped(write("a"))]
    assert scored(app, "dead") == [(text, NOW / 1000)]


SPLICED = [
    (write("a", n=1.10, x={"}": "}"}), None),
    ('{"class":"A","args":[1.10, "\\u00e9"],"jid":"x","queue":"default"}', None),
    ('{ "jid" : "x", "class" : "A", "queue" : "default", "args" : [ ] }', None),
    ('{"class":"A","args":[],"jid":"x"}', None),
    ('{"class":"A","args":[],"jid":"x"} \n', '{"class":"A","args":[],"jid":"x"}'),
    ('{"class":"A","args":[],"jid":"x","queue":null}', None),
    ('{"class":"A","args":[],"jid":"x","enqueued_at":"2026-01-02T03:04:05Z"}', None),
    ('{"class":"A","args":[123456789012345678],"jid":"x","enqueued_at":{}}', None),
    ('{"class":"A","args":[],"jid":"x","bid":"","expiry":"soon"}', None),
]


@pytest.mark.parametrize(("text", "kept"), SPLICED, ids=range(len(SPLICED)))
def test_only_the_stamp_is_added(app: App, text: str, kept: str | None) -> None:
    """All other bytes stay; a job without a queue goes to `default` (P152, P158, P159)."""
    add(app, "schedule", (NOW, text))
    promote(app, "schedule")
    assert listed(app) == [stamped(kept or text)]


LIKE = ',"class":"app.job","queue":"low","args":[]'
ALIKE = [
    (f'{{"jid":"{"b" * 24}"{LIKE}}}', "low"),
    (f'{{"xid":"{"b" * 24}"{LIKE}}}', ""),
    (f'{{"jid":"b","args":[{{"x":"yyyyyyy"{LIKE}}}],"class":"b","queue":"high"}}', "high"),
    (f'{{"jid":"{"b" * 23}\\"{LIKE}}}', ""),
]


@pytest.mark.parametrize(("text", "home"), ALIKE, ids=range(len(ALIKE)))
def test_who_looks_like_the_job_before(app: App, text: str, home: str) -> None:
    """Jobs in a row mostly say the same, which is matched once: none is misread."""
    add(app, "schedule", (NOW - 1, f'{{"jid":"{"a" * 24}"{LIKE}}}'), (NOW, text))
    assert promote(app, "schedule") == Promoted(2, -1, True)
    assert len(listed(app, "low")) == 1 + (home == "low")
    assert (scored(app, "dead") == [(text, NOW / 1000)]) == (home == "")
    assert listed(app, "high") == ([stamped(text)] if home == "high" else [])


def test_nothing_is_due(app: App) -> None:
    """An empty set and one of the future move nothing and create nothing."""
    assert promote(app, "schedule") == Promoted(0, -1, True)
    add(app, "schedule", (NOW + 1, write("a")))
    assert promote(app, "schedule") == Promoted(0, NOW + 1, True)
    assert raw(app, "KEYS", "*") == [b"schedule"]


# -- many workers ---------------------------------------------------------------------------------


def test_one_worker_moves_and_the_others_leave_it_to_him(app: App) -> None:
    """Whoever moved jobs last leads, whichever set they were of; a crowd does no useless work."""
    for name in SETS:
        add(app, name, *((NOW + at, write(f"{name}{at}")) for at in (0, 100, 499, 500)))
    assert promote(app, "schedule") == Promoted(1, NOW + 100, True)
    assert promote(app, "retry", NOW, "other") == Promoted(0, NOW, False)
    assert promote(app, "retry", NOW + 100) == Promoted(2, NOW + 499, True)
    assert promote(app, "schedule", NOW + 599, "other") == Promoted(0, NOW + 100, False)
    assert 0 < raw(app, "TTL", "o:scheduler") <= 600


def test_who_moved_nothing_for_half_a_second_leads_no_more(app: App) -> None:
    """It may be gone, so another worker does it, and leads from then on."""
    add(app, "schedule", (NOW, write("a")), (NOW + 500, write("b")), (NOW + 600, write("c")))
    promote(app, "schedule")
    assert promote(app, "schedule", NOW + 500, "other") == Promoted(1, NOW + 600, True)
    assert promote(app, "schedule", NOW + 600) == Promoted(0, NOW + 600, False)
    assert promote(app, "schedule", NOW + 600, "other") == Promoted(1, -1, True)
    assert promote(app, "schedule", NOW + 600) == Promoted(0, -1, False)


@pytest.mark.parametrize("jump", [-3_600_000, 3_600_000])
def test_a_clock_that_jumps_keeps_nothing_back(app: App, jump: int) -> None:
    """Who leads by a time that is far away leads no more."""
    add(app, "schedule", (NOW + jump - 1, write("a")))
    raw(app, "SET", "o:scheduler", f"{NOW} other", "EX", 9)
    assert promote(app, "schedule", NOW + jump).moved == 1
    assert raw(app, "GET", "o:scheduler") == f"{NOW + jump} {IDENTITY}".encode()


def test_a_queue_that_is_none_stops_nobody(app: App) -> None:
    """Another program's key of that name: its jobs go to the dead set, all others move (P154)."""
    raw(app, "SET", "queue:odd", "x")
    add(app, "schedule", (NOW - 1, write("a", "odd")), (NOW, write("b")))
    assert promote(app, "schedule") == Promoted(2, -1, True)
    assert listed(app) == [stamped(write("b"))]
    assert scored(app, "dead") == [(write("a", "odd"), NOW / 1000)]


@pytest.mark.parametrize(("score", "moved"), [("-inf", 2), ("+inf", 1)])
def test_times_that_are_none(app: App, score: str, moved: int) -> None:
    """What was always due is moved, what never is stays, and both let others pass."""
    raw(app, "ZADD", "schedule", score, write("a"))
    add(app, "schedule", (NOW, write("b")))
    found = promote(app, "schedule")
    assert found.moved == moved
    assert not 0 <= found.next_at <= NOW


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
