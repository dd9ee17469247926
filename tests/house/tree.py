"""The source tree as the house tests see it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "outrider"
TABLE = "tests/house/table.py"

Function = ast.FunctionDef | ast.AsyncFunctionDef
WITH_DOCSTRING = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Source:
    """One Python file. `module` is its name below `outrider`; '' for a file of the tests."""

    path: Path
    module: str
    is_package: bool

    @property
    def name(self) -> str:
        """The path as people write it."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @property
    def tree(self) -> ast.Module:
        return _parse(self.path)


@cache
def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def source(path: Path) -> Source:
    parts = list(path.relative_to(PACKAGE).with_suffix("").parts)
    is_package = parts[-1] == "__init__"
    if is_package and len(parts) > 1:
        parts.pop()
    return Source(path, ".".join(parts), is_package)


@cache
def sources() -> tuple[Source, ...]:
    """All Python files under src/outrider."""
    return tuple(source(path) for path in sorted(PACKAGE.rglob("*.py")))


@cache
def sources_of_tests() -> tuple[Source, ...]:
    """All Python files under tests."""
    return tuple(Source(path, "", False) for path in sorted((ROOT / "tests").rglob("*.py")))


def matches(module: str, entry: str) -> bool:
    """Whether `module` is meant by `entry`, a name or "package/*" of table.py."""
    package = entry.removesuffix("/*")
    return module == package or (entry != package and module.startswith(package + "."))


def matches_any(module: str, entries: tuple[str, ...]) -> bool:
    return any(matches(module, entry) for entry in entries)


def functions(tree: ast.Module) -> Iterator[Function]:
    for node in ast.walk(tree):
        if isinstance(node, Function):
            yield node


def docstring(node: ast.AST) -> ast.Constant | None:
    """The constant that is the docstring of `node`, if it has one."""
    if isinstance(node, WITH_DOCSTRING) and node.body and isinstance(node.body[0], ast.Expr):
        value = node.body[0].value
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            return value
    return None


def strings(tree: ast.Module) -> Iterator[ast.Constant]:
    """String literals, parts of f-strings too, but no docstrings."""
    docs = {id(docstring(node)) for node in ast.walk(tree)}
    for node in ast.walk(tree):
        if id(node) in docs or not isinstance(node, ast.Constant):
            continue
        if isinstance(node.value, str | bytes):
            yield node


def dotted(node: ast.expr, aliases: dict[str, str]) -> str:
    """`node` as a dotted name, its first word resolved by the imports; '' if it is none."""
    if isinstance(node, ast.Name):
        return aliases.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        before = dotted(node.value, aliases)
        return f"{before}.{node.attr}" if before else ""
    return ""


def aliases(tree: ast.Module) -> dict[str, str]:
    """What each imported name of a file stands for."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                found[name.asname or name.name.partition(".")[0]] = (
                    name.name if name.asname else name.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for name in node.names:
                found[name.asname or name.name] = f"{node.module}.{name.name}"
    return found


def uses(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """(line, resolved dotted name) of every name that a file uses or imports."""
    known = aliases(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute):
            yield node.lineno, dotted(node, known)
        elif isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ((node.lineno, f"{node.module}.{name.name}") for name in node.names)


def report(faults: list[str], advice: str) -> None:
    """Fails with all faults at once and what to do about them."""
    if faults:
        lines = [f"{len(faults)} against the house rules:", *faults, advice]
        pytest.fail("\n".join(lines), pytrace=False)
