"""docs/search.md tells the truth: its terms are understood, and its example runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from outrider import App
from outrider.search.parse import NAMES, parse
from outrider.search.seen import ALL_STATES
from tests.app.test_failures import failed
from tests.app.test_search import lay

GUIDE = (Path(__file__).parents[2] / "docs" / "search.md").read_text("utf-8")
TABLE = re.findall(r"^\| (`.*?) \| (.*) \|$", GUIDE, re.MULTILINE)
TERMS = [term for column, _ in TABLE for term in re.findall(r"`([^`]+)`", column)]


@pytest.mark.parametrize("text", TERMS)
def test_each_term_is_understood(text: str) -> None:
    """As one term."""
    assert len(parse(text).terms) == 1


def test_every_qualifier_and_state_is_named() -> None:
    """In the table."""
    rows = "\n".join(f"{column} {told}" for column, told in TABLE)
    for name in NAMES:
        assert f"`{name}:" in rows
    assert f"`{'`, `'.join(ALL_STATES[:-1])}` or `{ALL_STATES[-1]}`" in rows


def test_the_examples(app: App) -> None:
    """All but the line of asyncio."""
    examples = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    app.enqueue("shop.resize", [42])
    lay(app, "dead", failed("a", "TimeoutError", "late"))
    for example in examples:
        lines = [line for line in example.splitlines() if not line.startswith("await ")]
        names = {"app": app, "print": lambda *_: None}
        exec(compile("\n".join(lines), "docs/search.md", "exec"), names)
    assert len(examples) == 3
    assert next(iter(app.operations.page().operations)).run().done == 1
