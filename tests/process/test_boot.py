"""A worker does not begin on a server where jobs are not safe."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from outrider import App
from outrider.checkup.roles import rights_of
from outrider.embedded import Server
from outrider.keys import Keys
from tests.least import as_user, make_user
from tests.process.harness import ask, load_work, outrider, until

Work = Callable[..., tuple[int, str]]
POLICIES = (
    *("allkeys-lru", "allkeys-lfu", "allkeys-random"),
    *("volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"),
)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[App]:
    """An app on a server of its own, which a test may spoil."""
    with Server.start(tmp_path / "own") as server:
        app = App(server.url)
        yield app
        app.close()


@pytest.fixture
def drain(tmp_path: Path, own: App) -> Work:
    """Runs a worker there to its end: exit status and what it wrote."""

    def run(*options: str, url: str = own.url) -> tuple[int, str]:
        load_work(tmp_path, url).app.close()
        ran = outrider(tmp_path, "worker", "work", "--drain", *options)
        return ran.returncode, ran.stderr

    return run


@pytest.mark.parametrize("policy", POLICIES)
def test_a_server_that_throws_keys_away(own: App, drain: Work, policy: str) -> None:
    """Whatever it throws away, it may be a job: no worker begins, and it takes nothing."""
    ask(own, "CONFIG", "SET", "maxmemory", "100mb", "maxmemory-policy", policy)
    status, log = drain()
    last = log.splitlines()[-1]
    assert status == 1
    assert last.startswith(f"outrider: the server at {own.url} is not fit for jobs: ")
    assert f"maxmemory-policy {policy}" in last
    assert last.endswith("set maxmemory-policy noeviction")
    assert "Traceback" not in log
    assert ask(own, "EXISTS", "processes", "o:leases") == 0


def test_whoever_wants_it_may(own: App, drain: Work) -> None:
    """With the option it is a warning, said once."""
    ask(own, "CONFIG", "SET", "maxmemory", "100mb", "maxmemory-policy", "allkeys-lru")
    status, log = drain("--allow-eviction", "-p", "2")
    assert (status, log.count("throws jobs away")) == (0, 1)


def test_producers_are_not_stopped(own: App) -> None:
    """They have nothing to lose but what a worker would refuse to run there."""
    ask(own, "CONFIG", "SET", "maxmemory", "100mb", "maxmemory-policy", "allkeys-lru")
    assert own.enqueue("some.job") is not None


def test_a_user_who_may_not_call_an_inner_command(own: App, drain: Work) -> None:
    """A script that is refused in the middle would do half: the command and the user are named."""
    own.perform(make_user("poor", rights_of("worker"), Keys(), "-hdel"))
    status, log = drain(url=as_user(own.url, "poor"))
    assert status == 1
    assert "user 'poor' may not call hdel (needed by ack, " in log.splitlines()[-1]


def test_a_user_with_just_enough(own: App, drain: Work) -> None:
    """The smallest worker begins and ends."""
    own.perform(make_user("worker", rights_of("worker"), Keys()))
    status, log = drain(url=as_user(own.url, "worker"))
    assert (status, "not fit" in log) == (0, False)


def test_a_replica(tmp_path: Path, own: App, drain: Work) -> None:
    """It takes no writes: say so at once, not at the first job."""
    ask(own, "REPLICAOF", "127.0.0.1", "1")
    until(lambda: b"role:slave" in ask(own, "INFO", "replication"), "it is a replica")
    status, log = drain()
    assert status == 1
    assert "this is a replica, which takes no writes; give the URL of its primary" in log


def test_all_that_is_wrong_is_told_at_once(own: App, drain: Work) -> None:
    """Nobody likes to repair one thing, and to be told the next."""
    ask(own, "CONFIG", "SET", "maxmemory", "100mb", "maxmemory-policy", "allkeys-lru")
    own.perform(make_user("poor", rights_of("worker"), Keys(), "-hdel"))
    last = drain(url=as_user(own.url, "poor"))[1].splitlines()[-1]
    assert "may not call hdel" in last
    assert ". Also: maxmemory-policy" in last
