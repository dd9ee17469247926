"""Log lines: JSON for machines, colours for people, and never a job's arguments."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from outrider import App, ConfigError
from outrider.logs import FIELDS, HumanFormatter, JsonFormatter, configure
from outrider.payload import Job
from outrider.worker.calling import Prepared
from outrider.worker.perform import Performer
from outrider.worker.report import facts, made

JOB = Job("j1", "app.job", ["secret"], "low", {"password": "secret"}, bid="b1")


def known(job: Job, elapsed: float) -> dict[str, Any]:
    return facts(made("job.succeeded", job, 7, 0, elapsed))


def record(message: str, *args: object, error: Exception | None = None, **extra: Any) -> Any:
    trace = None if error is None else (type(error), error, error.__traceback__)
    made = logging.LogRecord("outrider.job", logging.WARNING, "perform.py", 1, message, args, trace)
    vars(made).update(extra)
    return made


def test_json_lines() -> None:
    """One object a line, with time, level, message, process and what is known of the job."""
    line = JsonFormatter().format(record("done\n%s", "x", **known(JOB, 0.1234567)))
    assert "\n" not in line
    found = json.loads(line)
    assert abs(found.pop("time") - record("").created) < 60
    assert found.pop("pid") > 0
    assert found == {
        "level": "warning",
        "message": "done\nx",
        "jid": "j1",
        "job": "app.job",
        "queue": "low",
        "bid": "b1",
        "elapsed": 0.123457,
    }


def test_what_is_not_known_is_left_out() -> None:
    """A line about no job has no empty fields, and foreign extras stay out."""
    found = json.loads(JsonFormatter().format(record("started", bid=None, args_of_job=[1])))
    assert found.keys() == {"time", "level", "message", "pid"}


def test_lists_and_objects_are_written() -> None:
    """What JSON does not know is written as text: a log line never fails."""
    line = JsonFormatter().format(record("late", tokens=[1, 2], error=None, child=object()))
    found = json.loads(line)
    assert found["tokens"] == [1, 2]
    assert found["child"].startswith("<object")


@pytest.mark.parametrize("formatter", [JsonFormatter(), HumanFormatter()], ids=["json", "human"])
def test_a_traceback_is_kept(formatter: logging.Formatter) -> None:
    """An unforeseen error is logged with its traceback."""
    text = ""
    try:
        int("lost")
    except ValueError as error:
        text = formatter.format(record("failed", error=error))
    assert "Traceback (most recent call last)" in text
    assert "ValueError: invalid literal" in text


def test_lines_for_people() -> None:
    """Time, level, message, then the fields; the colours aside it is plain text."""
    text = HumanFormatter().format(record("done", **known(JOB, 0.5)))
    plain = re.sub(r"\x1b\[\d+m", "", text)
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d warning done  jid=j1 job=app\.job queue=low bid=b1 elapsed=0\.5", plain
    )
    assert "\x1b[33mwarning" in text


@pytest.mark.parametrize("formatter", [JsonFormatter(), HumanFormatter()], ids=["json", "human"])
def test_arguments_are_never_logged(formatter: logging.Formatter) -> None:
    """Arguments may be secrets: no field that a line carries holds them."""
    assert "secret" not in formatter.format(record("done", **known(JOB, 0.5)))


APP = App("redis://localhost:1")


def transfer(amount: int, iban: str = "secret", *rest: str, note: str = "", **more: str) -> None:
    if amount < 0:
        raise ValueError("less than nothing")


CALL = '{"jid":"j","class":"%s","queue":"low","args":[%d,"secret","r","s"],"kwargs":%s}'
ALLOWED: list[tuple[Any, Any]] = [
    (False, None),
    ([], None),
    (["amount"], {"amount": 5}),
    (["note", "rest"], {"rest[0]": "r", "rest[1]": "s", "note": "n"}),
    (["more"], {"to": "m"}),
    (
        True,
        {"amount": 5, "iban": "secret", "rest[0]": "r", "rest[1]": "s", "note": "n", "to": "m"},
    ),
]


@pytest.mark.parametrize(("allowed", "logged"), ALLOWED, ids=[str(a) for a, _ in ALLOWED])
def test_arguments_that_a_job_allows(
    allowed: Any, logged: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """`log_arguments` names parameters, or is True: all lines about the job carry these alone."""
    name = f"transfer-{allowed}"[:40].replace(" ", "").replace('"', "")
    APP.job(name=name, log_arguments=allowed)(transfer)
    caplog.set_level("INFO", "outrider")
    performer = Performer(APP, "host:1:ab:1")
    for amount in (5, -5):
        text = CALL % (name, amount, '{"note":"n","to":"m"}')
        prepared = performer.prepare(text.encode(), 7)
        assert isinstance(prepared, Prepared)
        performer.run(prepared)
    done, failed = caplog.records
    assert vars(done)["arguments"] == logged
    assert vars(failed)["arguments"] == (logged and {**logged, **_negative(logged)})
    for formatter in (JsonFormatter(), HumanFormatter()):
        assert ("secret" in formatter.format(failed)) == (allowed is True)
    assert ("arguments" in json.loads(JsonFormatter().format(done))) == (logged is not None)


def _negative(logged: dict[str, Any]) -> dict[str, Any]:
    return {name: -value for name, value in logged.items() if name == "amount"}


def test_names_of_others_do_no_harm() -> None:
    """A line for people has no control characters of others in it, and names are cut."""
    forged = Job("j\x1b[2J", "a\nb" * 10_000, [], "q\r", bid="\x9b2J")
    line = HumanFormatter().format(
        record("from %s", "\x1b[8m\n", error=ValueError("\x1b[8m"), **known(forged, 0.1))
    )
    plain = re.sub(r"\x1b\[\d+m", "", line, count=2 + 2 * len(FIELDS))
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", plain)
    assert len(plain.splitlines()) == 2
    assert len(plain) < 1000
    assert len(JsonFormatter().format(record("x", **known(forged, 0.1)))) < 1000


@pytest.fixture
def restored() -> Iterator[None]:
    """The log of `outrider` is as before afterwards."""
    logger = logging.getLogger("outrider")
    before = (logger.handlers[:], logger.level, logger.propagate)
    yield
    logger.handlers[:], logger.level, logger.propagate = before[0], before[1], before[2]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "begins"), [(io.StringIO(), "{"), (Terminal(), "\x1b[2m")], ids=["pipe", "terminal"]
)
def test_the_stream_decides_the_form(
    restored: None, monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, begins: str
) -> None:
    """People at a terminal get colours, everything else gets JSON; a level keeps lower ones out."""
    monkeypatch.setattr(sys, "stderr", stream)
    configure("info")
    configure("warning")
    logging.getLogger("outrider.job").info("quiet")
    logging.getLogger("outrider.job").warning("loud")
    assert stream.getvalue().startswith(begins)
    assert stream.getvalue().count("loud") == 1
    assert "quiet" not in stream.getvalue()


@pytest.mark.parametrize("level", ["", "INFO", "loud", "critical"])
def test_an_unknown_level_is_refused(level: str) -> None:
    """The message says which levels there are."""
    with pytest.raises(ConfigError, match="choose one of debug, info, warning, error"):
        configure(level)
