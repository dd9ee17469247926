"""What others may push, and what a log may tell."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from outrider import App
from tests.process.conftest import StartWorker
from tests.process.harness import PATIENCE, Worker, ask, claimed, length, listed, load_work, until

SECRET = "hunter2"


@pytest.fixture
def extremes(tmp_path: Path, app: App) -> Iterator[ModuleType]:
    """The jobs, in the folder where workers run."""
    module = load_work(tmp_path, app.url, name="extremes")
    yield module
    module.app.close()


@pytest.fixture
def drained(tmp_path: Path, app: App, extremes: ModuleType) -> Iterator[Callable[[], Worker]]:
    """Has a worker do all there is, one job at a time; it has ended when it is given back."""
    workers: list[Worker] = []

    def drain() -> Worker:
        options = ("-c", "1", "--drain", "--log-level", "debug")
        workers.append(Worker(tmp_path, app, *options, target="extremes"))
        assert workers[-1].wait(60) == 0, workers[-1].log
        return workers[-1]

    yield drain
    for one in workers:
        one.end()


LOUD = ("failing", "afailing", "retrying", "too_long", "picky", "putting_off", "crashing", "fine")


def test_no_argument_is_logged(
    app: App, extremes: ModuleType, drained: Callable[[], Worker]
) -> None:
    """Of jobs that end in any way; but what a job's own error says is its own affair."""
    for name in LOUD:  # by name, so that a wrong argument is not refused here
        options = getattr(extremes, name).options
        limits = {"retry": options.retry, "timeout": options.timeout}
        app.enqueue(f"extremes.{name}", [SECRET], {"token": SECRET}, **limits)
    app.enqueue("extremes.nobody_knows", [SECRET], {"token": SECRET})
    app.enqueue("extremes.fine", [SECRET], {SECRET: SECRET})
    one = drained()
    lines = [json.loads(line) for line in one.log.splitlines()]
    seen = {line["job"].partition(".")[2] for line in lines if "job" in line}
    assert seen == {*LOUD, "nobody_knows"}
    assert one.said("ended with status 1") == 1
    # The last one named a parameter so, which the call's own error repeats.
    told = [line for line in lines if SECRET in json.dumps(line)]
    assert [line["error"] for line in told] == [
        "TypeError: fine() got an unexpected keyword argument 'hunter2'"
    ]
    assert not any("arguments" in line for line in lines)


def test_what_a_job_tells_is_logged(extremes: ModuleType, drained: Callable[[], Worker]) -> None:
    """The text of its own error, and the arguments that it allows, by their names."""
    extremes.telling.enqueue("aloud", token=SECRET)
    extremes.open_about.enqueue(SECRET, amount=17, token=SECRET)
    one = drained()
    lines = [json.loads(line) for line in one.log.splitlines()]
    assert [line["error"] for line in lines if "error" in line] == ["ValueError: told aloud"]
    assert [line["arguments"] for line in lines if "arguments" in line] == [{"amount": 17}]
    assert SECRET not in one.log


def _job(**fields: Any) -> bytes:
    text: dict[str, Any] = {"jid": "ab" * 12, "class": "work.mark", "queue": "default", "args": [1]}
    return json.dumps({**text, **fields}, separators=(",", ":"), ensure_ascii=False).encode()


def _raw(args: bytes, name: bytes = b"work.mark") -> bytes:
    return b'{"jid":"ef","class":"%s","queue":"default","args":[%s]}' % (name, args)


HUGE = {
    "100 MB": b'"' + b"x" * 100_000_000 + b'"',
    "100,000 deep": b"[" * 100_000 + b"]" * 100_000,
    "5,000 digits": b"9" * 5000,
    "NaN": b"NaN",
    "a surrogate": b'"\\ud800"',
    "no UTF-8": b'"\xff\xfe"',
}
FORGED = {
    "a class of 1 MB": _job(**{"class": "x" * 1_000_000}),
    "a class of control characters": _job(**{"class": "a\n\x1b[2J\0"}),
    "a queue of control characters": _job(queue="\n\r\0", **{"class": "unknown"}),
    "a jid of control characters": _job(jid="\x1b[2J\n", **{"class": "unknown"}),
    "a bid of control characters": _job(bid="\n", jid="\n00000000", **{"class": "unknown"}),
    "a callback of nothing": _job(cb="\n::", **{"class": "work:Callbacks.on_success"}),
    "a callback of no batch": _job(cb="00:success:9", **{"class": "work:Callbacks.on_success"}),
    "a count beyond all": _job(retry_count=2**62, retry=2**63 - 1, **{"class": "unknown"}),
    "bytes in a foreign field": _raw(b"1", b"unknown")[:-1] + b',"x":"\xff"}',
}


@pytest.mark.parametrize("name", ["work.mark", "unknown"])
def test_what_no_job_of_ours_could_be(
    app: App, work: ModuleType, worker: StartWorker, name: str
) -> None:
    """Larger, deeper or stranger than JSON allows: to the dead set as it is; others run on."""
    one = worker("-c", "1")
    for i, args in enumerate(HUGE.values()):
        ask(app, "LPUSH", "queue:default", _raw(args, name.encode()))
        work.mark.enqueue(100 + i)
    until(lambda: length(app, "ran") == len(HUGE), "the others run", 3 * PATIENCE)
    until(lambda: claimed(app) == 0, "all are reported")
    assert ask(app, "ZCARD", "dead") == len(HUGE)
    assert {len(payload) for payload in ask(app, "ZRANGE", "dead", 0, -1)} == {
        len(_raw(args, name.encode())) for args in HUGE.values()
    }
    assert one.stop() == 0
    assert not one.said("ended with status")
    assert len(one.log) < 50_000
    ask(app, "DEL", "dead")


def test_what_others_have_forged(app: App, work: ModuleType, worker: StartWorker) -> None:
    """Names, ids and counts of any kind: none costs a slot, a process or a key that stays."""
    one = worker("-c", "2")
    for i, payload in enumerate(FORGED.values()):
        ask(app, "LPUSH", "queue:default", payload)
        work.mark.enqueue(100 + i)
    until(lambda: {str(100 + i) for i in range(len(FORGED))} <= set(listed(app, "ran")), "all run")
    until(lambda: claimed(app) == 0, "all are reported")
    kept = ask(app, "ZCARD", "dead") + ask(app, "ZCARD", "retry")
    assert kept == len(FORGED)
    # Both slots still work.
    work.gated.enqueue(1, "gate")
    work.gated.enqueue(2, "gate")
    until(lambda: length(app, "started") == 2, "two run at once")
    ask(app, "SET", "gate", 1)
    assert one.stop() == 0
    assert not one.said("ended with status")
    assert all(len(line) < 60_000 for line in one.log.splitlines())
