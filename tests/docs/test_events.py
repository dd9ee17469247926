"""The examples of docs/events.md run, and its tables are complete."""

from __future__ import annotations

import re
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from outrider import App
from outrider.events import BATCH, BEGAN, JOB, JobEvent
from tests.app.hands import Hands, put, raw, write
from tests.app.runs import Runs
from tests.process.harness import until

GUIDE = (Path(__file__).parents[2] / "docs" / "events.md").read_text("utf-8")
HANDLERS, NEWS, FOLLOW = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)


class Histogram:
    """Notes what is observed."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def observe(self, seconds: float, labels: dict[str, str]) -> None:
        """Take one value."""
        self.seen.append((seconds >= 0, labels))


def test_the_handlers(app: App) -> None:
    """One is told of failures, the other of successes."""
    told: list[Any] = []
    histogram = Histogram()
    source = HANDLERS.replace("app = App()", "").replace("from outrider import App", "")
    names: dict[str, Any] = {
        "app": app,
        "histogram": histogram,
        "tell_sentry": lambda error, **labels: told.append((str(error), labels)),
    }
    exec(source, names)

    @app.job(name="sometimes", retry=0)
    def sometimes(fails: bool) -> None:
        if fails:
            raise ValueError("boom")

    sometimes.enqueue(False)
    job = sometimes.enqueue(True)
    assert job is not None
    Runs(app).run_all()
    assert histogram.seen == [(True, {"job": "sometimes"})]
    assert told == [("boom", {"job": "sometimes", "jid": job.jid, "attempt": 1})]


def test_what_the_server_tells(app: App) -> None:
    """Somebody is paged for what is buried."""

    class Paged(Exception):
        pass

    def page_somebody(*what: str) -> None:
        paged.append(what)
        raise Paged

    paged: list[Any] = []

    def run() -> None:
        with suppress(Paged):
            exec(NEWS, {"app": app, "page_somebody": page_somebody})

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    channel = app.keys.channel("news", "job.buried")
    until(lambda: raw(app, "PUBSUB", "NUMSUB", channel)[1] == 1)
    put(app, "default", write("a", expiry=1, retry_count=0))
    assert Hands(app).claim().payloads == []
    thread.join(20)
    assert paged == [("job.buried", "app.job", "a")]


def test_following(app: App) -> None:
    """Prints each success until the program ends."""
    names: dict[str, Any] = {"app": app}
    exec(FOLLOW, names)
    ended = threading.Event()

    class Ended(Exception):
        pass

    def show(*what: object) -> None:
        shown.append(what)
        raise Ended

    shown: list[Any] = []
    names["print"] = show

    def run() -> None:
        try:
            names["follow"]()
        except Ended:
            ended.set()

    threading.Thread(target=run, daemon=True).start()
    until(lambda: raw(app, "PUBSUB", "NUMPAT") == 1)
    batch = app.batch()
    with batch.jobs():
        pass
    assert ended.wait(20)
    assert shown[0][:2] == ("batch.success", batch.bid)


def test_all_events_are_there() -> None:
    """Each event that can be asked for, and each field of one of a job."""
    for name in (*JOB, *BATCH, BEGAN):
        assert f"`{name}`" in GUIDE or f'"{name}"' in GUIDE
    rows = re.findall(r"^\| (`[a-z`, ]+`) \|", GUIDE, re.MULTILINE)
    fields = {name for row in rows for name in re.findall(r"`([a-z]+)`", row)}
    assert fields == set(JobEvent.__struct_fields__)
