"""All scripts together: their flags, their keys, and a server that is full."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from outrider import App, StoreError
from outrider.checkup.roles import rights_of
from outrider.embedded import Server
from outrider.script import SCRIPTS, Call
from outrider.store import batch, process, queue, server
from outrider.store.queue import Other
from tests import least
from tests.app.hands import (
    BID,
    IDENTITY,
    NOW,
    Hands,
    commit,
    counts,
    fields,
    listed,
    live,
    member,
    promote,
    put,
    raw,
    scored,
    start,
    stat,
    write,
)

# These only fill the server, or measure, so a full one refuses them; all others must work to empty
# it.
FILLING = {"push", "stage", "commit", "reserve", "listen", "deliver", "measure", "sample", "mark"}


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_every_script_says_whether_it_may_run_on_a_full_server(name: str) -> None:
    """A script without a flags line would be run in a mode that checks nothing."""
    first = SCRIPTS[name]().source.partition("\n")[0]
    flags = set(first.removeprefix("#!lua").strip().removeprefix("flags=").split(",")) - {""}
    assert first.startswith("#!lua")
    assert flags <= {"allow-oom", "no-writes"}
    assert (flags == set()) == (name in FILLING)
    if flags == {"no-writes"}:
        assert _writes(name) == []


def _writes(name: str) -> list[str]:
    """Commands of a script that change something."""
    called = set(re.findall(r"redis\.p?call\('(\w+)'", SCRIPTS[name]().source))
    reads = {"SISMEMBER", "LLEN", "ZCOUNT", "ZRANGE", "HKEYS", "HLEN", "HGET", "HMGET", "EXISTS"}
    reads |= {"HGETALL", "BITFIELD_RO", "PEXPIRETIME", "SCAN", "ZSCAN", "LRANGE", "ZCARD", "ZSCORE"}
    reads |= {
        "TYPE",
        "SSCAN",
        "HSCAN",
        "SDIFF",
        "ZMSCORE",
        "ZREVRANK",
        "LINDEX",
        "MGET",
        "SMEMBERS",
    }
    return sorted(called - reads)


def test_there_is_a_script_for_each_operation() -> None:
    """The modules of `store` are imported here, so none is missing from the checks above."""
    assert {"ack", "claim", "promote", "beat", "reap", *FILLING} <= SCRIPTS.keys()


def test_scripts_are_known_by_their_text(app: App) -> None:
    """Two scripts never share a digest, and the server computes the same."""
    scripts = [load() for load in SCRIPTS.values()]
    assert len({script.sha for script in scripts}) == len(scripts)
    for script in scripts:
        assert raw(app, "SCRIPT", "LOAD", script.source).decode() == script.sha


def test_a_server_that_forgets_its_scripts_gets_them_again(app: App) -> None:
    """After SCRIPT FLUSH the next request works as if nothing had happened."""
    app.perform(queue.push(app.keys, queues=[("default", [write("a")])], scheduled=[]))
    raw(app, "SCRIPT", "FLUSH")
    app.perform(queue.push(app.keys, queues=[("default", [write("b")])], scheduled=[]))
    assert listed(app) == [write("a"), write("b")]


@pytest.fixture
def full(tmp_path: Path) -> Iterator[App]:
    """An app on a server of its own, with work of every kind; `fill` makes it refuse more."""
    with Server.start(tmp_path) as server:
        app = App(server.url, timeout=2.0)
        yield app
        app.close()


def fill(app: App) -> None:
    """From now on the server uses more memory than it may."""
    raw(app, "CONFIG", "SET", "maxmemory-policy", "noeviction", "maxmemory", "1")


def requests(app: App) -> dict[str, Call[Any]]:
    """One request of each filling script."""
    return {
        "push": queue.push(app.keys, queues=[("default", [write("z")])], scheduled=[]),
        "commit": commit(app, bid="00" * 8, ranges=[(0, 1)]),
        "reserve": batch.reserve(app.keys, bid=BID, count=64, inside=False),
        "listen": batch.listen(
            app.keys, bid=BID, event="success", callback='["","a.b",""]', now=NOW
        ),
    }


@pytest.mark.parametrize("known", [True, False], ids=["known", "forgotten"])
def test_a_full_server_refuses_what_fills_it(full: App, known: bool) -> None:
    """Each filling script is refused with an error that names the operation and the reason."""
    start(full, 1)
    for call in requests(full).values() if known else ():
        assert call.script is not None
        raw(full, "SCRIPT", "LOAD", call.script.source)
    before = fields(full)
    fill(full)
    for name, call in requests(full).items():
        with pytest.raises(StoreError) as caught:
            full.perform(call)
        assert re.match(rf"the server refused {name}: .*(OOM|maxmemory)", str(caught.value))
    assert fields(full) == before
    assert listed(full) == [member(0)]


def test_enqueueing_on_a_full_server_is_one_clear_error(full: App) -> None:
    """It is raised at once, to the caller, and nothing was enqueued."""
    fill(full)
    with pytest.raises(StoreError, match=r"the server refused push: .*maxmemory"):
        full.enqueue("some.job")
    assert listed(full) == []


def test_a_full_server_is_worked_empty(full: App) -> None:
    """Claiming, reporting, retrying, dying, promoting and batches go on, with their callbacks."""
    start(full, 4, create=["callbacks:complete", 1, "cb:complete:0", '["","a.b","\\"args\\":[]"]'])
    put(full, "default", *(write(jid) for jid in "abc"))
    raw(full, "ZADD", "schedule", NOW / 1000, write("s"), NOW / 1000 - 1, "no job")
    hands = Hands(full)
    fill(full)
    first = hands.claim(want=7).first
    lost = hands.ack(
        *(first, first + 1, first + 4),
        Other("retry", first + 2, member(2), NOW, '{"a":1}'),
        Other("dead", first + 3, member(3), NOW, '{"a":1}'),
        Other("release", first + 5),
        Other("snooze", first + 6, write("c"), NOW),
    )
    assert lost == []
    for name in ("schedule", "retry"):
        promote(full, name)
    jobs = [job["jid"] for job in hands.work()]
    assert sorted(jobs) == sorted(["b", "c", "s", f"{BID}00000002", f"{BID}f0000000"])
    assert counts(full) == {3: 3, 6: 1}
    assert len(scored(full, "dead")) == 2
    assert stat(full, "failed") == 2


def test_workers_live_and_leave_on_a_full_server(full: App) -> None:
    """Beats, new children, recalls, reaping and farewells are not refused."""
    put(full, "default", *(write(jid) for jid in "abcdef"))
    hands = Hands(full)
    fill(full)
    other, third = Hands(full, child="1"), Hands(full, "other:2:cd")
    for one in (hands, other, third):
        one.claim(want=2)
    check = process.check(full.keys, **third.owner, life=30_000, override=0)
    assert len(full.perform(check).tokens) == 2
    assert other.recall(10) == 2
    live(full, "other:2:cd", life=-1)
    assert full.perform(process.reap(full.keys, limit=10, override=0)).moved == 2
    assert full.perform(process.farewell(full.keys, identity=IDENTITY, limit=10)) == 2
    assert sorted(listed(full)) == [write(jid) for jid in "abcdef"]
    assert full.perform(queue.outstanding(full.keys, queues=["default"], horizon=NOW)) == 6


def test_a_command_that_is_not_there_is_not_refused(app: App) -> None:
    """WAITAOF before Redis 7.2, say: what is refused beside it is told all the same."""
    app.perform(least.make_user("poor", rights_of("worker"), app.keys, "-hdel"))
    poor = App(least.as_user(app.url, "poor"))
    attempts = [["NO.SUCH", "x"], ["HDEL", "o:guard", "x"], ["HSET", "o:guard", "x", "y"]]
    assert poor.perform(server.permitted(app.keys, attempts=attempts)) == [True, False, True]
    poor.close()
