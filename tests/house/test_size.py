"""Files and functions stay small."""

from __future__ import annotations

from tests.house.table import SRC_LIMITS, TEST_LIMITS
from tests.house.tree import (
    Function,
    Source,
    docstring,
    functions,
    report,
    sources,
    sources_of_tests,
)


def _length(node: Function) -> int:
    doc = docstring(node)
    doc_lines = 0 if doc is None else (doc.end_lineno or doc.lineno) - doc.lineno + 1
    return (node.end_lineno or node.lineno) - node.lineno + 1 - doc_lines


def _faults(files: tuple[Source, ...], limits: tuple[int, int]) -> list[str]:
    file_limit, function_limit = limits
    faults = []
    for source in files:
        count = len(source.text.splitlines())
        if count > file_limit:
            faults.append(f"{source.name}: {count} lines, at most {file_limit}")
        faults += [
            f"{source.name}:{node.lineno}: {node.name} has {_length(node)} lines, "
            f"at most {function_limit} without its docstring"
            for node in functions(source.tree)
            if _length(node) > function_limit
        ]
    return faults


def test_src() -> None:
    report(_faults(sources(), SRC_LIMITS), "Split them where a part has a name of its own.")


def test_tests() -> None:
    report(_faults(sources_of_tests(), TEST_LIMITS), "Split them, or move set-up into fixtures.")
