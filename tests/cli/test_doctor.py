"""`outrider doctor`: what it says of a server, and of what its users may do."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from outrider import App
from outrider.checkup.roles import ROLES, rights_of
from outrider.embedded import Server
from outrider.keys import Keys
from tests.least import as_user, make_user
from tests.process.harness import ask, outrider


@pytest.fixture
def own(tmp_path: Path) -> Iterator[App]:
    """An app on a server of its own, which a test may spoil."""
    with Server.start(tmp_path / "own", options={"appendonly": "yes"}) as server:
        app = App(server.url)
        yield app
        app.close()


def found(ran: subprocess.CompletedProcess[str]) -> dict[str, tuple[str, str]]:
    """The lines of its table: by check, its level and the rest."""
    lines = [line.split(maxsplit=2) for line in ran.stdout.splitlines()[1:]]
    return {check: (level, text) for level, check, text in lines}


def test_a_good_server(tmp_path: Path, own: App) -> None:
    """It says where it looked, has a line for each check, and ends with 0."""
    ran = outrider(tmp_path, "doctor", "--url", own.url)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith(f"server at {own.url}\n")
    assert {level for level, _ in found(ran).values()} == {"ok"}
    assert found(ran)["persistence"][1].startswith("append-only file, appendfsync everysec")


def test_a_bad_server(tmp_path: Path, own: App) -> None:
    """An error is a line that says what to do, and an exit status."""
    ask(own, "CONFIG", "SET", "maxmemory", "100mb", "maxmemory-policy", "allkeys-lru")
    ask(own, "CONFIG", "SET", "appendonly", "no", "save", "")
    ran = outrider(tmp_path, "doctor", OUTRIDER_URL=own.url)
    assert (ran.returncode, ran.stderr) == (1, "")
    level, text = found(ran)["eviction"]
    assert level == "error"
    assert text.endswith("; set maxmemory-policy noeviction")
    assert found(ran)["persistence"][0] == "warning"


def test_json(tmp_path: Path, own: App) -> None:
    """The same for programs."""
    ran = outrider(tmp_path, "doctor", "--json", "--url", own.url)
    told: dict[str, Any] = json.loads(ran.stdout)
    assert told["server"] == own.url
    assert told["findings"][0]["check"] == "version"
    assert set(told["findings"][0]) == {"check", "level", "what", "advice"}


def test_the_app_of_a_target(tmp_path: Path, work: ModuleType) -> None:
    """The server is the app's, and so is the prefix; options have precedence."""
    ran = outrider(tmp_path, "doctor", "work")
    assert ran.stdout.startswith(f"server at {work.app.url}\n")
    printed = outrider(tmp_path, "doctor", "work", "--acl", "--prefix", "shop:").stdout
    assert "'~shop:queue:*'" in printed


@pytest.mark.parametrize("role", ROLES)
def test_the_printed_rule_is_enough(tmp_path: Path, own: App, role: str) -> None:
    """A user made by it may do all that the role asks for, under the prefix of the app."""
    ran = outrider(
        tmp_path, "doctor", "--acl", "--role", role, "--prefix", "{a}:", "--url", own.url
    )
    words = shlex.split(ran.stdout.replace("PASSWORD", "s3cret"))
    assert ask(own, *words) == b"OK"
    url = own.url.replace("://", f"://{role}:s3cret@")
    ran = outrider(tmp_path, "doctor", "--url", url, "--prefix", "{a}:", "--role", role)
    assert found(ran)["permissions"] == ("ok", f"user '{role}' may do all that a {role} does")
    assert ran.returncode == 0
    assert "s3cret" not in ran.stdout + ran.stderr
    ran = outrider(tmp_path, "doctor", "--url", url, "--role", role)
    assert ran.returncode == 1  # without the prefix it may not even name a script's keys
    assert "s3cret" not in ran.stdout + ran.stderr


def test_what_a_user_lacks(tmp_path: Path, own: App) -> None:
    """A command, keys or a channel that are missing are named, and who needs them."""
    more = ("-copy", "resetchannels", "resetkeys", "~o:*")
    own.perform(make_user("poor", rights_of("worker"), Keys(), *more))
    ran = outrider(tmp_path, "doctor", "--url", as_user(own.url, "poor"))
    level, text = found(ran)["permissions"]
    assert (ran.returncode, level) == (1, "error")
    assert "user 'poor' may not call copy (needed by beat)" in text
    assert "publish batch-*" in text
    assert "subscribe o:news:*" in text
    assert "queue:default" in text


AWAY = "redis://me:s3cret@127.0.0.1:1"


@pytest.mark.parametrize("json_too", [(), ("--json",)])
def test_a_server_that_is_away(tmp_path: Path, json_too: tuple[str, ...]) -> None:
    """One clear line, without the password."""
    ran = outrider(tmp_path, "doctor", "--url", AWAY, *json_too)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith("outrider: the server at redis://me:***@127.0.0.1:1 does not")
    assert ran.stderr.count("\n") == 1


def test_a_wrong_password(tmp_path: Path, own: App) -> None:
    """One clear line here too, and it does not tell what was tried."""
    ran = outrider(tmp_path, "doctor", "--url", own.url.replace("://", "://me:s3cret@"))
    assert ran.returncode == 1
    assert "invalid username-password pair" in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert "s3cret" not in ran.stderr
