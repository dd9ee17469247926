"""What both test files need: a deadline, processes that use a server, and questions to it."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from outrider.embedded import keeper

DEADLINE = 30


class Deadline(BaseException):
    """A test waited for what never came."""


class User:
    """A process that runs a Python snippet with `folder`, prints a line, and waits for its end."""

    def __init__(self, folder: Path, code: str) -> None:
        head = "import sys, pathlib; folder = pathlib.Path(sys.argv[1]); "
        words = [sys.executable, "-c", f"{head}{code}\nsys.stdin.read()", str(folder)]
        self.process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def say(self) -> None:
        """Send the empty line that it waits for."""
        assert self.process.stdin
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def leave(self) -> None:
        self.process.communicate()
        assert self.process.returncode == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


Use = Callable[[Path, str], User]


@pytest.fixture(autouse=True)
def deadline() -> Iterator[None]:
    def late(*_: object) -> None:
        raise Deadline

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(DEADLINE)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def use(deadline: None) -> Iterator[Use]:
    """Start a User; all that were started are killed, and their servers too."""
    users: list[User] = []
    homes: set[Path] = set()

    def start(folder: Path, code: str) -> User:
        homes.update((folder.resolve(), folder.resolve() / ".outrider"))
        users.append(User(folder, code))
        return users[-1]

    yield start
    for user in users:
        user.kill()
    for home in homes:
        if (home / "server").exists():
            with keeper.start_mutex(str(home)):
                keeper.stop_server(str(home), kill=True)
                keeper.remove_socket(str(home))


def ask(url: str, words: str) -> str:
    """The server's answer to an inline command."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(url.removeprefix("unix://"))
        connection.sendall(words.encode() + b"\r\n")
        return connection.recv(65536).decode().strip()


def wait_free(home: Path, name: str) -> None:
    """Wait until the process that holds the lock `name` has ended or let go."""
    with keeper.Lock(str(home / name)):
        pass


def running(home: Path) -> bool:
    with keeper.start_mutex(str(home)):
        return keeper.held(str(home), "server")
