"""A primary, a replica and three sentinels on this machine, which may be killed and frozen."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from outrider import App, StoreError
from outrider.embedded.server import find_server
from outrider.script import command

SERVICE = "outrider-test"
SECRET, WATCHWORD = "open", "sesame"
DOWN_AFTER_MS = 1000
START = 20.0
_WORDS: Callable[[Any], Any] = lambda answer: answer  # noqa: E731


class Node:
    """One server or sentinel, with its own folder and port."""

    def __init__(self, folder: Path, password: str, *lines: str, sentinel: bool = False) -> None:
        folder.mkdir()
        self.port = _free_port()
        self.url = f"redis://:{password}@127.0.0.1:{self.port}"
        self.app = App(self.url, timeout=1.0)
        text = [f"port {self.port}", "bind 127.0.0.1", f"dir {folder}", "protected-mode no", *lines]
        self._configuration = folder / "conf"
        self._configuration.write_text("\n".join(text) + "\n")
        self._log = folder / "log"
        self._extra = ["--sentinel"] if sentinel else []
        self.start()

    def start(self) -> None:
        """Start it, or start it again as it was."""
        words = [str(find_server()), str(self._configuration), *self._extra]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        try:
            until(lambda: self.ask("PING"), f"{self._log} answers")
        except AssertionError:
            self.kill()
            raise

    def ask(self, *words: str | int) -> Any:
        """What it answers to a command; None when it does not."""
        try:
            return self.app.perform(command(*words, decode=_WORDS))
        except StoreError:
            return None

    def tell(self, *words: str | int) -> dict[str, str]:
        """An answer of fields and values, or of lines `field:value`."""
        answer = self.ask(*words) or []
        if isinstance(answer, bytes):
            lines = [line.partition(":") for line in answer.decode().splitlines()]
            return {field: value for field, colon, value in lines if colon}
        texts = [text.decode() for text in answer]
        return dict(zip(texts[::2], texts[1::2], strict=True))

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()
        self.process.wait()

    def freeze(self) -> None:
        """Let it stand still: connections stay open, and nothing is answered."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.process.pid, signal.SIGCONT)

    def close(self) -> None:
        """Make sure that it has ended."""
        self.app.close()
        self.kill()


class Pair:
    """A primary and a replica. They keep nothing on disk, unless settings say otherwise."""

    def __init__(self, folder: Path, *settings: str) -> None:
        folder.mkdir(exist_ok=True)
        self._nodes: list[Node] = []
        settings = (
            *("save ''", "repl-diskless-sync-delay 0", "repl-ping-replica-period 1"),
            *(f"requirepass {SECRET}", f"masterauth {SECRET}"),
            *settings,
        )
        try:
            self.primary = self.add(folder / "primary", SECRET, *settings)
            follow = f"replicaof 127.0.0.1 {self.primary.port}"
            self.replica = self.add(folder / "replica", SECRET, *settings, follow)
            until(self.follows, "the replica follows")
        except BaseException:
            self.close()
            raise

    def add(self, *arguments: Any, **options: Any) -> Node:
        """Start a node, and end it with the others."""
        self._nodes.append(Node(*arguments, **options))
        return self._nodes[-1]

    def follows(self) -> bool:
        """Whether the replica has caught up once and hears of all that is new."""
        return self.replica.tell("INFO", "replication").get("master_link_status") == "up"

    def close(self) -> None:
        """End all that were started."""
        for node in self._nodes:
            node.close()


class Fleet(Pair):
    """The same with three sentinels, and the URL by which clients find the primary."""

    def __init__(self, folder: Path, *settings: str) -> None:
        super().__init__(folder, *settings)
        watch = (
            f"sentinel monitor {SERVICE} 127.0.0.1 {self.primary.port} 2",
            f"sentinel down-after-milliseconds {SERVICE} {DOWN_AFTER_MS}",
            f"sentinel failover-timeout {SERVICE} 5000",
            f"sentinel auth-pass {SERVICE} {SECRET}",
            *(f"requirepass {WATCHWORD}", f"sentinel sentinel-pass {WATCHWORD}"),
        )
        try:
            self.sentinels = [
                self.add(folder / f"sentinel-{i}", WATCHWORD, *watch, sentinel=True)
                for i in range(3)
            ]
            until(lambda: all(map(_knows_all, self.sentinels)), "the sentinels know one another")
        except BaseException:
            self.close()
            raise

    @property
    def url(self) -> str:
        """Where clients connect."""
        return self.url_with(*self.sentinels)

    def url_with(self, *sentinels: Node, service: str = SERVICE) -> str:
        """A URL that names these sentinels."""
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in sentinels)
        return f"sentinel://:{SECRET}@{hosts}/{service}?sentinel_password={WATCHWORD}"

    def failed_over(self) -> bool:
        """Whether the replica has become the primary."""
        role = self.replica.ask("ROLE")
        return bool(role) and role[0] == b"master"


def until(condition: Callable[[], Any], what: str, patience: float = START) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"did not happen within {patience:g} s: {what}")
        time.sleep(0.02)


def _knows_all(sentinel: Node) -> bool:
    known = sentinel.tell("SENTINEL", "MASTER", SERVICE)
    return known.get("num-slaves") == "1" and known.get("num-other-sentinels") == "2"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
