"""The protocol of one request, driven by hand: no server, no clock, no sleep."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Generator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from redis._parsers.base import BaseParser

from outrider.errors import NotDurable, StoreError, StoreUnavailable
from outrider.io.exchange import Lane, Lost, Meaning, Pause, Send, exchange, meaning
from outrider.keys import Keys
from outrider.script import Call, Ticket, command
from outrider.store import process, queue

KEYS = Keys("p:")
Steps = Generator[Send | Pause, list[Any], list[Any]]


class ResponseError(Exception):
    """As redis-py raises it: known by its text."""


class NoScriptError(ResponseError):
    """redis-py takes the first word of the text away."""


NO_SCRIPT = NoScriptError("No matching script. Please use EVAL.")
LOADING = ResponseError("LOADING the dataset in memory")


def push(text: str = "x") -> Call[int]:
    return queue.push(KEYS, queues=[("default", [text])], scheduled=[])


def length(name: str) -> Call[int]:
    return command("LLEN", KEYS("queue", name), decode=int)


def enlist() -> Call[bool]:
    return process.enlist(KEYS, identity="h:1:a", child="0")


class Talk:
    """One exchange: what it sends is read, what it gets is said."""

    def __init__(self, *calls: Call[Any], lane: Lane | None = None, patience: float = 5.0) -> None:
        self.steps: Steps = exchange(calls, lane or Lane(), patience, "redis://h")
        self.step: Send | Pause | None = next(self.steps)
        self.result: list[Any] | None = None

    def _go(self, act: Callable[[], Send | Pause]) -> None:
        try:
            self.step = act()
        except StopIteration as finished:
            self.step, self.result = None, finished.value

    def sent(self) -> list[tuple[Any, ...]]:
        """What is to be sent now."""
        assert isinstance(self.step, Send)
        return list(self.step.commands)

    def say(self, *answers: Any) -> Talk:
        """Answer what was sent."""
        assert isinstance(self.step, Send)
        self._go(lambda: self.steps.send(list(answers)))
        return self

    def lose(self, *, executed: bool | None) -> Talk:
        """Lose the connection."""
        assert isinstance(self.step, Send)
        self._go(lambda: self.steps.throw(Lost("connection reset", executed=executed)))
        return self

    def wait(self) -> float:
        """Let it pause; for how long, in seconds."""
        assert isinstance(self.step, Pause)
        seconds = self.step.seconds
        self._go(lambda: self.steps.send([]))
        return seconds


def test_a_request_and_its_answer() -> None:
    """A script goes by its digest with both guards; the answer is decoded."""
    call = enlist()
    assert call.script is not None
    talk = Talk(call)
    assert talk.sent() == [
        ("EVALSHA", call.script.sha, 2, "p:o:guard", "p:o:guard:2", "h:1:a", "0")
    ]
    assert talk.say(1).result == [True]


def test_many_requests_travel_together() -> None:
    """All in one piece, answered in order, a plain command word for word."""
    talk = Talk(length("a"), push(), enlist())
    assert [words[0] for words in talk.sent()] == ["LLEN", "EVALSHA", "EVALSHA"]
    assert talk.sent()[0] == ("LLEN", "p:queue:a")
    assert talk.say(3, 1, 0).result == [3, 1, False]


def test_a_lane_numbers_its_requests() -> None:
    """One connection has one lane: each push has the next number and a digest of its words."""
    lane = Lane()
    first, second = Talk(push(), lane=lane), Talk(push(), lane=lane)
    other = Talk(push("y"), lane=lane)
    words = [talk.sent()[0][5:8] for talk in (first, second, other)]
    assert [word[0] for word in words] == [lane.name] * 3
    assert [word[1] for word in words] == [1, 2, 3]
    assert words[0][2] == words[1][2] != words[2][2]
    assert Talk(enlist(), lane=lane).sent()[0][5:] == ("h:1:a", "0")
    assert lane.number == 3


def test_a_lost_reply_is_asked_for_again_word_for_word() -> None:
    """The same number and digest: the server tells that it has executed it already."""
    talk = Talk(push())
    before = talk.sent()
    talk.lose(executed=None).wait()
    assert talk.sent() == before
    assert talk.say(1).result == [1]


def test_a_forgotten_script_is_sent_in_full() -> None:
    """After NOSCRIPT the text goes by EVAL, at once, and nothing else of the request changes."""
    call = push()
    assert call.script is not None
    for error in (NO_SCRIPT, ResponseError("NOSCRIPT No matching script")):
        talk = Talk(call)
        (before,) = talk.sent()
        (after,) = talk.say(error).sent()
        assert after == ("EVAL", call.script.source, *before[2:])
        talk.lose(executed=None).wait()
        assert talk.sent() == [after]
        assert talk.say(1).result == [1]


def test_only_what_failed_is_sent_again() -> None:
    """Answers that came are kept: a second sending of them could do harm."""
    talk = Talk(length("a"), enlist(), length("b"))
    talk.say(1, NO_SCRIPT, 2)
    assert [words[0] for words in talk.sent()] == ["EVAL"]
    assert talk.say(1).result == [1, True, 2]


WAITS = {
    "LOADING Redis is loading the dataset in memory": True,
    "BUSY Redis is busy running a script": False,
    "MASTERDOWN Link with MASTER is down": True,
    "CLUSTERDOWN The cluster is down": False,
    "TRYAGAIN Multiple keys request during rehashing of slot": False,
    "MISCONF Errors writing to the AOF file": False,
    "NOREPLICAS Not enough good replicas to write.": True,
    "READONLY You can't write against a read only replica.": True,
    "UNBLOCKED force unblock from blocking operation, instance state changed": True,
    "ERR max number of clients reached": True,
}


@pytest.mark.parametrize(("text", "anew"), WAITS.items())
def test_a_server_that_cannot_now_is_asked_again_later(
    clock: SimpleNamespace, text: str, anew: bool
) -> None:
    """It did not execute the request, so waiting and sending again is safe (R5).

    Where another server may be meant by now, that is done on a new connection, behind a name in the
    DNS as behind sentinels. O41.
    """
    talk = Talk(push())
    before = talk.sent()
    talk.say(as_redis_py(text))
    assert isinstance(talk.step, Pause)
    assert talk.step.anew is anew
    assert talk.wait() > 0
    assert talk.sent() == before
    assert talk.say(1).result == [1]
    talk = Talk(push(), patience=0.0)
    clock.now += 1.0
    with pytest.raises(StoreUnavailable) as caught:
        talk.say(as_redis_py(text))
    assert str(caught.value) == f"the server at redis://h cannot serve now ({text})"
    assert caught.value.executed is False


def as_redis_py(text: str) -> Any:
    """An error answer as redis-py gives it: some have classes of their own, without the code."""
    parse: Any = BaseParser.parse_error
    return parse(text)


def give_up(talk: Talk, *, executed: bool | None) -> StoreUnavailable:
    """The error of a talk without patience whose connection is lost."""
    with pytest.raises(StoreUnavailable) as caught:
        talk.lose(executed=executed)
    return caught.value


def test_an_unknown_outcome_has_a_ticket() -> None:
    """With it the request may be sent again, by anyone; its lane is left to it alone."""
    lane = Lane()
    talk = Talk(push(), lane=lane, patience=0.0)
    (words,) = talk.sent()
    error = give_up(talk, executed=None)
    assert error.executed is None
    assert error.ticket == words[5:8]
    assert lane.name != words[5]
    again = Talk(replace(push(), ticket=Ticket(*words[5:8])), lane=lane)
    assert again.sent() == [words]
    assert lane.number == 0
    assert again.say(1).result == [1]


def test_a_full_server_does_not_tell_what_came_of_an_attempt_before() -> None:
    """Whose reply was lost: to push anew might push twice."""
    talk = Talk(push())
    (words,) = talk.sent()
    talk.lose(executed=None).wait()
    with pytest.raises(StoreUnavailable, match="OOM command not allowed") as caught:
        talk.say(as_redis_py("OOM command not allowed when used memory > 'maxmemory'."))
    assert (caught.value.executed, caught.value.ticket) == (None, words[5:8])


def test_what_was_not_executed_has_no_ticket() -> None:
    """It may be sent as a new one; and what has no lane has none either."""
    lane = Lane()
    name = lane.name
    assert give_up(Talk(push(), lane=lane, patience=0.0), executed=False).ticket is None
    assert lane.name == name
    assert give_up(Talk(enlist(), lane=lane, patience=0.0), executed=None).ticket is None


def test_a_ticket_that_counts_no_more() -> None:
    """0 on a lane that another had is an answer: as a new request it might be executed twice."""
    call = replace(push(), ticket=Ticket("other", 3, "00"))
    assert Talk(call).say(0).result == [0]


def test_a_call_may_have_less_patience(clock: SimpleNamespace) -> None:
    """Where somebody else will try again."""
    talk = Talk(replace(push(), patience=0.5))
    talk.lose(executed=False).wait()
    clock.now += 0.6
    with pytest.raises(StoreUnavailable):
        talk.lose(executed=False)


@pytest.mark.parametrize("patience", [0.0, 0.5])
def test_less_patience_leaves_an_attempt_its_time(clock: SimpleNamespace, patience: float) -> None:
    """To connect, and to wait for what is to last."""
    talk = Talk(replace(lasting("replicated"), patience=patience))
    assert isinstance(talk.step, Send)
    assert talk.step.within == 5.0
    assert talk.sent()[1] == ("WAIT", 1, 2000)
    clock.now += 1.0
    with pytest.raises(StoreUnavailable):
        talk.lose(executed=False)


CODES = [
    (type("OutOfMemoryError", (Exception,), {})("command not allowed"), "OOM"),
    (type("NoPermissionError", (Exception,), {})("User default has no"), "NOPERM"),
    (type("AuthenticationError", (Exception,), {})("invalid password"), "NOAUTH"),
    (ResponseError("WRONGTYPE Operation against"), "WRONGTYPE"),
    (ResponseError("OOM command not allowed"), "OOM"),
]


@pytest.mark.parametrize(("error", "code"), CODES, ids=range(len(CODES)))
def test_a_refusal_has_a_code(error: Exception, code: str) -> None:
    """The first word of the answer, also where redis-py has taken it away."""
    with pytest.raises(StoreError) as caught:
        Talk(push()).say(error)
    assert caught.value.code == code


REFUSALS = [
    "OOM command not allowed when used memory > 'maxmemory'.",
    "NOAUTH Authentication required.",
    "NOPERM User default has no permissions",
    "WRONGTYPE Operation against a key holding the wrong kind of value",
    "MOVED 3999 127.0.0.1:6381",
    "ERR unknown command",
]


@pytest.mark.parametrize("text", REFUSALS)
def test_a_refusal_is_raised_at_once(text: str) -> None:
    """What will be refused again is not tried again; the message says what and why."""
    for call, name in ((push(), "push"), (length("a"), "LLEN")):
        talk = Talk(call)
        with pytest.raises(StoreError) as caught:
            talk.say(as_redis_py(text))
        assert str(caught.value) == f"the server refused {name}: {text}"
        assert not isinstance(caught.value, StoreUnavailable)


def test_meanings() -> None:
    """Errors are known by their code, by their text and, where redis-py cuts it, by their class."""
    assert meaning(NO_SCRIPT) is Meaning.LOAD
    for text, anew in WAITS.items():
        of_an_older_version = as_redis_py(text)
        of_an_older_version.status_code = None
        assert meaning(of_an_older_version) is (Meaning.ANEW if anew else Meaning.WAIT)
    assert meaning(ResponseError("BUSYKEY Target key name already exists.")) is Meaning.REFUSED
    assert meaning(ResponseError("ERR LOADING")) is Meaning.REFUSED


def test_a_lane_that_is_not_ours_is_left() -> None:
    """0 says that the lane has moved on: the request goes again on a lane that nobody has."""
    lane = Lane()
    old = lane.name
    talk = Talk(push(), lane=lane)
    (before,) = talk.sent()
    (after,) = talk.say(0).sent()
    assert after[5] == lane.name != old
    assert (after[6], after[7:]) == (1, before[7:])
    assert talk.say(1).result == [1]


def test_zero_is_an_answer_of_scripts_without_a_lane() -> None:
    """Only a laned request has a lane to leave."""
    assert Talk(enlist()).say(0).result == [False]


def test_pauses_grow_and_stay_short() -> None:
    """Each wait is longer on the whole, with jitter, and none is longer than half a second."""
    talk = Talk(push())
    waits = [talk.lose(executed=False).wait() for _ in range(1100)]  # minutes, if need be
    for at, seconds in enumerate(waits):
        longest = min(0.01 * 2 ** min(at, 6), 0.5)
        assert longest / 2 <= seconds <= longest


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The clock of the exchange, moved by hand."""
    clock = SimpleNamespace(now=100.0)
    module = sys.modules["outrider.io.exchange"]
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def test_patience_ends(clock: SimpleNamespace) -> None:
    """Until the time is over it goes on; then one error says where, why, and what to look at."""
    talk = Talk(push(), patience=3.0)
    for _ in range(20):
        talk.lose(executed=False).wait()
    clock.now += 2.9
    talk.lose(executed=False).wait()
    clock.now += 0.1
    with pytest.raises(StoreUnavailable) as caught:
        talk.lose(executed=False)
    assert str(caught.value) == (
        "the server at redis://h does not answer (connection reset); "
        "is it running, and is the URL right?"
    )
    assert isinstance(caught.value, ConnectionError)


def test_forgetting_a_script_costs_no_patience(clock: SimpleNamespace) -> None:
    """A server that answers is not away, however late it is."""
    talk = Talk(push(), patience=0.0)
    clock.now += 100
    assert talk.say(NO_SCRIPT).say(1).result == [1]


EXECUTED = [*itertools.product([False, None], repeat=2)]


@pytest.mark.parametrize(("first", "second"), EXECUTED, ids=str)
def test_whether_it_was_executed(
    clock: SimpleNamespace, first: bool | None, second: bool | None
) -> None:
    """False only when no sending can have reached the server; else nobody knows."""
    talk = Talk(push(), patience=1.0)
    talk.lose(executed=first).wait()
    talk.say(LOADING).wait()
    clock.now += 1.0
    with pytest.raises(StoreUnavailable) as caught:
        talk.lose(executed=second)
    assert caught.value.executed is (False if first is False and second is False else None)


def lasting(*wishes: str) -> Call[int]:
    return push().lasting(set(wishes))


def test_what_lasts_is_waited_for_in_the_same_piece() -> None:
    """Behind the request, for two fifths of the patience, each wish once."""
    talk = Talk(lasting("replicated", "fsync"), length("a"), patience=4.0)
    assert [words[0] for words in talk.sent()] == ["EVALSHA", "WAITAOF", "WAIT", "LLEN"]
    assert talk.sent()[1:3] == [("WAITAOF", 1, 0, 1600), ("WAIT", 1, 1600)]
    assert talk.say(1, [1, 0], 2, 7).result == [1, 7]


@pytest.mark.parametrize(("patience", "wait"), [(0.0001, 1), (0.5, 100), (1.0, 350), (2.0, 800)])
def test_a_short_wait_is_over_before_the_connection_is_given_up(patience: float, wait: int) -> None:
    """It may be a tenth of a second late; one for 0 ms would be for ever."""
    assert Talk(lasting("replicated"), patience=patience).sent()[1] == ("WAIT", 1, wait)


def test_nothing_waits_that_does_not_wish_to() -> None:
    """Durability costs only those who ask for it."""
    assert lasting() == push()
    assert len(Talk(push()).sent()) == 1


MISSED: list[tuple[str, Any, str]] = [
    ("replicated", 0, "push is done, but not replicated: no replica has it after 2 s. "),
    ("fsync", [0, 3], "push is done, but not fsync: it is not on the server's disk after 2 s. "),
    ("fsync", ResponseError("ERR off"), "the server refused WAITAOF (ERR off). "),
    ("replicated", ResponseError("NOPERM no"), "the server refused WAIT (NOPERM no). "),
]


@pytest.mark.parametrize(("wish", "answer", "message"), MISSED, ids=range(len(MISSED)))
def test_a_shortfall_is_an_error(wish: str, answer: Any, message: str) -> None:
    """It says what is known: done, not as durable as was asked, and not to be done again."""
    talk = Talk(lasting(wish))
    with pytest.raises(NotDurable) as caught:
        talk.say(1, answer)
    assert message in str(caught.value)
    assert "to do it again would do it twice" in str(caught.value)
    assert caught.value.durability == wish
    assert not isinstance(caught.value, StoreUnavailable)


def test_a_request_that_was_not_executed_waits_for_nothing() -> None:
    """What was said about its durability is not looked at; both go again."""
    for refusal in (NO_SCRIPT, LOADING, as_redis_py("READONLY no")):
        talk = Talk(lasting("replicated"))
        talk.say(refusal, 0)
        if isinstance(talk.step, Pause):
            talk.wait()
        assert [words[0] for words in talk.sent()] in (["EVALSHA", "WAIT"], ["EVAL", "WAIT"])
        assert talk.say(1, 1).result == [1]


def test_a_lane_that_is_not_ours_waits_anew() -> None:
    """The request on the new lane has its own wait."""
    talk = Talk(lasting("replicated")).say(0, 1)
    assert [words[0] for words in talk.sent()] == ["EVALSHA", "WAIT"]
    assert talk.say(1, 1).result == [1]


def test_a_primary_that_is_demoted_while_it_waits(clock: SimpleNamespace) -> None:
    """Whether the next one has the request is not known: it is sent again as it was."""
    talk = Talk(lasting("replicated"), patience=1.0)
    before = talk.sent()
    talk.say(1, as_redis_py("UNBLOCKED force unblock from blocking operation"))
    assert isinstance(talk.step, Pause)
    assert talk.step.anew
    talk.wait()
    assert talk.sent() == before
    clock.now += 1.0
    with pytest.raises(StoreUnavailable) as caught:
        talk.lose(executed=False)
    assert caught.value.executed is None
