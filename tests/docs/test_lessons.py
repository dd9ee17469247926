"""The documents for maintainers name tests and faults that exist."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.simulator.faults import FAULTS

ROOT = Path(__file__).parents[2]
LESSONS = (ROOT / "docs" / "lessons.md").read_text("utf-8")
TESTING = (ROOT / "docs" / "testing.md").read_text("utf-8")
PLANTED = (ROOT / "docs" / "faults.md").read_text("utf-8")
NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")
ROW = re.compile(r"^\| ([PORN]\d+) \|(.*)\|$", re.MULTILINE)
ROWS = [(match[1], match[2]) for match in ROW.finditer(LESSONS)]


@cache
def docstrings(path: str) -> dict[str, str]:
    """The tests of a file, each with its docstring."""
    tree = ast.parse((ROOT / "tests" / path).read_text("utf-8"))
    return {
        node.name: ast.get_docstring(node) or ""
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def test_every_number_stands_once() -> None:
    """In order, so that a number is found, and none is given twice."""
    numbers = [number for number, _ in ROWS]
    assert len(set(numbers)) == len(numbers) > 90


@pytest.mark.parametrize(("number", "rest"), ROWS, ids=[number for number, _ in ROWS])
def test_each_lesson_is_held(number: str, rest: str) -> None:
    """By tests that exist and cite it; or a reason is given."""
    named = NAMED.findall(rest)
    if not named:
        assert "::" not in rest
        assert len(rest.rsplit("|", maxsplit=1)[-1].strip()) > 3, "neither a test nor a reason"
    for path, name in named:
        cited = re.findall(r"\b[PORN]\d+\b", docstrings(path)[name])
        assert number in cited, f"{path}::{name} does not cite {number}"


def test_faults_named_are_planted() -> None:
    """Each fault that docs/testing.md names is one of the simulator's."""
    _, _, table = TESTING.partition("| fault of theirs |")
    rows = re.findall(r"^\|[^|]*\|(.*)\|$", table, re.MULTILINE)
    named = [name for row in rows for name in re.findall(r"`([^`]+)`", row)]
    assert len(named) >= 11
    assert [name for name in named if name not in FAULTS] == []


def test_every_fault_is_listed() -> None:
    """docs/faults.md has a row for each, in their order, all found; docs/testing.md counts them."""
    rows = re.findall(r"^\| (.*) \| ([\d,]+) \| (.+) \|$", PLANTED, re.MULTILINE)
    assert [name for name, _, _ in rows] == list(FAULTS)
    assert f"it found {len(FAULTS)} of {len(FAULTS)}," in TESTING
