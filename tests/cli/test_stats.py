"""`outrider stats --watch`: what goes on, in a terminal and without one."""

from __future__ import annotations

import re
import signal
import subprocess
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from outrider import App
from outrider.cli.dashboard import draw, line, shares
from outrider.cli.history import KEPT, History
from outrider.cli.reading import Reading, take
from outrider.inspection.queues import QueueReading
from tests.app.hands import Hands, put, start, write
from tests.cli.terminal import Terminal
from tests.process.harness import OUTRIDER, environment
from tests.process.proxy import Proxy

EVIL = "evil\x1b]0;x\x07[red]"


@pytest.fixture
def reading(app: App) -> Reading:
    """A store with two queues, a held name and a worker that runs something."""
    put(app, "default", *(write(f"{number:02}") for number in range(3)))
    put(app, EVIL, write("03", EVIL))
    app.queues[EVIL].pause()
    app.held["some.job"].pause()
    hands = Hands(app)
    start(app, 1)
    hands.claim(want=1)
    return take(app)


def history(*readings: Reading) -> History:
    found = History()
    for one in readings:
        found.note(one)
    return found


def later(reading: Reading, seconds: float, processed: int, **sizes: int) -> Reading:
    """The same store after so many seconds and runs."""
    stats = reading.stats
    queues = {name: QueueReading(size, 0.0, paused=False) for name, size in sizes.items()}
    after = replace(
        stats,
        processed=stats.processed + processed,
        failed=stats.failed + 1,
        queues=stats.queues | queues,
    )
    return replace(reading, at=reading.at + seconds, stats=after)


def drawn(found: History, width: int = 100, height: int = 40) -> list[str]:
    """The lines of the view, as a terminal of this size shows them."""
    out = StringIO()
    console = Console(file=out, force_terminal=True, width=width, no_color=True)
    console.print(draw(found, "unix:///server", height))
    return re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue()).splitlines()


def test_the_view_shows_all_there_is(reading: Reading) -> None:
    """Numbers and rates, queues, workers, and what is held; texts of others are made harmless."""
    lines = drawn(history(reading, later(reading, 1.0, 840, default=1003)))
    text = "\n".join(lines)
    assert "unix:///server" in lines[0]
    assert "processed 840  840/s" in text
    assert "failed 1  1.0/s" in text
    assert re.search(r"^default +1,003 +0.0 s +\+1,000/s", text, re.MULTILINE)
    assert re.search(r"^evil\ufffd\]0;x\ufffd\[red\] +1 +\S+ \w+ +paused", text, re.MULTILINE)
    assert re.search(r"^some\.job +0 +paused", text, re.MULTILINE)
    assert "host:1:abc" in text or "worker" in text
    assert "\x1b" not in text.replace("\ufffd", "")


def test_the_view_fits_its_terminal(reading: Reading) -> None:
    """However many queues there are, and however narrow it is."""
    queues = {f"a-queue-with-a-long-name-{number:04}": number for number in range(500)}
    lines = drawn(history(reading, later(reading, 1.0, 1, **queues)), width=60, height=20)
    assert len(lines) <= 20
    assert max(map(len, lines)) <= 60
    assert any(re.match(r"… \d+ more", one) for one in lines)


@pytest.mark.parametrize("width", [48, 70, 100])
def test_names_are_cut_and_not_numbers(reading: Reading, width: int) -> None:
    """Others may have given a queue any name; a number without its end would say nothing."""
    lines = drawn(history(later(reading, 5, 50, **{"x" * 300: 1_234_567})), width)
    (told,) = (one for one in lines if one.startswith("xxx"))
    assert "…" in told
    assert told.split()[1:4] == ["1,234,567", "0.0", "s"]
    assert max(map(len, lines)) <= width


def test_shares() -> None:
    """Each table has what it wants where there is room, else about the same."""
    assert shares(20, [3, 5, 2]) == [3, 5, 2]
    assert shares(9, [100, 2, 100]) == [4, 2, 3]
    assert shares(0, [4]) == shares(-3, [4]) == [0]
    assert shares(5, []) == []


def test_rates_are_of_some_seconds(reading: Reading) -> None:
    """Of the last few, not of all; what shrinks is no rate, and one reading has none."""
    assert history(reading).rate("processed") == 0.0
    readings = [reading]
    for second in range(KEPT + 10):
        readings.append(later(readings[-1], 1.0, 100 if second > KEPT else 5))
    found = history(*readings)
    assert found.rate("processed") == pytest.approx(100)
    assert len(found.picture()) == KEPT - 1
    assert found.picture()[-1] == "█"
    assert found.picture()[0] == "▁"
    emptied = replace(readings[-1], at=readings[-1].at + 1, stats=reading.stats)
    assert history(*readings, emptied).rate("processed") == 0.0


def test_a_queue_that_is_new(reading: Reading) -> None:
    """Has not grown yet."""
    found = history(reading, later(reading, 1.0, 0, fresh=7))
    assert (found.growth("fresh"), found.growth("default")) == (0.0, 0.0)


def test_one_line(reading: Reading) -> None:
    """Everything that counts, where there is no terminal."""
    text = line(history(reading, later(reading, 2.0, 10)))
    assert "processed 10 (5/s)" in text
    assert "enqueued 4" in text
    assert "\n" not in text


def test_watch_in_a_terminal(tmp_path: Path, app: App) -> None:
    """It shows what is there and what comes, through an outage; Ctrl-C ends it in good order."""
    line = Proxy(tmp_path / "line", app.url)
    app.enqueue("some.job", queue="early")
    try:
        with Terminal(tmp_path, "stats", "--watch", "--url", line.url, columns=300) as one:
            one.shows(b"early")
            app.enqueue("some.job", queue="later")
            one.shows(b"later")
            line.down()
            one.shows(b"does not answer")
            line.up()
            app.enqueue("some.job", queue="again")
            one.shows(b"again")
            one.process.send_signal(signal.SIGINT)
            assert one.end() == (0, "")
    finally:
        line.close()


def test_watch_without_a_terminal(tmp_path: Path, app: App) -> None:
    """A line for each reading, which programs may read."""
    app.enqueue("some.job")
    with subprocess.Popen(
        [*OUTRIDER, "stats", "--watch", "--url", app.url],
        cwd=tmp_path,
        env=environment(PYTHONUNBUFFERED="1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as watching:
        assert watching.stdout is not None
        assert watching.stderr is not None
        try:
            found = [watching.stdout.readline() for _ in range(2)]
            watching.send_signal(signal.SIGINT)
            assert watching.wait(20) == 0
            assert watching.stderr.read() == ""
        finally:
            watching.kill()
    assert all(" processed 0 (0/s) " in one and " enqueued 1 " in one for one in found)
    assert all("\x1b" not in one for one in found)
