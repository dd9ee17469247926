"""Whatever is wrong: one clear line on standard error, a non-zero status, never a traceback."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from types import ModuleType

import pytest

from outrider import App
from tests.process.harness import ask, outrider

NOWHERE = "redis://127.0.0.1:1/0"
# What it starts keeps the channel to the supervisor open, for as long as that lives.
LEAVES_ONE = """
import os, time
boss = f"/proc/{os.getppid()}"
if os.fork() == 0:
    os.closerange(0, 3)
    while os.path.exists(boss):
        time.sleep(0.05)
os._exit(8)
"""
MODULES = {
    "raises.py": "raise ValueError('no\\nluck')",
    "exits.py": "import sys; sys.exit(7)",
    "exits_hard.py": "import os; os._exit(7)",
    "leaves_one.py": LEAVES_ONE,
    "interrupts.py": "raise KeyboardInterrupt",
    "broken.py": "def broken(:\n",
    "needs.py": "import there_is_no_such_module",
    "other.py": "app = 17",
    "nothing.py": "",
    "unconfigured.py": "from outrider import App\napp = App()",
    "bad_url.py": "from outrider import App\napp = App('http://localhost')",
    "bad_port.py": "from outrider import App\napp = App('redis://localhost:port/0')",
    "bad_retry.py": "from outrider import App\napp = App()\n@app.job(retry=-1)\ndef f(): ...",
    "bad_journal.py": "from outrider import App\napp = App('embedded://', push_buffer='/no/where')",
    "away.py": f"from outrider import App\napp = App({NOWHERE!r}, timeout=0.5)",
    "away_socket.py": "from outrider import App\napp = App('unix:///nowhere/at/all', timeout=0.5)",
}
TARGETS = {
    "no_such_module": "no_such_module",
    "no.such.module": "'no'",
    "nothing": "'app'",
    "other": "'app'",
    "work:nothing": "'nothing'",
    "work:mark": "'mark'",
    "work:app.nothing": "'app.nothing'",
    "raises": "ValueError: no luck",
    "exits": "SystemExit",
    "exits_hard": "status 7",
    "leaves_one": "status 8",
    "interrupts": "KeyboardInterrupt",
    "broken": "SyntaxError",
    "needs": "there_is_no_such_module",
    "a b": "no target",
    "work.py": "work",
    "./work": "no target",
    "": "no target",
    ":": "no target",
    "unconfigured": "OUTRIDER_URL",
    "bad_url": "http",
    "bad_port": "port",
    "bad_retry": "retry",
    "bad_journal": "the push journal /no/where can't be used",
    "away": "does not answer",
    "away_socket": "does not answer",
}
OPTIONS = {
    ("-q", "a,b"): "weight",
    ("-q", "a,0"): "weight",
    ("-q", "a,-1"): "weight",
    ("-q", "a,1,2"): "weight",
    ("-q", "a,"): "weight",
    ("-q", ""): "queue",
    ("-q", "a b"): "a b",
    ("-q", "a,2", "-q", "b"): "weight",
    ("-q", "a", "-q", "a"): "twice",
    ("-c", "0"): "-c",
    ("-c", "-1"): "-c",
    ("-c", "many"): "-c",
    ("-p", "0"): "-p",
    ("--timeout", "-1"): "--timeout",
    ("--timeout", "soon"): "--timeout",
    ("--timeout", "nan"): "--timeout",
    ("--log-level", "loud"): "--log-level",
    ("--nothing",): "--nothing",
    ("-x",): "-x",
    ("one", "two"): "one",
    ("-q",): "-q",
}
COMMANDS = {
    ("nothing",): "nothing",
    ("--nothing",): "--nothing",
    ("worker",): "TARGET",
    ("batch", "--watch"): "BID",
    ("batch", "0" * 16, "--dead"): "--dead",
    ("batch", "0" * 16): "OUTRIDER_URL",
    ("batch", "0" * 16, "--url", NOWHERE): "does not answer",
    ("batch", "0" * 16, "--url", "http://localhost"): "http",
    ("batch", "0" * 16, "--url", "redis://localhost:port"): "port",
    ("batch", "0" * 16, "--url", "nonsense"): "nonsense",
    ("batch", "0" * 16, "--nothing"): "--nothing",
    ("search", "job:x", "state:dead", "--url", NOWHERE): "put all of it in quotes (see outrider",
    ("stats",): "--url",
    ("alive",): "PORT",
    ("alive", "9" * 5000): "say HOST:PORT",
    ("alive", "nobody.invalid:7434"): "no worker answers",
    ("queue", "pause", "", "--url", NOWHERE): "does not answer",
    ("mark", "", "--url", NOWHERE): "label",
    ("worker", "work", "--health", "soon"): "say HOST:PORT",
}


def refused(folder: Path, words: tuple[str, ...], says: str) -> None:
    """The command fails with one line that says what is wrong."""
    ran = outrider(folder, *words)
    assert ran.returncode not in (0, -6, -11), ran
    assert "Traceback" not in ran.stderr + ran.stdout
    assert len(ran.stderr.splitlines()) == 1, ran.stderr
    assert ran.stderr.startswith("outrider: ")
    assert says in ran.stderr
    assert ran.stdout == ""


@pytest.mark.parametrize("target", TARGETS)
def test_a_wrong_target(tmp_path: Path, work: ModuleType, target: str) -> None:
    """A target that is not there, is no App, or cannot be imported or reached."""
    for name, text in MODULES.items():
        (tmp_path / name).write_text(text)
    refused(tmp_path, ("worker", target), TARGETS[target])


@pytest.mark.parametrize("words", OPTIONS, ids=" ".join)
def test_a_wrong_option(tmp_path: Path, work: ModuleType, app: App, words: tuple[str, ...]) -> None:
    """Options that make no sense are refused before anything is started."""
    refused(tmp_path, ("worker", "work", *words), OPTIONS[words])
    assert ask(app, "DBSIZE") == 0


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_wrong_command(tmp_path: Path, words: tuple[str, ...]) -> None:
    """Commands that there are not, or that miss what they need."""
    refused(tmp_path, words, COMMANDS[words])
    assert not (tmp_path / ".outrider").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("queue", "pause", ""), "'' is no queue name"),
        (("queue", "pause", "a b"), "'a b' is no queue name"),
        (("queue", "resume", "\udcff"), "'\\udcff' can't be written as utf-8"),
        (("batch", "\udcff"), "'\\udcff' can't be written as utf-8"),
    ],
)
def test_a_name_that_none_can_have(
    tmp_path: Path, app: App, words: tuple[str, ...], says: str
) -> None:
    """An empty variable of a shell, or another encoding."""
    refused(tmp_path, (*words, "--url", app.url), says)
    assert ask(app, "EXISTS", "paused") == 0


def test_a_queue_of_another_program(tmp_path: Path, app: App) -> None:
    """It is there, whatever it is called."""
    ask(app, "SADD", "queues", "a b")
    ran = outrider(tmp_path, "queue", "pause", "a b", "--url", app.url)
    assert (ran.stdout, ran.returncode) == ("a b is paused\n", 0)


ANSWERS = [b'{"detail":"no"}', b"[]", b'{"troubles":5}', b"<html>", b"", b"[" * 100_000, b"\xff"]


@pytest.mark.parametrize("status", [200, 404])
@pytest.mark.parametrize("content", ANSWERS, ids=range(len(ANSWERS)))
def test_what_answers_is_no_worker(tmp_path: Path, status: int, content: bytes) -> None:
    """The port of the API, say, is no worker that lives."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_answer, args=(server, status, content))
        thread.start()
        port = str(server.getsockname()[1])
        refused(tmp_path, ("alive", port), f"what answers at 127.0.0.1:{port} is no worker's")
        thread.join()


def _answer(server: socket.socket, status: int, content: bytes) -> None:
    line, _ = server.accept()
    with line:
        line.recv(1000)
        line.sendall(b"HTTP/1.1 %d x\r\nContent-Length: %d\r\n\r\n" % (status, len(content)))
        line.sendall(content)


@pytest.mark.parametrize("bid", ["0" * 16, "nonsense", "", "*", "x y\nz"])
@pytest.mark.parametrize("options", [(), ("--watch",)], ids=["once", "watch"])
def test_an_unknown_batch(tmp_path: Path, app: App, bid: str, options: tuple[str, ...]) -> None:
    """A bid that is not known, whether it could be one or not."""
    refused(tmp_path, ("batch", bid, "--url", app.url, *options), "batch")


@pytest.mark.parametrize("words", [("--help",), ("stats",), ("doctor",)])
def test_no_room_for_the_output(tmp_path: Path, app: App, words: tuple[str, ...]) -> None:
    """A disk that is full is told as any other trouble."""
    full = ("sh", "-c", 'exec "$@" > /dev/full', "sh")
    ran = outrider(tmp_path, *words, through=full, OUTRIDER_URL=app.url)
    assert ran.returncode == 1
    assert ran.stderr == "outrider: [Errno 28] No space left on device\n"
