"""`app.processes` and `app.work`: what workers show of themselves, ours and Ruby's."""

from __future__ import annotations

import json
from collections.abc import AsyncIterable, Iterable
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest

from outrider import App, Process, RunRecord, clock
from outrider.store import board, process
from tests.app.conftest import Way, closing, loop
from tests.app.hands import IDENTITY, Hands, live, put, raw, write

T = TypeVar("T")
RUBY = "web-1.example:4711:0123456789ab"
OLD = "old:12:fedcba987654"
STARTED = 1_790_000_000


def listed(way: Way, many: Iterable[T]) -> list[T]:
    """All of a collection, by `for` or by `async for`."""

    async def collect(some: AsyncIterable[T]) -> list[T]:
        async with closing(way.app):
            return [one async for one in some]

    return loop(way.app, collect(many)) if way.is_async else list(many)  # type: ignore[arg-type]


def size(way: Way, owner: Any) -> int:
    return int(loop(way.app, owner.asize()) if way.is_async else owner.size)


def beat(app: App, identity: str, work: list[Any], **fields: Any) -> None:
    """A worker of ours beats."""
    flat = [word for pair in fields.items() for word in pair]
    call = process.beat(
        app.keys,
        identity=identity,
        life=30_000,
        register=1,
        fields=flat,
        work=work,
        heard="",
        override=0,
    )
    assert app.perform(call).alive


def ruby(app: App, identity: str, info: Any, work: dict[str, Any], **fields: Any) -> None:
    """A worker of Ruby's shows itself, as Sidekiq 8 does."""
    raw(app, "SADD", "processes", identity)
    words = [str(word) for pair in fields.items() for word in pair]
    raw(app, "HSET", identity, "info", json.dumps(info), *words)
    for slot, entry in work.items():
        raw(app, "HSET", f"{identity}:work", slot, json.dumps(entry))


INFO = {
    "hostname": "web-1.example",
    "started_at": STARTED + 0.25,
    "pid": 4711,
    "tag": "shop",
    "concurrency": 10,
    "queues": ["high", "low"],
    "weights": [{"high": 3, "low": 1}],
    "labels": ["reliable"],
    "identity": RUBY,
    "version": "8.1.0",
    "embedded": False,
}
SAID = {
    "concurrency": 12,
    "busy": 2,
    "beat": STARTED + 60.5,
    "rtt_us": 1500,
    "quiet": "true",
    "rss": 2048,
}


# -- processes ------------------------------------------------------------------------------------


def test_a_worker_of_rubys(way: Way, app: App) -> None:
    """Every field that Sidekiq 8 writes is read, in units of ours."""
    ruby(app, RUBY, INFO, {}, **SAID)
    (one,) = listed(way, app.processes)
    assert isinstance(one, Process)
    assert (one.identity, one.hostname, one.pid) == (RUBY, "web-1.example", 4711)
    assert one.started_at == datetime.fromtimestamp(STARTED + 0.25, UTC)
    assert one.beat == datetime.fromtimestamp(STARTED + 60.5, UTC)
    assert (one.tag, one.version, one.labels) == ("shop", "8.1.0", ["reliable"])
    assert (one.concurrency, one.busy, one.claimed) == (12, 2, 0)
    assert (one.is_quiet, one.rss, one.rtt) == (True, 2048 * 1024, 0.0015)
    assert one.queues == {"high": 3, "low": 1}


@pytest.mark.parametrize(
    ("info", "queues"),
    [
        ({"queues": ["a", "b"], "weights": {"a": 2, "b": 1}}, {"a": 2, "b": 1}),
        ({"queues": ["a", "b"], "weights": [{"a": 0}, {"b": 0}]}, {"a": 0, "b": 0}),
        ({"capsules": {"default": {"weights": {"a": 1}}, "x": {"weights": {"b": 5}}}}, None),
        ({"queues": ["b", "a"]}, {"b": 0, "a": 0}),
        ({"queues": "a", "weights": 5, "capsules": [1]}, {}),
        ({"queues": [1, None, "a"], "weights": [7, {"a": "x"}], "capsules": {"d": 1}}, {"a": 0}),
    ],
    ids=["6", "7", "9", "5", "wrong", "mixed"],
)
def test_queues_of_all_versions(app: App, info: Any, queues: dict[str, int] | None) -> None:
    """As `queues` with weights in either shape, or in capsules."""
    ruby(app, RUBY, info, {})
    assert app.processes[RUBY].queues == ({"a": 1, "b": 5} if queues is None else queues)


def test_what_is_not_said_is_empty(app: App) -> None:
    """An old or strange worker is shown with what it says."""
    ruby(app, OLD, {"concurrency": 5}, {}, busy="many", beat="now", rss=-5, rtt_us="1e9", quiet="")
    (one,) = app.processes
    assert (one.concurrency, one.busy, one.rss, one.rtt) == (5, 0, 0, 0.0)
    assert (one.hostname, one.pid, one.started_at, one.beat) == ("", None, None, None)
    assert (one.tag, one.version, one.labels, one.is_quiet) == ("", "", [], False)


def test_ours_says_how_much_it_holds(app: App) -> None:
    """Jobs that are claimed, begun or not; other fields of its owners are no children."""
    put(app, "default", *(write(jid) for jid in "abc"))
    hands = Hands(app)
    Hands(app, child="1").claim(want=1)
    first = hands.claim().first
    hands.ack(first)
    assert app.processes[IDENTITY].claimed == 2


def test_found_by_identity(way: Way, app: App) -> None:
    """By subscript, by `get`, by `in`; an unknown one is None, False or a KeyError that says so."""
    ruby(app, RUBY, INFO, {})
    raw(app, "HSET", "elsewhere", "info", "{}", "beat", "1")
    assert app.processes[RUBY].pid == 4711
    assert way(app.processes, "get", RUBY).pid == 4711
    assert RUBY in app.processes
    for unknown in ("", "elsewhere", "queues", "*", "é", "x" * 5000):
        assert way(app.processes, "get", unknown) is None
        assert unknown not in app.processes
    assert 5 not in app.processes
    with pytest.raises(KeyError, match="no process 'elsewhere': it never was, has stopped, or"):
        app.processes["elsewhere"]


def test_the_dead_are_left_out_and_pruned(way: Way, app: App) -> None:
    """Their hash has expired: they count nowhere, and their name goes off the list."""
    live(app)
    for number in range(230):
        raw(app, "SADD", "processes", f"gone:{number}:ab")
    raw(app, "HSET", "gone:1:ab:work", "x", "{}")
    assert app.stats.processes == 1
    assert listed(way, app.work) == []
    assert (len(app.work), raw(app, "SCARD", "processes")) == (0, 231)
    assert [one.identity for one in listed(way, app.processes)] == [IDENTITY]
    assert raw(app, "SMEMBERS", "processes") == [IDENTITY.encode()]
    raw(app, "SADD", "processes", "gone")
    assert (size(way, app.processes), len(app.processes)) == (1, 1)


def test_who_was_only_late_comes_back(app: App) -> None:
    """A worker whose hash expired is on the list again with its next beat, and lost nothing."""
    put(app, "default", write("a"))
    hands = Hands(app)
    hands.claim()
    raw(app, "DEL", IDENTITY)
    assert len(app.processes) == 0
    beat(app, IDENTITY, [], busy=1)
    assert [one.claimed for one in app.processes] == [1]


@pytest.mark.wide
def test_pruning_takes_nobody_who_lives(app: App) -> None:
    """Seen as gone, and back before it is pruned: it stays; sent twice, the same."""
    live(app)
    raw(app, "SADD", "processes", "gone")
    call = board.prune(app.keys, identities=["gone", IDENTITY, "never"])
    assert [app.perform(call) for _ in range(2)] == [1, 0]
    assert raw(app, "SMEMBERS", "processes") == [IDENTITY.encode()]


def test_many_are_listed_once_each(way: Way, app: App) -> None:
    """More than a page of them, in the order of their identities."""
    names = [f"host-{number:03}:1:ab" for number in range(350)]
    for name in names:
        ruby(app, name, {}, {"x": {"payload": write(name)}})
    assert [one.identity for one in listed(way, app.processes)] == names
    assert [run.jid for run in listed(way, app.work)] == names
    assert (size(way, app.processes), size(way, app.work)) == (350, 350)


@pytest.mark.parametrize(
    ("name", "signal"), [("quiet", "TSTP"), ("stop", "TERM"), ("dump", "TTIN")]
)
def test_signals(way: Way, app: App, name: str, signal: str) -> None:
    """As Sidekiq leaves them, for a minute; each waits once, however often it was asked for."""
    live(app)
    one = app.processes[IDENTITY]
    key = f"{IDENTITY}-signals"
    raw(app, "LPUSH", key, "OTHER")
    for _ in range(2):
        assert way(one, name) is True
    assert raw(app, "LRANGE", key, 0, -1) == [signal.encode(), b"OTHER"]
    assert 55 <= raw(app, "TTL", key) <= 60
    raw(app, "DEL", IDENTITY, key)
    assert way(one, name) is False
    assert raw(app, "EXISTS", key) == 0


# -- running jobs ---------------------------------------------------------------------------------


def test_running_jobs(way: Way, app: App) -> None:
    """Where each runs, since when, and what it is; `find` gives one."""
    member = write("b" * 24, "low", bid="00" * 8, kwargs={"x": 1}, retry_count=1, tags=["t"])
    put(app, "default", write("a" * 24))
    put(app, "low", member)
    first = Hands(app).claim("default", "low").first
    since = int(clock.now()) - 90
    work = [("1-0", "0", first, since), ("1-1", "0", first + 1, since)]
    beat(app, IDENTITY, work, busy=2)
    runs = sorted(listed(way, app.work), key=lambda run: run.slot)
    assert [(run.process, run.slot, run.jid) for run in runs] == [
        (IDENTITY, "1-0", "a" * 24),
        (IDENTITY, "1-1", "b" * 24),
    ]
    one = runs[1]
    assert (one.job, one.queue, one.bid, one.attempt) == ("app.job", "low", "00" * 8, 3)
    assert (one.args, one.kwargs, one.tags, one.raw) == ([], {"x": 1}, ["t"], one.text.encode())
    assert one.started_at == datetime.fromtimestamp(since, UTC)
    assert 90 <= one.elapsed < 100
    assert runs[0].attempt == 1
    assert (size(way, app.work), len(app.work)) == (2, 2)
    assert way(app.work, "find", "b" * 24) == one
    assert way(app.work, "find", "c" * 24) is None
    assert way(app.work, "find", "") is None


def test_running_jobs_of_rubys(way: Way, app: App) -> None:
    """Sidekiq 8 has the payload as a text, old ones as an object, up to 6.4 under another name."""
    job = {"class": "Hard\u00e9", "jid": "a1", "args": [1, [2.50]], "queue": "q", "retry_count": 0}
    shown = {"queue": "q", "payload": json.dumps(job), "run_at": STARTED}
    ruby(app, RUBY, INFO, {"oxab1": shown})
    ruby(app, OLD, {}, {})
    job["jid"] = "b2"
    raw(app, "HSET", f"{OLD}:workers", "t", json.dumps({**shown, "payload": job}))
    runs = listed(way, app.work)
    assert [(run.process, run.slot, run.jid) for run in runs] == [
        (OLD, "t", "b2"),
        (RUBY, "oxab1", "a1"),
    ]
    for run in runs:
        assert isinstance(run, RunRecord)
        assert (run.job, run.queue, run.args, run.attempt) == ("Hardé", "q", [1, [2.5]], 2)
        assert run.started_at == datetime.fromtimestamp(STARTED, UTC)
    assert len(app.work) == 2


def test_large_boards_are_read_in_pages(way: Way, app: App) -> None:
    """Everything is there, each job once."""
    padding = "x" * 3000
    for name in (RUBY, OLD):
        work = {f"{i}": {"payload": write(f"{name}{i}", a=padding)} for i in range(700)}
        ruby(app, name, {}, work)
    jids = [run.jid for run in listed(way, app.work)]
    assert sorted(jids) == sorted(f"{name}{i}" for name in (RUBY, OLD) for i in range(700))


def test_a_board_that_is_written_anew_meanwhile(app: App) -> None:
    """The next beat may come between two pages: no slot is told twice."""
    work = {f"{i}": {"payload": write(f"{i}", a="x" * 100)} for i in range(1500)}
    ruby(app, RUBY, INFO, work)
    walk = iter(app.work)
    first = next(walk)
    raw(app, "DEL", f"{RUBY}:work")
    ruby(app, RUBY, INFO, {first.slot: {"payload": "{}"}, "new": {"payload": write("new")}})
    rest = list(walk)
    assert rest[-1].jid == "new"
    assert first.slot not in [run.slot for run in rest]
    assert len({run.slot for run in rest}) == len(rest) < 1400


def requests(app: App, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count round trips."""
    made = []
    run_all = type(app.executor).run_all

    def counted(self: Any, calls: Any, **options: Any) -> Any:
        made.append(len(calls))
        return run_all(self, calls, **options)

    monkeypatch.setattr(type(app.executor), "run_all", counted)
    return made


def test_few_round_trips(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """60 workers with 10 jobs each: one for the workers, one more for their jobs."""
    for number in range(60):
        work = {f"1-{slot}": {"payload": write(f"{number}-{slot}")} for slot in range(10)}
        ruby(app, f"host:{number}:ab", INFO, work, **SAID)
    made = requests(app, monkeypatch)
    assert sum(one.busy for one in app.processes) == 120
    assert len(made) == 1
    made.clear()
    assert len({run.jid for run in app.work}) == 600
    assert len(made) == 2


# -- what nobody should write ---------------------------------------------------------------------

DEEP = "[" * 100_000
HOSTILE = [
    *(
        b"",
        b"{",
        b"null",
        b"5",
        b'"x"',
        b"[]",
        b"{}",
        b"\x00\xff\x1b[2J",
        b"<script>alert(1)</script>",
    ),
    *(
        DEEP.encode(),
        b'{"payload":' + DEEP.encode(),
        b'{"run_at":1e999}',
        b'{"run_at":%d}' % 10**400,
    ),
    b'{"payload":"\\ud800","run_at":"<b>","queue":5}',
    b'{"payload":"{\\"jid\\":5,\\"args\\":{},\\"class\\":[],\\"retry_count\\":1e9}","run_at":-1e18}',
    b'{"payload":{"jid":"\\u0000<b>\\u001b[2J","class":"\\u202e"},"run_at":true}',
    b'{"payload":"' + b"x" * 3_000_000 + b'","run_at":1}',
    b'{"hostname":5,"pid":"x","started_at":"y","tag":[],"labels":{},"version":1,"queues":{}}',
    b'{"hostname":"\\u001b[2J","pid":1e300,"started_at":1e300,"capsules":{"x":{"weights":[]}}}',
]


@pytest.mark.wide
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_nothing_written_there_is_a_reason_to_fail(way: Way, app: App, text: bytes) -> None:
    """Any program may write there: each entry is told as far as it can be read, and all others."""
    name = text[:200]
    if name:
        raw(app, "SADD", "processes", name)
        raw(app, "HSET", name, "info", text, "busy", text, "beat", text, "rss", text)
    ruby(app, RUBY, INFO, {})
    raw(app, "HSET", f"{RUBY}:work", "1", text, "2", json.dumps({"payload": write("a")}), name, "")
    raw(app, "HSET", RUBY, "concurrency", text, "beat", text, "rtt_us", text, "quiet", text)
    processes = listed(way, app.processes)
    assert RUBY in [one.identity for one in processes]
    assert len(processes) == (2 if name else 1) == app.stats.processes
    runs = listed(way, app.work)
    assert len(runs) == len(app.work) == 3
    assert way(app.work, "find", "a").slot == "2"
    for run in runs:
        assert run.elapsed >= 0
        assert isinstance(run.args, list)
    for one in processes:
        assert isinstance(one.queues, dict)
    raw(app, "DEL", "processes", name)


def test_keys_of_another_type(way: Way, app: App) -> None:
    """A name on the list that is some other key's hides nobody, and the key stays as it is."""
    put(app, "default", write("a"))
    for name in ("queue:default", "queues", "processes", "o:none"):
        raw(app, "SADD", "processes", name)
    raw(app, "HSET", "o:none", "x", "y")
    ruby(app, RUBY, INFO, {})
    raw(app, "SET", f"{RUBY}:work", "no hash")
    assert [one.identity for one in listed(way, app.processes)] == [RUBY]
    assert (listed(way, app.work), len(app.work), app.stats.processes) == ([], 0, 1)
    assert raw(app, "LLEN", "queue:default") == 1
    raw(app, "DEL", "o:none")
