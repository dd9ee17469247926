"""The examples of docs/inspection.md run, on an app where something lies everywhere."""

from __future__ import annotations

import re
from pathlib import Path

from outrider import App, JobRecord, RunRecord
from outrider.inspection.server import ServerReading
from outrider.inspection.stats import StatsReading
from tests.app.hands import Hands, put, raw, write

GUIDE = (Path(__file__).parents[2] / "docs" / "inspection.md").read_text("utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
JID = "0a1b2c3d4e5f60718293a4b5"


def test_examples(app: App) -> None:
    """Each finds something to look at, and to act on."""
    put(app, "default", write(JID))
    for key in ("schedule", "retry", "dead"):
        raw(app, "ZADD", key, *(word for at in range(70) for word in (at, write(f"{key}{at}"))))
    raw(app, "ZADD", "retry", 1, write(JID))
    batch = app.batch(description="gallery")
    with batch.jobs():
        app.enqueue("some.job", queue="low")
    Hands(app)
    names = {"__name__": "looking", "app": app, "print": lambda *words: [str(w) for w in words]}
    for example in EXAMPLES:
        exec(example, names)
    assert len(EXAMPLES) == 7
    assert app.retries.find(JID) is None
    assert app.held["shop.mail"].paused
    assert not app.queues["default"].paused
    assert app.batches[batch.bid].deleted == 1
    app.held["shop.mail"].resume()


def test_all_that_can_be_read_is_told() -> None:
    """Each number, and each field of a record."""
    for kind in (StatsReading, ServerReading, JobRecord, RunRecord):
        for name in kind.__dataclass_fields__:
            assert f"`{name}`" in GUIDE, name
