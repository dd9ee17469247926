"""claim: which jobs are taken, in which order, and what becomes of those that should not run."""

from __future__ import annotations

from typing import Any

import pytest

from outrider import App
from outrider.store import process, queue
from outrider.store.queue import Claimed, Other
from tests.app.hands import (
    NOW,
    Hands,
    counts,
    listed,
    member,
    put,
    raw,
    scored,
    start,
    stat,
    write,
)

A, B, C, D = (write(jid) for jid in "abcd")
L, M = write("l", "low"), write("m", "low")
FENCED = Claimed(True, 0, [])


def texts(claimed: Claimed) -> list[str]:
    return [payload.decode() for payload in claimed.payloads]


BOTH = {"default": [A, B, C], "low": [L, M]}
ROWS: list[tuple[dict[str, list[str]], list[str], int, list[str]]] = [
    ({}, ["default"], 10, []),
    ({"default": [A, B, C]}, ["default"], 10, [A, B, C]),
    ({"default": [A, B, C]}, ["default"], 2, [A, B]),
    ({"default": [A, B, C]}, ["default"], 3, [A, B, C]),
    ({"default": [A, B, C]}, ["low"], 3, []),
    (BOTH, ["default", "low"], 10, [A, B, C, L, M]),
    (BOTH, ["low", "default"], 10, [L, M, A, B, C]),
    (BOTH, ["low", "default"], 3, [L, M, A]),
    (BOTH, ["low", "default"], 2, [L, M]),
    (BOTH, ["nothing", "low"], 1, [L]),
]


@pytest.mark.parametrize(("before", "queues", "want", "taken"), ROWS, ids=range(len(ROWS)))
def test_order(
    app: App, before: dict[str, list[str]], queues: list[str], want: int, taken: list[str]
) -> None:
    """The first queue is emptied before the second is looked at, and the oldest goes first."""
    for name, payloads in before.items():
        put(app, name, *payloads)
    hands = Hands(app)
    claimed = hands.claim(*queues, want=want)
    assert texts(claimed) == taken
    for name, payloads in before.items():
        assert listed(app, name) == [text for text in payloads if text not in taken]
    held = raw(app, "HGETALL", app.keys("claims", "host:1:ab:0"))
    tokens = range(claimed.first, claimed.first + len(taken))
    assert dict(zip(map(int, held[::2]), held[1::2], strict=True)) == {
        token: text.encode() for token, text in zip(tokens, taken, strict=True)
    }


@pytest.mark.parametrize("paused", [["default"], ["low"], ["default", "low"]], ids=str)
def test_a_paused_queue_is_left_out(app: App, paused: list[str]) -> None:
    """Nothing leaves a paused queue, all the others go on."""
    put(app, "default", A)
    put(app, "low", L)
    raw(app, "SADD", "paused", *paused)
    expected = [text for name, text in (("default", A), ("low", L)) if name not in paused]
    assert texts(Hands(app).claim("default", "low")) == expected
    assert [*listed(app, "default"), *listed(app, "low")] == sorted({A, L} - set(expected))


def test_tokens_grow_over_all_children(app: App) -> None:
    """A token is a fencing token: a later claim of any job by anyone has a greater one."""
    put(app, "default", A, B, C, D)
    one, other = Hands(app), Hands(app, "other:2:cd", "7")
    firsts = [hands.claim(want=1).first for hands in (one, other, one, other)]
    assert firsts == sorted(set(firsts))


# -- asked twice ----------------------------------------------------------------------------------


def test_a_repeated_request_has_the_same_answer(app: App) -> None:
    """After a lost reply the child gets the jobs that it holds already, and no others."""
    put(app, "default", A, B, C)
    hands = Hands(app)
    first = hands.claim(want=2)
    assert hands.claim(want=2, request=1) == first
    assert hands.claim(want=500, request=1) == first
    assert listed(app) == [C]


def test_a_repeated_request_leaves_out_what_is_reported(app: App) -> None:
    """An empty text stands for a job that is no longer held, so tokens keep their places."""
    put(app, "default", A, B)
    hands = Hands(app)
    first = hands.claim()
    hands.ack(first.first)
    assert hands.claim(request=1)[:3] == (False, first.first, [b"", B.encode()])


def test_a_repeated_request_that_got_nothing_gets_nothing(app: App) -> None:
    """What came meanwhile is for the next request."""
    hands = Hands(app)
    first = hands.claim()
    put(app, "default", A)
    assert hands.claim(request=1) == first
    assert texts(hands.claim()) == [A]


def test_an_older_request_is_fenced(app: App) -> None:
    """A request that was under way for long takes nothing."""
    put(app, "default", A)
    hands = Hands(app)
    hands.claim("low")
    hands.claim("low")
    assert hands.claim(request=1) == FENCED
    assert listed(app) == [A]


def test_who_is_not_enlisted_takes_nothing(app: App) -> None:
    """Neither a child that nobody knows nor one whose jobs were given back."""
    put(app, "default", A)
    hands = Hands(app)
    stranger = Hands(app, child="1")
    stranger.recall(10)
    assert stranger.claim() == FENCED
    app.perform(process.farewell(app.keys, identity="host:1:ab", limit=10))
    assert hands.claim() == FENCED
    assert listed(app) == [A]


def test_a_child_that_is_being_recalled_takes_nothing(app: App) -> None:
    """Once the first slice of its jobs went back, its next claim would hold jobs twice."""
    put(app, "default", A, B, C)
    hands = Hands(app)
    hands.claim(want=2)
    hands.recall(1)
    assert hands.claim() == FENCED
    assert hands.claim(request=1) == FENCED
    assert listed(app) == [B, C]
    hands.recall(10)


# -- what should not run --------------------------------------------------------------------------

PAST, FUTURE = NOW / 1000 - 0.001, NOW / 1000 + 0.001
TRIED = {"retry_count": 0, "error_class": "E"}


@pytest.mark.parametrize(
    ("fields", "runs", "dies"),
    [
        ({"expiry": FUTURE}, True, False),
        ({"expiry": PAST}, False, False),
        ({"expiry": FUTURE, **TRIED}, True, False),
        ({"expiry": PAST, **TRIED}, False, True),
        ({"args": [{"expiry": 1.0}]}, True, False),
        ({"expiry": PAST, "args": [{"timed_out": 2.0}]}, False, False),
        ({"expiry": PAST, "args": [',"timed_out":2.0']}, False, False),
    ],
    ids=range(7),
)
def test_expired_jobs(app: App, fields: dict[str, Any], runs: bool, dies: bool) -> None:
    """One that never ran is over; one that has failed before dies with its error."""
    late = write("x", **fields)
    put(app, "default", late, A)
    assert texts(Hands(app).claim()) == [late] * runs + [A]
    assert scored(app, "dead") == [(late, NOW / 1000)] * dies
    assert listed(app) == []


def test_who_was_killed_at_its_timeout_has_failed(app: App) -> None:
    """Its time may pass until it is claimed again: its batch hears of a failure all the same."""
    start(app, 1, home="other")
    put(app, "default", write("a", expiry=PAST), member(0, expiry=PAST))
    hands = Hands(app)
    first = hands.claim(now=NOW - 10).first
    assert hands.recall(timed_out=[first, first + 1]) == 2
    for child in ("1", "2"):  # another death on its way changes nothing
        hands = Hands(app, child=child)
        claimed = hands.claim()
        assert [',"timed_out":0.000' in text for text in texts(claimed)] == [True, True]
        hands.recall(blamed=[claimed.first, claimed.first + 1])
    assert counts(app) == {1: 1}
    assert stat(app, "expired") == 0


def test_a_foreign_expiry_counts_too(app: App) -> None:
    """Whoever wrote the payload in whatever order, its deadline is its deadline."""
    put(app, "default", '{"class":"A","args":[],"expiry":1,"jid":"x","queue":"default"}', A)
    assert texts(Hands(app).claim()) == [A]


UNREADABLE = ["", "no json", "[]", "null", "{}", '{"jid":"x"}', '{"jid":1,"class":"A"}', "{" * 2000]


@pytest.mark.parametrize("text", UNREADABLE, ids=range(len(UNREADABLE)))
def test_what_is_no_job_goes_to_the_dead_set(app: App, text: str) -> None:
    """As it is, so that people can look at it; and the queue behind it goes on."""
    put(app, "default", A, text, B)
    assert texts(Hands(app).claim()) == [A, B]
    assert scored(app, "dead") == [(text, NOW / 1000)]


def test_bytes_that_are_no_text_are_no_job(app: App) -> None:
    """Any bytes may stand on a queue."""
    put(app, "default", b"\xff\x00{", A)
    assert texts(Hands(app).claim()) == [A]
    assert raw(app, "ZRANGE", "dead", 0, -1) == [b"\xff\x00{"]


FOREIGN = [
    '{"class":"A","queue":"default","args":[1.10],"jid":"x","retry":true}',
    '{"retry":true,"queue":"default","class":"A","args":[],"jid":"x","cattr":{"b":"c"}} ',
    '{ "jid" : "x", "class" : "A", "queue" : "default", "args" : [] }',
    '{"jid":"x\\"","class":"A","queue":"default","args":[]}',
    '{"jid":"x","class":"A","queue":"default","args":[],"bid":"other","expiry":null,"cb":5}',
]


@pytest.mark.parametrize("text", FOREIGN, ids=range(len(FOREIGN)))
def test_payloads_of_others_are_taken_byte_for_byte(app: App, text: str) -> None:
    """Any order of keys, any spelling: what is a job is handed on as it stood there."""
    put(app, "default", text)
    assert texts(Hands(app).claim()) == [text]


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        (
            '{"class":"A","queue":"low","args":[],"jid":"x"}',
            '{"class":"A","queue":"low","args":[],"jid":"x","queue":"default"}',
        ),
        (
            '{"class":"A","args":[],"jid":"x"}\n',
            '{"class":"A","args":[],"jid":"x","queue":"default"}',
        ),
    ],
    ids=["another", "none"],
)
def test_a_foreign_job_belongs_to_the_queue_it_lies_on(app: App, text: str, taken: str) -> None:
    """Its queue is spliced in where it says none or another one: it will return to where it was."""
    put(app, "default", text)
    hands = Hands(app)
    claimed = hands.claim()
    assert texts(claimed) == [taken]
    hands.ack(Other("release", claimed.first))
    assert listed(app, "default") == [taken]


def test_an_empty_claim_leaves_nothing_behind(app: App) -> None:
    """Looking at an empty queue creates neither a queue nor a claim."""
    Hands(app).claim("never.used")
    assert app.perform(queue.names(app.keys)) == []
    assert raw(app, "EXISTS", app.keys("claims", "host:1:ab:0"), "queue:never.used") == 0
