"""Imports go downward only."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.house.table import EXEMPT, LAYERS
from tests.house.tree import TABLE, Source, matches, matches_any, report, sources

Place = tuple[int, str]  # the row, and the entry of it


def _place(module: str) -> Place | None:
    for row, entries in enumerate(LAYERS):
        for entry in entries:
            if matches(module, entry):
                return row, entry
    return None


def _may_import(importer: str, imported: str) -> bool:
    ours, theirs = _place(importer), _place(imported)
    if ours is None or theirs is None:
        return False
    return theirs[0] < ours[0] or (ours == theirs and ours[1].endswith("/*"))


def _resolve(name: str, member: str, modules: frozenset[str]) -> str | None:
    """The module below outrider that `from name import member` needs; None for another package."""
    top, _, rest = name.partition(".")
    if top != "outrider":
        return None
    inner = f"{rest}.{member}".strip(".")
    return inner if inner in modules else rest or "__init__"


def _imports(source: Source, modules: frozenset[str]) -> Iterator[tuple[int, str]]:
    for node in ast.walk(source.tree):
        found: list[str | None] = []
        if isinstance(node, ast.Import):
            found = [_resolve(name.name, "", modules) for name in node.names]
        elif isinstance(node, ast.ImportFrom):
            package = node.module or ""
            if node.level:
                inside = ["outrider", *source.module.split(".")]
                kept = len(inside) - node.level + (1 if source.is_package else 0)
                package = ".".join([*inside[:kept], *filter(None, [node.module])])
            found = [_resolve(package, name.name, modules) for name in node.names]
        for module in {module for module in found if module is not None}:
            yield getattr(node, "lineno", 0), module


def test_every_module_has_a_layer() -> None:
    faults = [source.name for source in sources() if _place(source.module) is None]
    report(faults, f"Add each to a row of LAYERS in {TABLE}: above all that it imports.")


def test_no_module_has_two_layers() -> None:
    entries = [entry for row in LAYERS for entry in row]
    faults = sorted({entry for entry in entries if entries.count(entry) > 1})
    report(faults, f"Each name may stand only once in LAYERS in {TABLE}.")


def test_imports_go_downward() -> None:
    modules = frozenset(source.module for source in sources())
    faults = [
        f"{source.name}:{line}: {source.module} imports {imported}"
        for source in sources()
        if not matches_any(source.module, EXEMPT)
        for line, imported in _imports(source, modules)
        if not _may_import(source.module, imported)
    ]
    report(
        faults,
        "A module may import only from rows below its own (type-only imports count). Move what is "
        f"shared down, pass it in as an argument, or edit LAYERS in {TABLE} if the order is wrong.",
    )


@pytest.mark.parametrize(
    ("importer", "imported", "allowed"),
    [
        ("script", "keys", True),
        ("keys", "script", False),
        ("store.queue", "store.batch", True),
        ("io.executor", "embedded.server", False),
        ("errors", "clock", False),
        ("client", "__init__", False),
        ("cli.main", "__init__", True),
        ("keys", "not_in_the_table", False),
    ],
)
def test_the_rule_itself(importer: str, imported: str, allowed: bool) -> None:
    assert _may_import(importer, imported) is allowed
