"""The examples of docs/batches.md run, each on a batch of its own, and their jobs end well."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from outrider import App, avalid_within_batch, current_batch, valid_within_batch
from tests.app.runs import Runs

GUIDE = Path(__file__).parents[2] / "docs" / "batches.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)


def resize(image: str) -> None: ...


def index(bid: str) -> None: ...


def publish(status: Any, gallery_id: int) -> None: ...


def known(app: App) -> dict[str, Any]:
    """The names that the examples use without saying what they are."""
    return {
        "__name__": "gallery",
        "app": app,
        "resize": app.job(resize),
        "index": app.job(index),
        "publish": app.job(publish),
        "current_batch": current_batch,
        "valid_within_batch": valid_within_batch,
        "avalid_within_batch": avalid_within_batch,
        "images": ["1.jpg", "2.jpg"],
        "folders": ["spring", "autumn"],
        "albums": ["spring", "autumn"],
        "images_in": lambda folder: [f"{folder}/{number}.jpg" for number in range(3)],
        "arriving": lambda: iter([["3.jpg"], ["4.jpg"]]),
        "pages": lambda site: [f"{site}/1", f"{site}/2"],
        "fetch": lambda page: None,
    }


def test_examples(app: App) -> None:
    """What an example reads is finished before it; what it adds is worked off after it."""
    names, runs = known(app), Runs(app)
    for example in EXAMPLES:
        batch = app.batch()
        with batch.jobs():
            names["resize"].enqueue("0.jpg")
        names |= {"batch": batch, "bid": batch.bid, "status": app.batches[batch.bid]}
        if "status." in example:
            runs.run_all()
        exec(example.replace("1_000_000", "10"), names)
        assert {one.end for one in runs.run_all()} <= {"success"}, example
        assert list(app.batches) == [], example
    assert len(EXAMPLES) >= 15
    crawl = names["crawl"]
    batch = app.batch()
    with batch.jobs():
        crawl.enqueue("example.org")
    runs.run_all()
    assert app.batches[batch.bid].is_success
    gallery = app.batches[names["gallery"].bid]
    assert gallery.is_success
    assert gallery.total == len(gallery.child_bids) == 2, "each child's callback added a job"
