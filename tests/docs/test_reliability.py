"""docs/reliability.md: each promise is held by a test that exists, and its examples run."""

from __future__ import annotations

import ast
import re
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from outrider import App, current_job
from tests.app.runs import Runs

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "reliability.md").read_text("utf-8")
PROMISES = TEXT.partition("## The promises")[2].partition("\n## ")[0]
HEAD = "| fault | what happens | at most lost | at most doubled | recovery | test |"
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in PROMISES.splitlines()
    if line.startswith("|") and not line.startswith("|---") and line != HEAD
]
NAMED = re.compile(r"`([\w/]+\.py)(?:::(\w+))?`")
EXAMPLES = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@cache
def named_in(path: str) -> set[str]:
    """The tests of a file."""
    tree = ast.parse((ROOT / "tests" / path).read_text("utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_each_promise_is_held(row: list[str]) -> None:
    """A row says all that it must, and names tests of processes that exist."""
    fault, happens, lost, doubled, recovery, held = row
    assert all([fault, happens, lost, doubled, recovery])
    named = NAMED.findall(held)
    assert len(named) == held.count("`") // 2 > 0, "names no test"
    for path, name in named:
        assert path.startswith("process/")
        assert name.startswith("test_")
        assert name in named_in(path), f"{path} has no {name}"


def test_each_fault_stands_once() -> None:
    """The table is as long as it was."""
    faults = [row[0] for row in ROWS]
    assert len(set(faults)) == len(faults) >= 25


def test_examples(app: App) -> None:
    """They run, and do what is theirs once."""
    calls: list[Any] = []
    payments = SimpleNamespace(charge=lambda order, idempotency_key: calls.append(idempotency_key))
    database = SimpleNamespace(
        transaction=nullcontext,
        note_once=lambda jid: jid not in calls,
        add=lambda account, amount: calls.append((account, amount)),
    )
    names: dict[str, Any] = {
        "__name__": "shop",
        "app": app,
        "current_job": current_job,
        "payments": payments,
        "database": database,
        "render": str,
        "send_mail": lambda user, text: calls.append((user, text)),
    }
    for example in EXAMPLES:
        exec(example, names)
    jid = names["charge"].enqueue(1).jid
    names["credit"].enqueue(2, 3)
    names["remind"].enqueue(4)
    assert {run.end for run in Runs(app).run_all()} == {"success"}
    assert calls == [jid, (2, 3), (4, "4")]
    assert len(EXAMPLES) == 3
