"""A worker moved by hand: it claims and reports through the scripts, and runs nothing by itself."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from outrider import App, RunningJob
from outrider.clock import utc_day
from outrider.context import running
from outrider.ids import member_jid
from outrider.io.exchange import Lane, _words
from outrider.payload import decode
from outrider.script import Call, command
from outrider.store import batch, process, queue, schedule
from outrider.store.queue import Acked, Claimed, Other
from outrider.store.schedule import Promoted
from outrider.worker.parking import Outcome
from outrider.worker.rate import MOST

NOW = 1_800_000_000_000
DAY = utc_day(NOW)
IDENTITY = "host:1:ab"
BID = "00aabbccddeeff11"


class Hands:
    """One child of one worker. Requests are numbered, as those of a real child are."""

    def __init__(
        self,
        app: App,
        identity: str = IDENTITY,
        child: str = "0",
        now: int = NOW,
        *,
        override: int = 0,
    ) -> None:
        self.app = app
        self.owner = {"identity": identity, "child": child}
        self.now = now
        self.request = 0
        self.seen = 0
        live(app, identity, override=override)
        assert app.perform(process.enlist(app.keys, **self.owner))

    def claim(
        self, *queues: str, want: int = 10, request: int | None = None, now: int | None = None
    ) -> Claimed:
        """Claim from these queues; a `request` of its own number is sent again."""
        number = self._number(request)
        claimed = self.app.perform(
            queue.claim(
                self.app.keys,
                **self.owner,
                request=number,
                seen=self.seen,
                now=now or self.now,
                day=utc_day(now or self.now),
                queues=list(queues or ("default",)),
                want=want,
            )
        )
        self.seen = max(self.seen, claimed.first + len(claimed.payloads) - 1)
        return claimed

    def ack(
        self, *outcomes: Outcome, request: int | None = None, now: int | None = None
    ) -> list[int]:
        """Report outcomes: tokens for success, others as they are; those that came too late."""
        acked = self.report(*outcomes, request=request, now=now)
        assert acked.dealt == sum(isinstance(outcome, int | Other) for outcome in outcomes)
        return acked.late

    def report(
        self,
        *outcomes: Outcome,
        request: int | None = None,
        now: int | None = None,
        batches: int = MOST,
    ) -> Acked:
        """The same, as far as they concern so many batches and callbacks."""
        return self.app.perform(
            queue.ack(
                self.app.keys,
                **self.owner,
                request=self._number(request),
                now=now or self.now,
                day=utc_day(now or self.now),
                done=[outcome for outcome in outcomes if isinstance(outcome, int)],
                others=[outcome for outcome in outcomes if isinstance(outcome, Other)],
                batches=batches,
            )
        )

    def recall(
        self,
        limit: int = 250,
        *,
        blamed: Sequence[int] = (),
        timed_out: Sequence[int] = (),
        now: int | None = None,
    ) -> int:
        """Die: a slice of what it held goes back, and jobs with these tokens are told why."""
        return self.app.perform(
            process.recall(
                self.app.keys,
                **self.owner,
                limit=limit,
                blamed=list(blamed),
                timed_out=list(timed_out),
                now=now or self.now,
            )
        )

    def _number(self, request: int | None) -> int:
        number = self.request + 1 if request is None else request
        self.request = max(self.request, number)
        return number

    def take(self, *queues: str) -> int:
        """Claim exactly one job; its token."""
        claimed = self.claim(*queues, want=1)
        assert len(claimed.payloads) == 1
        return claimed.first

    def work(self, *queues: str) -> list[dict[str, Any]]:
        """Claim everything and report success, callbacks too; what it was, in order."""
        jobs: list[dict[str, Any]] = []
        while (claimed := self.claim(*queues, want=500)).payloads:
            jobs += [json.loads(payload) for payload in claimed.payloads]
            tokens = range(claimed.first, claimed.first + len(claimed.payloads))
            assert self.ack(*tokens) == []
        return jobs


def live(app: App, identity: str = IDENTITY, *, life: int = 30_000, override: int = 0) -> None:
    """Register a worker."""
    beat = process.beat(
        app.keys,
        identity=identity,
        life=life,
        register=1,
        fields=[],
        work=[],
        heard="",
        override=override,
    )
    assert app.perform(beat).alive


# -- payloads -------------------------------------------------------------------------------------


def write(jid: str, home: str = "default", **fields: Any) -> str:
    """A payload of ours: bid, cb and expiry stand before class, all else after queue."""
    early: dict[str, Any] = {}
    for name in ("bid", "cb", "expiry"):
        if name in fields:
            early[name] = fields.pop(name)
    return dump({"jid": jid, **early, "class": "app.job", "queue": home, "args": [], **fields})


def member(number: int, home: str = "default", **fields: Any) -> str:
    """A payload of a member of BID."""
    return write(member_jid(BID, number), home, bid=BID, **fields)


def dump(value: object) -> str:
    """JSON as our clients write it."""
    return json.dumps(value, separators=(",", ":"))


# -- the server -----------------------------------------------------------------------------------


def raw(app: App, *words: str | float | bytes) -> Any:
    """Perform a plain command."""
    return app.perform(command(*words, decode=lambda answer: answer))


def put(app: App, home: str, *payloads: str | bytes) -> None:
    """Push payloads as any client does; the first is the first to be taken."""
    if payloads:
        raw(app, "SADD", app.keys("queues"), home)
        raw(app, "LPUSH", app.keys("queue", home), *payloads)


def listed(app: App, home: str = "default") -> list[str]:
    """What a queue holds, in the order in which it will be taken."""
    return [text.decode() for text in reversed(raw(app, "LRANGE", app.keys("queue", home), 0, -1))]


def scored(app: App, name: str) -> list[tuple[str, float]]:
    """What schedule, retry or dead holds."""
    words = iter(raw(app, "ZRANGE", app.keys(name), 0, -1, "WITHSCORES"))
    return [(text.decode(), float(score)) for text, score in zip(words, words, strict=True)]


def stat(app: App, name: str) -> int:
    """A counter."""
    return int(raw(app, "GET", app.keys("stat", name)) or 0)


# -- batches --------------------------------------------------------------------------------------


def commit(app: App, *, bid: str = BID, **changes: Any) -> Call[int]:
    """A commit that creates an empty batch, but for what is changed; its answer alone."""
    part: dict[str, Any] = {"parent": "", "fields": ["tags", "[]"], "ranges": [], "first_queue": ""}
    load: dict[str, Any] = {"queues": [], "scheduled": [], "staged": [], "now": NOW}
    if "create" in changes:
        changes["fields"] = changes.pop("create")
    for name, value in changes.items():
        (load if name in load else part)[name] = value
    call = batch.commit(app.keys, batches=[batch.Part(bid, **part)], **load)
    return Call(call.script, call.words, lambda answer: call.decode(answer).answer, laned=True)


def start(app: App, count: int, *, home: str = "default", create: list[Any] | None = None) -> None:
    """Create BID with so many members, on one queue."""
    call = commit(
        app,
        create=create or ["tags", "[]"],
        ranges=[(0, count)] if count else [],
        queues=[(home, [member(number, home) for number in range(count)])] if count else [],
        first_queue=home if count else "",
    )
    assert app.perform(call) == 1


def fields(app: App, bid: str = BID) -> dict[str, str]:
    """The fields of a batch."""
    found = app.perform(batch.read(app.keys, bid))
    return {name: value.decode() for name, value in found.items()}


def counts(app: App, bid: str = BID) -> dict[int, int]:
    """How many members are in each state; states without members are left out."""
    found = fields(app, bid)
    numbers = {state: int(found.get(f"s{state}", 0)) for state in range(1, 9)}
    return {state: number for state, number in numbers.items() if number}


def slots(app: App, count: int, bid: str = BID) -> list[int]:
    """The states of the first members."""
    words = [word for number in range(count) for word in ("GET", "u4", f"#{number}")]
    return list(raw(app, "BITFIELD", app.keys("slots", bid), *words))


def keys_of(app: App, bid: str) -> list[str]:
    """Every key that is named after a batch, and every set that lists it."""
    named = [key.decode() for key in raw(app, "KEYS", f"*{bid}*")]
    sets = ("batches", "audit", "cancelling")
    return named + [name for name in sets if raw(app, "ZSCORE", app.keys(name), bid) is not None]


# -- sending twice --------------------------------------------------------------------------------


def on_lane(call: Call[Any], lane: Lane) -> tuple[Any, ...]:
    """The words of a laned request, ready to be sent as often as one likes."""
    assert call.script is not None
    return ("EVAL", call.script.source, *_words(call, lane)[2:])


def twice(app: App, call: Call[Any]) -> list[Any]:
    """Send the same laned request twice, as after a lost reply; both answers."""
    words = on_lane(call, Lane())
    return [raw(app, *words), raw(app, *words)]


# -- inside a job ---------------------------------------------------------------------------------


@contextmanager
def inside(app: App, text: str | bytes, token: int = 0, owner: str = "") -> Iterator[RunningJob]:
    """Be in the job of this payload, as code that a worker runs."""
    payload = text.encode() if isinstance(text, str) else text
    job = RunningJob(app, decode(payload), token, owner)
    mark = running.set(job)
    try:
        yield job
    finally:
        running.reset(mark)


def promote(app: App, name: str, now: int = NOW, identity: str = IDENTITY) -> Promoted:
    """Have a worker's scheduler move what is due in a set."""
    call = schedule.promote_slice(app.keys, name=name, identity=identity, now=now)
    return app.perform(call)
