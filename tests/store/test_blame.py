"""Deaths: what the payloads of those that ran are told, and who is blamed for nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from outrider import App
from outrider.store import process
from outrider.store.process import Checked, Reaped
from outrider.store.queue import Claimed, Other
from tests.app.hands import IDENTITY, NOW, Hands, listed, put, raw, write

STEP = 10_000
DAY = 86_400_000
OTHER = "other:2:cd"


def beat(app: App, *work: tuple[str, int], at: int = 0, identity: str = IDENTITY) -> None:
    """Let a worker say which jobs of which child run."""
    call = process.beat(
        app.keys,
        identity=identity,
        life=30_000,
        register=0,
        fields=["busy", len(work)],
        work=[(f"{child}-{token}", child, token, 1) for child, token in work],
        heard="",
        override=NOW + at,
    )
    for _ in range(2):
        assert app.perform(call).alive


def reap(app: App, limit: int = 100) -> list[Reaped]:
    """Let the lease of IDENTITY lapse, and give all its jobs back; what each slice said."""
    raw(app, "HSET", "o:clock", "vt", 10**12, "last", NOW)
    found = []
    while (reaped := app.perform(process.reap(app.keys, limit=limit, override=NOW))).identity:
        found.append(reaped)
    return found


def blame(payload: str, *times: float) -> str:
    """The payload as a recall leaves it."""
    return payload.rstrip()[:-1] + f',"blamed":[{",".join(f"{t:.3f}" for t in times)}]}}'


# -- a child's death ------------------------------------------------------------------------------


def test_who_ran_is_blamed_and_nobody_else(app: App) -> None:
    """The time joins the payload as last field; all other bytes stay (P111)."""
    jobs = [write("a"), write("b", tags=["x"]), write("c")]
    put(app, "default", *jobs)
    hands = Hands(app)
    first = hands.claim().first
    assert hands.recall(blamed=[first + 1, first + 99], now=NOW + 5) == 3
    assert hands.recall(blamed=[first + 1]) == 0
    assert listed(app) == [jobs[0], blame(jobs[1], NOW / 1000 + 0.005), jobs[2]]


def test_blame_adds_up_for_three_days(app: App) -> None:
    """Earlier times stay as long as they count, wherever they stand in the payload by now."""
    put(app, "default", write("a"))
    died = [NOW, NOW + DAY, NOW + 2 * DAY, NOW + 3 * DAY, NOW + 3 * DAY + 1]
    kept = [died[:1], died[:2], died[:3], died[1:4], died[1:5]]
    for at, times in zip(died, kept, strict=True):
        hands = Hands(app)
        assert hands.recall(blamed=[hands.take()], now=at) == 1
        (payload,) = listed(app)
        assert json.loads(payload)["blamed"] == [time / 1000 for time in times]
        raw(app, "DEL", "queue:default")
        put(app, "default", payload[:-1] + ',"enqueued_at":1.5}')


FOREIGN = [
    '{"class":"Ruby","jid":"r","queue":"default","meta":{"a":1,"blamed":[9000000000]}}',
    '{"class":"Ruby","jid":"r","queue":"default","args":["x,\\"blamed\\":[9000000000]"],"a":1}',
    '{"class":"Ruby","jid":"r","queue":"default","args":[],"blamed":7} \n',
    '{"class":"Ruby","jid":"r","queue":"default","args":[],"blamed":[null,"x",{}]}',
    '{"class":"Ruby","jid":"r","queue":"default","args":["\\"blamed\\":[9e9]"]}',
    '{"class":"Ruby","jid":"r","queue":"default","args":[],"kwargs":{"blamed":[9000000000]}}',
]


@pytest.mark.parametrize("payload", FOREIGN, ids=range(len(FOREIGN)))
def test_payloads_of_others(app: App, payload: str) -> None:
    """Blanks at the end, fields of that name that are none of ours: it is blamed once."""
    put(app, "default", payload)
    hands = Hands(app)
    assert hands.recall(blamed=[hands.take()]) == 1
    (found,) = listed(app)
    assert found == blame(payload, NOW / 1000)
    assert json.loads(found)["blamed"] == [NOW / 1000]


@pytest.mark.parametrize("end", ["", '","blamed":[1,,2.3.4]}', '","blamed":[[1]]}'])
def test_a_broken_payload_is_blamed_too(app: App, end: str) -> None:
    """One with our beginning and no end: no script fails, and the worker will find out."""
    put(app, "default", write("a")[:-3] + end)
    hands = Hands(app)
    assert hands.recall(blamed=[hands.take()]) == 1
    assert listed(app)[0].endswith(f',"blamed":[{NOW / 1000:.3f}]}}')


@pytest.mark.parametrize(
    ("fields", "seconds"), [({"timeout": 2.5}, 2.5), ({"timeout": "x"}, 0.0), ({}, 0.0)]
)
def test_who_a_child_was_killed_for(app: App, fields: dict[str, Any], seconds: float) -> None:
    """It is told the time that it had, and is not blamed."""
    job = write("a", **fields)
    put(app, "default", job)
    hands = Hands(app)
    token = hands.take()
    assert hands.recall(blamed=[token], timed_out=[token]) == 1
    assert listed(app) == [f'{job[:-1]},"timed_out":{seconds:.3f}}}']


def test_large_payloads_move_in_slices(app: App) -> None:
    """What one call moves is bounded by its bytes too, and comes back in its order."""
    jobs = [write(f"{i:02}", text="x" * 100_000) for i in range(12)]
    put(app, "default", *jobs, write("last"))
    hands = Hands(app)
    assert [len(hands.claim(want=3).payloads) for _ in range(4)] == [3] * 4
    blamed = list(range(1, 13))
    moved = []
    while now := hands.recall(250, blamed=blamed):
        moved.append(now)
    assert moved == [3] * 4
    assert listed(app) == [*(blame(job, NOW / 1000) for job in jobs), write("last")]


def test_a_payload_larger_than_a_slice_moves(app: App) -> None:
    """Each by itself."""
    jobs = [write(f"{i:02}", text="x" * 600_000) for i in range(3)]
    put(app, "default", *jobs)
    hands = Hands(app)
    assert [len(hands.claim(want=3).payloads) for _ in range(3)] == [1, 1, 1]
    assert [hands.recall(250) for _ in range(4)] == [1, 1, 1, 0]
    assert listed(app) == jobs


# -- a worker's -----------------------------------------------------------------------------------


def test_a_lost_worker_blames_what_its_last_beat_named(app: App) -> None:
    """Of two children, over several slices; what had ended or not begun is not blamed."""
    jobs = [write(jid) for jid in "abcdef"]
    put(app, "default", *jobs)
    one, two = Hands(app), Hands(app, child="1")
    first, second = one.claim(want=3).first, two.claim(want=3).first
    beat(app, ("0", first), ("0", first + 2), ("1", second))
    beat(app, ("0", first + 1), ("1", second + 2), at=1000)
    found = reap(app, limit=2)
    assert sum(reaped.moved for reaped in found) == 6
    assert {reaped.identity for reaped in found} == {IDENTITY}
    told = {json.loads(payload)["jid"] for payload in listed(app) if '"blamed"' in payload}
    assert told == {"b", "f"}
    assert raw(app, "KEYS", f"*{IDENTITY}*") == []


def test_who_had_ended_by_the_last_beat_is_not_blamed(app: App) -> None:
    """A beat that names nobody takes back what the one before said."""
    put(app, "default", write("a"))
    hands = Hands(app)
    beat(app, ("0", hands.take()))
    beat(app, at=1000)
    assert reap(app) == [Reaped(IDENTITY, 1)]
    assert listed(app) == [write("a")]


def test_tokens_of_two_children_are_told_apart(app: App) -> None:
    """A server that lost its last moments may give a token to another child again."""
    put(app, "default", write("a"), write("b"))
    one, two = Hands(app), Hands(app, child="1")
    token = one.take()
    raw(app, "SET", "o:tokens", token - 1)
    assert two.take() == token
    beat(app, ("1", token))
    reap(app)
    assert sorted(listed(app)) == sorted([write("a"), blame(write("b"), NOW / 1000)])


def test_a_good_end_blames_nobody(app: App) -> None:
    """What still runs at the end of a stop goes back as it was."""
    put(app, "default", write("a"))
    hands = Hands(app)
    beat(app, ("0", hands.take()))
    assert app.perform(process.farewell(app.keys, identity=IDENTITY, limit=10)) == 1
    assert listed(app) == [write("a")]


def test_a_beat_before_the_first_child_names_nobody(app: App) -> None:
    """A worker that has registered again has no record of owners until it has a child."""
    Hands(app)
    raw(app, "DEL", f"o:owners:{IDENTITY}")
    beat(app, ("0", 1))
    assert raw(app, "EXISTS", f"o:owners:{IDENTITY}") == 0


def test_a_newer_worker_is_left_to_its_like(app: App) -> None:
    """Claims of a later layout can't be read rightly: others, and its own farewell, see to them."""
    put(app, "default", write("a"), write("b"))
    newer, ours = Hands(app), Hands(app, OTHER)
    newer.take()
    ours.take()
    assert raw(app, "HGET", f"o:owners:{IDENTITY}", ":v") == b"1"
    raw(app, "HSET", f"o:owners:{IDENTITY}", ":v", 2)
    assert reap(app) == [Reaped(OTHER, 1)]
    assert listed(app) == [write("b")]
    assert claimed(app) == [write("a")]
    raw(app, "HDEL", f"o:owners:{IDENTITY}", ":v")  # of an earlier release
    assert reap(app) == [Reaped(IDENTITY, 1)]


def claimed(app: App) -> list[str]:
    """What is claimed by the first child of IDENTITY."""
    return [payload.decode() for payload in raw(app, "HVALS", f"o:claims:{IDENTITY}:0")]


# -- comparing notes ------------------------------------------------------------------------------


def check(app: App, hands: Hands, at: int = 0) -> Checked:
    """Ask for the server's account, twice."""
    call = process.check(app.keys, **hands.owner, life=30_000, override=NOW + at)
    answer = app.perform(call)
    assert app.perform(call) == answer
    return answer


def test_a_child_hears_what_it_holds(app: App) -> None:
    """Its claims, not those of its neighbour; and the server's time."""
    put(app, "default", *(write(jid) for jid in "abc"))
    one, two = Hands(app), Hands(app, child="1")
    assert check(app, one, 7) == Checked(True, NOW + 7, set())
    first = one.claim(want=2).first
    other = two.take()
    assert check(app, one) == Checked(True, NOW, {first, first + 1})
    one.ack(first)
    assert check(app, one) == Checked(True, NOW, {first + 1})
    assert check(app, two) == Checked(True, NOW, {other})


def test_it_hears_the_servers_own_time(app: App) -> None:
    """Not that of any host."""
    hands = Hands(app)
    seconds, _ = raw(app, "TIME")
    call = process.check(app.keys, **hands.owner, life=30_000, override=0)
    assert 0 <= app.perform(call).now - int(seconds) * 1000 < 60_000


def test_it_writes_though_nothing_changes(app: App) -> None:
    """A replica that has acknowledged the answer has all that was written before it."""
    hands = Hands(app)
    check(app, hands)
    before = writes(app)
    check(app, hands)
    assert writes(app) >= before + 2


def writes(app: App) -> int:
    """How many changes the server has made."""
    lines = raw(app, "INFO", "persistence").decode().splitlines()
    return int(
        dict(line.split(":") for line in lines if ":" in line)["rdb_changes_since_last_save"]
    )


def test_a_supervisor_that_is_held_up_loses_nothing(app: App) -> None:
    """While its children compare notes the lease stands, though only another worker beats."""
    put(app, "default", write("a"))
    hands, other = Hands(app), Hands(app, OTHER)
    hands.take()
    for at in range(STEP, 10 * STEP, STEP):
        beat(app, identity=OTHER, at=at)
        assert check(app, hands, at).alive
        assert app.perform(process.reap(app.keys, limit=10, override=NOW + at)) == Reaped("", 0)
    found = []
    for at in range(10 * STEP, 15 * STEP, STEP):
        beat(app, identity=OTHER, at=at)
        found.append(app.perform(process.reap(app.keys, limit=10, override=NOW + at)))
    assert [reaped for reaped in found if reaped.identity] == [Reaped(IDENTITY, 1)]
    assert check(app, other).alive
    assert not check(app, hands).alive


def test_a_child_that_is_fenced_hears_it_and_renews_nothing(app: App) -> None:
    """Recalled, half recalled, of a worker that is lost, or never let in."""
    put(app, "default", write("a"), write("b"))
    hands = Hands(app)
    hands.claim()
    hands.recall(1)
    ends = raw(app, "ZRANGE", "o:leases", 0, -1, "WITHSCORES")
    assert check(app, hands, 3) == Checked(False, NOW + 3, set())
    hands.recall()
    assert check(app, hands) == Checked(False, NOW, set())
    assert raw(app, "ZRANGE", "o:leases", 0, -1, "WITHSCORES") == ends
    reap(app)
    assert check(app, hands) == Checked(False, NOW, set())
    assert raw(app, "EXISTS", "o:leases") == 0


def test_what_nobody_knows_of_goes_back_unblamed(app: App) -> None:
    """A claim whose acknowledgement the server has lost: it is released by its token (P123)."""
    put(app, "default", write("a"), write("b"))
    hands = Hands(app)
    token = hands.take()
    raw(app, "HSET", f"o:claims:{IDENTITY}:0", 77, write("ghost"))
    ghosts = check(app, hands).tokens - {token}
    assert ghosts == {77}
    assert hands.ack(*(Other("release", ghost) for ghost in ghosts)) == []
    assert listed(app) == [write("ghost"), write("b")]


# -- tokens ---------------------------------------------------------------------------------------


def test_no_token_is_given_to_a_child_twice(app: App) -> None:
    """Though the server counts from before: what it gave in its last moments it has forgotten."""
    put(app, "default", *(write(jid) for jid in "abcdef"))
    hands = Hands(app)
    assert hands.claim(want=3).first == 1
    raw(app, "SET", "o:tokens", 1)
    taken = hands.claim(want=2)
    assert (taken.first, len(taken.payloads)) == (4, 2)
    assert hands.claim(want=2, request=hands.request) == taken
    assert raw(app, "GET", "o:tokens") == b"5"
    raw(app, "DEL", "o:tokens")
    assert hands.claim(want=1).first == 6
    assert hands.claim(want=1) == Claimed(False, 7, [])
