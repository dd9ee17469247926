"""The small process that starts an embedded server and stops it after its last user.

Four files in the server's folder are locked with flock, which the kernel lets go however a
process ends; nothing here trusts a pid without the lock that vouches for it:

- `users`  is shared by every process that uses the server, for as long as it lives;
- `server` is held by the server itself, which inherits it, and names its pid and socket;
- `keeper` is held by the keeper;
- `lock`   guards every look at `server` and `keeper`, and every start and stop.

Run as a script it makes sure of a server and a keeper. The keeper then waits for `users` to be
free, which means that nobody is left, and stops the server. It imports next to nothing: it stays
in memory as long as the server.
"""
# ruff: noqa: PYI034, SIM105
# typing and contextlib would double its memory.

from __future__ import annotations

import fcntl
import os
import sys
import time

# The signal module would load enum, for two numbers that POSIX fixes.
SIGKILL, SIGTERM = 9, 15
STOP_PATIENCE = 10.0
POLL = 0.005


class Lock:
    """A flock on a file, which is created when missing."""

    def __init__(self, path: str) -> None:
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    def take(self, *, shared: bool = False, wait: bool = True) -> bool:
        """Take the lock; return False if another holds it and `wait` is False."""
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(self.fd, kind if wait else kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        """Let go, also for the processes forked meanwhile."""
        fcntl.flock(self.fd, fcntl.LOCK_UN)
        self.close()

    def close(self) -> None:
        """Let go, unless a process forked meanwhile still holds on."""
        os.close(self.fd)

    def __enter__(self) -> Lock:
        try:
            self.take()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def start_mutex(folder: str) -> Lock:
    """The lock that guards starts, stops, and the functions below that ask for it."""
    return Lock(f"{folder}/lock")


def held(folder: str, name: str) -> bool:
    """Whether a process holds the lock `name`; call with the mutex, as looking takes it."""
    lock = Lock(f"{folder}/{name}")
    free = lock.take(wait=False)
    lock.release()
    return not free


def read_record(folder: str) -> tuple[int, str]:
    """The pid and the socket path of the last server; (0, "") if none was written."""
    try:
        with open(f"{folder}/server", "rb") as file:
            pid, _, path = file.read().partition(b" ")
    except FileNotFoundError:
        return 0, ""
    return int(pid or b"0"), os.fsdecode(path)


def stop_server(folder: str, *, kill: bool = False) -> None:
    """End the server, if one runs, and wait until it is gone; call with the mutex.

    It has `STOP_PATIENCE` seconds to save its data before it is killed, or none with `kill`.
    """
    lock = Lock(f"{folder}/server")
    deadline = time.monotonic() + STOP_PATIENCE
    asked = False
    while not lock.take(wait=False):
        pid, _ = read_record(folder)
        try:
            if pid and (kill or time.monotonic() > deadline):
                # The group, because a child that rewrites the data outlives a killed server.
                os.killpg(pid, SIGKILL)
            elif pid and not asked:
                asked = True
                os.kill(pid, SIGTERM)
        except (ProcessLookupError, PermissionError):
            pass  # it is ending by itself (macOS forbids to signal a zombie)
        time.sleep(POLL)
    lock.release()


def remove_socket(folder: str) -> None:
    """Remove what the last server's socket left behind; call with the mutex."""
    _, path = read_record(folder)
    home = path.rpartition("/")[0]
    # Inside the folder by the folder's present name: a new one may stand at the old path.
    short = home.rpartition("/")[2].startswith("outrider-")
    try:
        os.unlink(path if short else f"{folder}/server.sock")
    except FileNotFoundError:
        pass
    try:
        if short:
            os.rmdir(home)
    except OSError:
        pass  # already gone, or there is more in it


def _spawn_server(socket: str, command: list[str]) -> None:
    """Run `command` as the server of the working directory, unless one runs already."""
    lock = Lock("server")
    if not lock.take(wait=False):
        lock.close()
        return
    os.ftruncate(lock.fd, 0)
    reader, writer = os.pipe()
    if os.fork() == 0:
        try:
            os.setsid()  # Ctrl-C in the user's terminal is not meant for the server
            os.write(lock.fd, b"%d %b" % (os.getpid(), os.fsencode(socket)))
            os.set_inheritable(lock.fd, True)
            os.dup2(2, 1)
            os.execv(command[0], command)  # noqa: S606 -- as a program of its own, without a shell
        except OSError as error:
            os.write(2, f"cannot run {command[0]}: {error}\n".encode(errors="replace"))
        finally:
            os._exit(1)
    os.close(writer)
    os.read(reader, 1)  # ends when the child has written its record and become the server
    os.close(reader)
    lock.close()


def keep(folder: str, keeper: Lock) -> None:
    """Wait until nobody uses the server, stop it, and only then stop being its keeper."""
    users = Lock(f"{folder}/users")
    users.take()
    with start_mutex(folder):
        stop_server(folder)
        remove_socket(folder)
        keeper.release()


def main(folder: str, socket: str, *command: str) -> None:
    """Make sure of a server (at `socket`, run by `command`) and a keeper, then return.

    All names are taken from the working directory, so that a folder that is removed and made
    anew while the server runs is another folder.
    """
    os.chdir(folder)
    with start_mutex("."):
        _spawn_server(socket, list(command))
        keeper = Lock("keeper")
        alone = keeper.take(wait=False)
    if alone and os.fork() == 0:
        keep(".", keeper)


if __name__ == "__main__":
    main(*sys.argv[1:])
