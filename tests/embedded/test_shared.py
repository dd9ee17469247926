"""The server that the processes of a folder share."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import subprocess
from pathlib import Path

import pytest

from outrider.embedded.keeper import read_record
from tests.embedded.conftest import Use, ask, running, wait_free

SHARED = "from outrider.embedded import shared_url; print(shared_url(folder), flush=True)"
FORKED = f"{SHARED}; import os; os.write(1, b'%d\\n' % os.fork())"
AGAIN = f"{SHARED}; sys.stdin.readline(); print(shared_url(folder), flush=True)"

AT_A_WORD = SHARED.replace("print", "print(flush=True); sys.stdin.readline(); print")
REFUSED = f"""
try:
    {SHARED}
except Exception as error:
    print(repr(error), flush=True)
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / ".outrider"


def server_pid(home: Path) -> int:
    return read_record(str(home))[0]


def keepers(home: Path) -> list[int]:
    """The pids of the folder's keepers."""
    return [pid for pid, words in commands() if f"keeper.py {home} " in words]


def commands() -> list[tuple[int, str]]:
    """The processes there are, each with its command line."""
    if not Path("/proc/self/cmdline").exists():
        done = subprocess.run(
            ["ps", "-A", "-ww", "-o", "pid=,args="], capture_output=True, text=True, check=True
        )
        rows = (line.split(None, 1) for line in done.stdout.splitlines())
        return [(int(pid), words) for pid, words in rows]
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            words = path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            found.append((int(path.parent.name), words))
    return found


def wait_stopped(home: Path) -> None:
    wait_free(home, "keeper")
    assert not running(home)


def test_two_processes_share_one(tmp_path: Path, home: Path, use: Use) -> None:
    one = use(tmp_path, SHARED)
    url, pid = one.line(), server_pid(home)
    two = use(tmp_path, SHARED)
    assert url == two.line() == f"unix://{home}/server.sock"
    assert server_pid(home) == pid
    one.leave()
    assert ask(url, "PING") == "+PONG"
    two.leave()
    wait_stopped(home)
    assert not (home / "server.sock").exists()


def test_folder_and_settings(tmp_path: Path, home: Path, use: Use) -> None:
    url = use(tmp_path, SHARED).line()
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "server.sock").stat().st_mode) == 0o700
    assert (home / ".gitignore").read_text() == "*\n"
    settings = {"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction"}
    for name, value in settings.items():
        assert ask(url, f"CONFIG GET {name}").endswith(value)
    assert os.getsid(server_pid(home)) != os.getsid(0)


def test_working_folder_is_the_default(
    tmp_path: Path, home: Path, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert use(tmp_path, SHARED.replace("folder", "")).line() == f"unix://{home}/server.sock"


def test_stops_after_a_killed_user(tmp_path: Path, home: Path, use: Use) -> None:
    users = [use(tmp_path, SHARED) for _ in range(2)]
    url = {user.line() for user in users}.pop()
    users[0].kill()
    assert ask(url, "PING") == "+PONG"
    users[1].kill()
    wait_stopped(home)


def test_data_survive(tmp_path: Path, home: Path, use: Use) -> None:
    user = use(tmp_path, SHARED)
    ask(user.line(), "SET a 1")
    user.leave()
    wait_stopped(home)
    assert ask(use(tmp_path, SHARED).line(), "GET a") == "$1\r\n1"


def test_next_user_comes_while_it_stops(tmp_path: Path, home: Path, use: Use) -> None:
    for _ in range(5):
        user = use(tmp_path, SHARED)
        assert ask(user.line(), "INCR n").startswith(":")
        user.kill()
    assert ask(use(tmp_path, SHARED).line(), "GET n") == "$1\r\n5"


def test_ten_at_once_start_one(tmp_path: Path, home: Path, use: Use) -> None:
    users = [use(tmp_path, AT_A_WORD) for _ in range(10)]
    assert [user.line() for user in users] == [""] * 10
    for user in users:
        user.say()
    pids = {ask(user.line(), "INFO server").partition("process_id:")[2][:8] for user in users}
    assert len(pids) == 1
    assert len(keepers(home)) == 1
    for user in users:
        user.kill()
    wait_stopped(home)


def test_a_forked_child_is_a_user(tmp_path: Path, home: Path, use: Use) -> None:
    user = use(tmp_path, FORKED)
    url = user.line()
    child = max(int(user.line()), int(user.line()))
    os.kill(user.process.pid, signal.SIGKILL)
    user.process.wait()
    assert ask(url, "PING") == "+PONG"
    assert running(home)
    os.kill(child, signal.SIGKILL)
    wait_stopped(home)


def test_crash_leaves_no_hindrance(tmp_path: Path, home: Path, use: Use) -> None:
    user = use(tmp_path, AGAIN)
    url, pid = user.line(), server_pid(home)
    ask(url, "CONFIG SET appendfsync always")
    ask(url, "SET a 1")
    os.kill(pid, signal.SIGKILL)
    wait_free(home, "server")
    assert (home / "server.sock").exists()
    user.say()
    assert user.line() == url
    assert ask(url, "GET a") == "$1\r\n1"
    assert len(keepers(home)) == 1
    user.leave()
    wait_stopped(home)


def test_all_killed_at_once(tmp_path: Path, home: Path, use: Use) -> None:
    user = use(tmp_path, SHARED)
    url, pid = user.line(), server_pid(home)
    os.kill(keepers(home)[0], signal.SIGKILL)
    user.kill()
    wait_free(home, "keeper")
    assert running(home)
    # The one case in which a server outlives its users, until the next one comes.
    user = use(tmp_path, SHARED)
    assert (user.line(), server_pid(home)) == (url, pid)
    user.kill()
    wait_stopped(home)


def test_killed_keeper_is_replaced(tmp_path: Path, home: Path, use: Use) -> None:
    one = use(tmp_path, SHARED)
    url, pid = one.line(), server_pid(home)
    os.kill(keepers(home)[0], signal.SIGKILL)
    wait_free(home, "keeper")
    assert ask(url, "PING") == "+PONG"
    two = use(tmp_path, SHARED)
    assert (two.line(), server_pid(home)) == (url, pid)
    one.kill()
    two.kill()
    wait_stopped(home)


def test_last_user_replaces_a_killed_keeper(tmp_path: Path, home: Path, use: Use) -> None:
    user = use(tmp_path, SHARED)
    user.line()
    os.kill(keepers(home)[0], signal.SIGKILL)
    wait_free(home, "keeper")
    assert running(home)
    user.leave()
    wait_stopped(home)


def test_server_ends_while_it_is_adopted(tmp_path: Path, home: Path, use: Use) -> None:
    one = use(tmp_path, SHARED)
    url, pid = one.line(), server_pid(home)
    os.kill(keepers(home)[0], signal.SIGKILL)
    one.kill()
    wait_free(home, "keeper")
    os.kill(pid, signal.SIGSTOP)
    two = use(tmp_path, SHARED)
    while not keepers(home):  # until it has found the old server, and adopted it
        pass
    os.kill(pid, signal.SIGKILL)
    assert two.line() == url
    assert server_pid(home) != pid


def test_lost_socket(tmp_path: Path, home: Path, use: Use) -> None:
    first = use(tmp_path, SHARED)
    url, pid = first.line(), server_pid(home)
    ask(url, "SET a 1")
    (home / "server.sock").unlink()
    os.utime(home / "server", (0, 0))
    assert ask(use(tmp_path, SHARED).line(), "GET a") == "$1\r\n1"
    assert server_pid(home) != pid


def test_removed_folder_is_another_one(tmp_path: Path, home: Path, use: Use) -> None:
    old = use(tmp_path, SHARED)
    old.line()
    old_home = home.rename(tmp_path / "removed")
    new = use(tmp_path, SHARED)
    url = new.line()
    old.kill()
    wait_stopped(old_home)
    assert ask(url, "PING") == "+PONG"


def test_long_path(tmp_path: Path, use: Use) -> None:
    folder = tmp_path / ("n" * 120)
    folder.mkdir()
    users = [use(folder, SHARED) for _ in range(2)]
    urls = {user.line() for user in users}
    assert len(urls) == 1
    assert ask(urls.pop(), "PING") == "+PONG"


def test_folder_that_cannot_be_used(tmp_path: Path, home: Path, use: Use) -> None:
    home.write_text("")
    code = SHARED.replace("print", "try: print").replace("; ", "\n")
    user = use(
        tmp_path, f"{code}\nexcept Exception as error: print(type(error), error, flush=True)"
    )
    assert "ServerStartFailed" in (line := user.line())
    assert f"cannot use {home}" in line
