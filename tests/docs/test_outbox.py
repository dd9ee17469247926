"""The examples of docs/outbox.md run, and hand over."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from outrider import App
from tests.app.runs import Runs

GUIDE = Path(__file__).parents[2] / "docs" / "outbox.md"
CHAIN, SPLIT = re.findall(r"```python\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)


def resize(image: str) -> None: ...


def publish(status: Any) -> None: ...


def test_the_chain(app: App) -> None:
    """Its second link comes with the success of the first."""
    source = CHAIN.replace("app = App()", "").replace("from outrider import App", "")
    names: dict[str, Any] = {"__name__": "files", "app": app, "read_file": lambda file_id: 3}
    exec(source, names)
    names["file_came"](7)
    assert [ran.job.name for ran in Runs(app).run_all()] == ["files.load", "files.validate"]


def test_the_batch(app: App) -> None:
    names: dict[str, Any] = {
        "__name__": "gallery",
        "app": app,
        "resize": app.job(resize),
        "publish": app.job(publish),
        "images_in": lambda folder: [f"{folder}/{number}.jpg" for number in range(3)],
    }
    exec(SPLIT, names)
    names["split"].enqueue("spring")
    done = Runs(app).run_all()
    assert [ran.end for ran in done] == ["success"] * 5
    assert done[-1].job.name.endswith("publish")
