"""ack: every outcome brings its job to its next place, in one step, once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from outrider import App
from outrider.ids import member_jid
from outrider.store import process
from outrider.store.queue import Other
from tests.app.hands import (
    BID,
    DAY,
    NOW,
    Hands,
    commit,
    counts,
    dump,
    fields,
    listed,
    member,
    put,
    raw,
    scored,
    start,
    stat,
    write,
)

FAILING, SUCCEEDED, DISCARDED, DEAD = 2, 3, 5, 6
AFTER = write("a", retry_count=0)
DUE = NOW + 30_500

# kind, where its payload lies afterwards, what is counted: processed, failed
ROWS: list[tuple[str | None, str, str, int, int]] = [
    (None, "", "", 1, 0),
    ("retry", "retry", AFTER, 1, 1),
    ("dead", "dead", AFTER, 1, 1),
    ("gone", "", "", 1, 1),
    ("discard", "", "", 1, 0),
    ("snooze", "schedule", AFTER, 0, 0),
    ("release", "queue:default", AFTER, 0, 0),
]
SCORES = {"retry": DUE / 1000, "schedule": DUE / 1000, "dead": NOW / 1000}


def outcome(kind: str | None, token: int, after: str = AFTER, note: str = "") -> int | Other:
    return token if kind is None else Other(kind, token, after, DUE, note)


@pytest.mark.parametrize(("kind", "key", "text", "ran", "failed"), ROWS, ids=str)
@pytest.mark.parametrize("times", [1, 2])
def test_where_a_job_goes(
    app: App, kind: str | None, key: str, text: str, ran: int, failed: int, times: int
) -> None:
    """It leaves the claims, arrives at one place, and is counted; sent twice it counts once."""
    put(app, "default", write("a"))
    hands = Hands(app)
    token = hands.take()
    for _ in range(times):
        assert hands.ack(outcome(kind, token), request=9) == []
    places = {name: scored(app, name) for name in ("retry", "schedule", "dead")}
    assert {name for name, found in places.items() if found} == {key} & places.keys()
    if key in places:
        assert places[key] == [(text, SCORES[key])]
    assert listed(app) == [text] * (key == "queue:default")
    assert raw(app, "EXISTS", app.keys("claims", "host:1:ab:0")) == 0
    for name in ("", f":{DAY}"):
        assert (stat(app, f"processed{name}"), stat(app, f"failed{name}")) == (ran, failed)


def test_days_are_kept_for_five_years(app: App) -> None:
    """The counter of a day goes away by itself, that of all time never."""
    put(app, "default", write("a"), write("b"))
    hands = Hands(app)
    claimed = hands.claim()
    hands.ack(claimed.first, Other("gone", claimed.first + 1))
    for name in ("processed", "failed"):
        assert raw(app, "TTL", f"stat:{name}:{DAY}") > 5 * 365 * 86_400
        assert raw(app, "TTL", f"stat:{name}") == -1


def test_a_job_without_new_bytes_keeps_its_own(app: App) -> None:
    """An empty payload means: as it is. An unreadable one goes to the dead set like that."""
    broken = '{"jid":"x","class":"A","queue":"default","args":['
    put(app, "default", broken, write("b"))
    hands = Hands(app)
    claimed = hands.claim()
    hands.ack(Other("dead", claimed.first), Other("release", claimed.first + 1))
    assert [text for text, _ in scored(app, "dead")] == [broken]
    assert listed(app) == [write("b")]


# -- whose claims ---------------------------------------------------------------------------------


def test_a_claim_that_no_longer_stands_changes_nothing(app: App) -> None:
    """Tokens that were given back come back as lost; their jobs are others' now (P116)."""
    put(app, "default", write("a"), write("b"))
    hands = Hands(app)
    first = hands.claim().first
    app.perform(process.farewell(app.keys, identity="host:1:ab", limit=10))
    lost = hands.ack(first, Other("retry", first + 1, AFTER, DUE), 77)
    assert sorted(lost) == [first, first + 1, 77]
    assert listed(app) == [write("a"), write("b")]
    assert scored(app, "retry") == []
    assert stat(app, "processed") == 0


def test_nobody_reports_for_another(app: App) -> None:
    """A token counts only for the child that holds it."""
    put(app, "default", write("a"))
    hands, other = Hands(app), Hands(app, child="1")
    token = hands.take()
    assert other.ack(token) == [token]
    assert hands.ack(token) == []


def test_of_two_outcomes_the_first_counts(app: App) -> None:
    """A job may end in the moment in which it is cut off: its success stands (P28)."""
    put(app, "default", write("a"))
    hands = Hands(app)
    token = hands.take()
    assert hands.ack(token, Other("release", token)) == [token]
    assert listed(app) == []
    assert stat(app, "processed") == 1


def test_an_older_report_is_not_heard(app: App) -> None:
    """Reports have numbers: one that comes late, after a newer one, was executed before it."""
    put(app, "default", write("a"), write("b"))
    hands = Hands(app)
    first = hands.claim().first
    assert hands.ack(first, request=5) == []
    assert hands.ack(first + 1, request=4) == []
    assert stat(app, "processed") == 1
    assert hands.ack(first + 1, request=6) == []
    assert stat(app, "processed") == 2


def test_released_jobs_return_to_the_front_in_their_order(app: App) -> None:
    """They were the next ones, so they are the next ones again, each on its own queue (P89)."""
    for home, jids in (("default", "abcde"), ("low", "lm")):
        put(app, home, *(write(jid, home) for jid in jids))
    hands = Hands(app)
    first = hands.claim(want=3).first
    second = hands.claim("low", want=1).first
    hands.ack(*(Other("release", token) for token in (first, first + 1, first + 2, second)))
    assert listed(app) == [write(jid) for jid in "abcde"]
    assert listed(app, "low") == [write(jid, "low") for jid in "lm"]


def test_five_hundred_outcomes_of_all_kinds(app: App) -> None:
    """As many as a child ever reports at once fit in one request."""
    put(app, "default", *(write(f"{number:024x}") for number in range(500)))
    hands = Hands(app)
    first = hands.claim(want=500).first
    kinds = [row[0] for row in ROWS]
    reports = [
        outcome(kinds[number % 7], first + number, write(f"{number:024x}")) for number in range(500)
    ]
    assert hands.ack(*reports) == []
    sizes = {name: len(scored(app, name)) for name in ("retry", "dead", "schedule")}
    assert sizes == {"retry": 72, "dead": 72, "schedule": 71}
    assert len(listed(app)) == 71
    assert stat(app, "processed") == 500 - 71 - 71


# -- members --------------------------------------------------------------------------------------

NOTE = dump({"jid": "x", "error_class": "E"})
MEMBER_ROWS: list[tuple[str | None, int, bool, str]] = [
    (None, SUCCEEDED, False, "complete success settled"),
    ("retry", FAILING, True, "complete"),
    ("dead", DEAD, True, "complete death settled"),
    ("gone", DEAD, True, "complete death settled"),
    ("discard", DISCARDED, False, "complete success settled"),
    ("snooze", 1, False, ""),
    ("release", 1, False, ""),
]


@pytest.mark.parametrize(("kind", "state", "noted", "events"), MEMBER_ROWS, ids=str)
@pytest.mark.parametrize("times", [1, 2])
def test_a_member_moves_its_batch(
    app: App, kind: str | None, state: int, noted: bool, events: str, times: int
) -> None:
    """State, counts, events and failure are those of the outcome, in the same step, once.

    P70, O3.
    """
    start(app, 1)
    hands = Hands(app)
    token = hands.take()
    for _ in range(times):
        hands.ack(outcome(kind, token, member(0), NOTE if noted else ""), request=9)
    assert counts(app) == {state: 1}
    fired = {name.removesuffix("_at") for name in fields(app) if name.endswith("_at")}
    assert fired - {"created"} == set(events.split())
    notes = raw(app, "HGETALL", app.keys("failures", BID))
    assert notes == ([b"0", NOTE.encode()] if noted else [])


def test_a_member_that_heals_is_no_failure_any_more(app: App) -> None:
    """What was noted of it goes when it succeeds."""
    start(app, 2)
    hands = Hands(app)
    token = hands.take()
    hands.ack(Other("retry", token, member(0), DUE, NOTE))
    put(app, "default", member(0))
    hands.work()
    assert raw(app, "EXISTS", app.keys("failures", BID)) == 0
    assert counts(app) == {SUCCEEDED: 2}


@pytest.mark.parametrize("kind", ["retry", "dead", "gone", "discard"])
def test_the_outcome_of_a_copy_goes_nowhere(app: App, kind: str) -> None:
    """Once one copy has succeeded, the other's failure is no failure of the batch, and no retry."""
    start(app, 1)
    put(app, "default", member(0))
    hands = Hands(app)
    first = hands.claim().first
    hands.ack(first)
    before = fields(app)
    hands.ack(outcome(kind, first + 1, member(0, retry_count=0), NOTE))
    assert fields(app) == before
    assert [scored(app, name) for name in ("retry", "dead")] == [[], []]
    assert raw(app, "EXISTS", app.keys("failures", BID)) == 0


@pytest.mark.parametrize("kind", ["retry", "dead", "gone"])
@pytest.mark.parametrize("end", [None, "discard"])
def test_two_copies_in_one_report(app: App, end: str | None, kind: str) -> None:
    """When both end in the same moment, what has ended well stays so, and nobody dies (P70)."""
    start(app, 1)
    put(app, "default", member(0))
    hands = Hands(app)
    first = hands.claim().first
    hands.ack(outcome(end, first), outcome(kind, first + 1, member(0, retry_count=0)))
    assert counts(app) == {SUCCEEDED if end is None else DISCARDED: 1}
    assert "success_at" in fields(app)
    assert "death_at" not in fields(app)


@pytest.mark.parametrize("kind", [None, "retry", "dead", "gone", "discard"])
def test_a_member_of_a_forgotten_batch_is_a_plain_job(app: App, kind: str | None) -> None:
    """Its outcome is that of any job, and nothing of the batch comes into being again.

    P78, P79.
    """
    put(app, "default", member(0))
    hands = Hands(app)
    hands.ack(outcome(kind, hands.take(), member(0), NOTE))
    for name in ("retry", "dead"):
        assert len(scored(app, name)) == (kind == name)
    keys = [raw(app, "EXISTS", app.keys(name, BID)) for name in ("batch", "slots", "failures")]
    assert keys == [0, 0, 0]
    assert raw(app, "ZCARD", "o:batches") == 0


def test_a_thousand_failures_are_noted(app: App) -> None:
    """Enough to look at, but a broken release can't fill the memory; known ones stay up to date."""
    start(app, 1)
    hands = Hands(app)
    token = hands.take()
    failures = app.keys("failures", BID)
    raw(app, "HSET", failures, *(word for number in range(1, 1001) for word in (number, NOTE)))
    hands.ack(Other("retry", token, member(0), DUE, NOTE))
    assert (raw(app, "HLEN", failures), raw(app, "HEXISTS", failures, 0)) == (1000, 0)
    raw(app, "HDEL", failures, 1000)
    for text in (NOTE, '{"new":1}'):
        put(app, "default", member(0))
        hands.ack(Other("retry", hands.take(), member(0), DUE, text))
        assert raw(app, "HLEN", failures) == 1000
        assert raw(app, "HGET", failures, 0) == text.encode()


def test_many_batches_in_one_report(app: App) -> None:
    """Members of several batches may end in one request, each batch hears of its own."""
    bids = [f"00{number:014x}" for number in range(5)]
    for bid in bids:
        jobs = [write(member_jid(bid, number), bid=bid) for number in range(3)]
        app.perform(commit(app, bid=bid, ranges=[(0, 3)], queues=[("default", jobs)]))
    hands = Hands(app)
    first = hands.claim(want=15).first
    hands.ack(*range(first, first + 14))
    assert [counts(app, bid) for bid in bids] == [{SUCCEEDED: 3}] * 4 + [{1: 1, SUCCEEDED: 2}]


@pytest.mark.parametrize("batches", [1, 3, 5])
def test_more_batches_than_a_request_may_bring_on(app: App, batches: int) -> None:
    """What comes after the last of them is left as it is, also where the request is repeated."""
    bids = [f"00{number:014x}" for number in range(5)]
    for bid in bids:
        job = write(member_jid(bid, 0), bid=bid)
        app.perform(commit(app, bid=bid, ranges=[(0, 1)], queues=[("default", [job])]))
    hands = Hands(app)
    first = hands.claim(want=5).first
    outcomes = [*range(first, first + 4), Other("dead", first + 4, "", 0, "{}")]
    for _ in range(2):
        assert hands.report(*outcomes, request=9, batches=batches) == (batches, [])
        left = raw(app, "HKEYS", app.keys("claims", "host:1:ab:0"))
        assert sorted(map(int, left)) == list(range(first + batches, first + 5))
    assert hands.report(*outcomes[batches:]) == (5 - batches, [])
    assert [counts(app, bid) for bid in bids] == [{SUCCEEDED: 1}] * 4 + [{DEAD: 1}]


def test_callbacks_count_as_batches(app: App) -> None:
    """Each moves its batch: of three that end, two are dealt with."""
    put(app, "default", *(write("c" * 23 + str(i), cb=f"{BID}:complete:{i}") for i in range(3)))
    hands = Hands(app)
    first = hands.claim(want=3).first
    assert hands.report(*range(first, first + 3), batches=2) == (2, [])
    assert raw(app, "HLEN", app.keys("claims", "host:1:ab:0")) == 1


# -- callbacks ------------------------------------------------------------------------------------

CALLBACK_ROWS: list[tuple[str | None, str, str]] = [
    (None, "succeeded", "0"),
    ("retry", "failing", "1"),
    ("dead", "dead", "0"),
    ("gone", "dead", "0"),
    ("discard", "discarded", "0"),
    ("snooze", "queued", "1"),
    ("release", "queued", "1"),
]


@pytest.mark.parametrize(("kind", "state", "left"), CALLBACK_ROWS, ids=str)
@pytest.mark.parametrize("times", [1, 2])
def test_a_callback_tells_its_batch(
    app: App, kind: str | None, state: str, left: str, times: int
) -> None:
    """What became of a callback stands in its batch, and how many are still under way."""
    start(app, 0, create=["callbacks:success", 1, "cb:success:0", dump(["", "a.b", '"args":[]'])])
    hands = Hands(app)
    (text,) = listed(app)
    token = hands.take()
    for _ in range(times):
        hands.ack(outcome(kind, token, text), request=9)
    known = fields(app)
    assert (known["cs:success:0"], known["callbacks_open"]) == (state, left)
    assert "death_at" not in known
    _finish(app, hands, text)


def test_a_callback_that_succeeded_has_succeeded_for_good(app: App) -> None:
    """What becomes of a second copy of it changes nothing."""
    start(app, 0, create=["callbacks:success", 1, "cb:success:0", dump(["", "a.b", '"args":[]'])])
    hands = Hands(app)
    (text,) = listed(app)
    hands.work()
    for kind in ("retry", "dead", "discard"):
        put(app, "default", text)
        hands.ack(Other(kind, hands.take(), text, NOW))
        assert fields(app)["cs:success:0"] == "succeeded"
        assert fields(app)["callbacks_open"] == "0"


def _finish(app: App, hands: Hands, text: str) -> None:
    """Bring a callback to its end, so that its batch gets its time to live."""
    if fields(app)["callbacks_open"] != "0":
        put(app, "default", text)
        hands.work()


# -- the progress channel -------------------------------------------------------------------------

CHANNEL: list[tuple[Callable[[int], int | Other], list[str]]] = [
    (lambda token: token, ["+", "!", "$", "."]),
    (lambda token: Other("retry", token, member(0), DUE), ["-", "!"]),
    (lambda token: Other("dead", token, member(0), NOW), ["-", "x", "!", "."]),
    (lambda token: Other("discard", token), ["!", "$", "."]),
    (lambda token: Other("release", token), []),
]


@pytest.mark.parametrize(("report", "tokens"), CHANNEL, ids=range(len(CHANNEL)))
@pytest.mark.parametrize("way", ["SUBSCRIBE", "PSUBSCRIBE"])
def test_who_listens_hears_the_progress(
    app: App, report: Callable[[int], int | Other], tokens: list[str], way: str
) -> None:
    """Each step is one token on the batch's channel, for subscribers by name and by pattern.

    P27, P57.
    """
    start(app, 1)
    hands = Hands(app)
    token = hands.take()
    listener = app.executor.address.connection()
    try:
        listener.connect()
        listener.send_command(way, f"batch-{BID}")
        assert listener.read_response()[-1] == 1
        hands.ack(report(token))
        raw(app, "PUBLISH", f"batch-{BID}", "end")
        heard: list[bytes] = []
        while (heard[-1:] or [b""])[0] != b"end":
            heard.append(listener.read_response()[-1])
    finally:
        listener.disconnect()
    assert [word.decode() for word in heard[:-1]] == tokens
