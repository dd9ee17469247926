"""Every Lua operation has one typed stub, and every library file a user."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

from tests.house.table import STUB_DECORATORS
from tests.house.tree import PACKAGE, ROOT, Function, dotted, functions, report, sources

LUA = PACKAGE / "lua"
INCLUDE = re.compile(r'^--- @include "(.*)"$', re.MULTILINE)
ANY_INCLUDE = re.compile(r"^.*@include.*$", re.MULTILINE)


def _lua_files() -> list[Path]:
    return sorted(LUA.rglob("*.lua"))


def _name(path: Path) -> str:
    """As an include spells it."""
    return path.relative_to(LUA).with_suffix("").as_posix()


def _operations() -> dict[str, Path]:
    return {path.stem: path for path in _lua_files() if not _name(path).startswith("lib/")}


def _is_stub(node: Function) -> bool:
    called = [d.func if isinstance(d, ast.Call) else d for d in node.decorator_list]
    return any(dotted(name, {}).partition(".")[0] in STUB_DECORATORS for name in called)


def _stubs() -> Counter[str]:
    return Counter(
        node.name
        for source in sources()
        if source.module.startswith("store")
        for node in functions(source.tree)
        if _is_stub(node)
    )


def _includes(path: Path) -> list[str]:
    return INCLUDE.findall(path.read_text(encoding="utf-8"))


def test_every_operation_has_one_stub() -> None:
    stubs = _stubs()
    faults = [
        f"{path.relative_to(ROOT)}: {stubs[name]} stubs"
        for name, path in _operations().items()
        if stubs[name] != 1
    ]
    report(faults, "Write exactly one @script function of the same name in outrider/store/*.py.")


def test_every_stub_has_an_operation() -> None:
    faults = sorted(_stubs().keys() - _operations().keys())
    report(faults, "Write src/outrider/lua/NAME.lua for each, or remove the @script function.")


def test_operations_have_different_names() -> None:
    names = Counter(path.stem for path in _lua_files() if not _name(path).startswith("lib/"))
    report([name for name, count in names.items() if count > 1], "Rename all but one.")


def test_every_include_exists() -> None:
    faults = [
        f"{path.relative_to(ROOT)}: {include}"
        for path in _lua_files()
        for include in _includes(path)
        if not (LUA / f"{include}.lua").is_file()
    ]
    for path in _lua_files():
        lines = ANY_INCLUDE.findall(path.read_text(encoding="utf-8"))
        faults += [f"{path.relative_to(ROOT)}: {line}" for line in lines if not INCLUDE.match(line)]
    report(
        faults, 'An include is a line --- @include "lib/NAME" for src/outrider/lua/lib/NAME.lua.'
    )


def test_every_library_file_is_used() -> None:
    """Used by an operation, straight or through another library file."""
    todo = list(_operations().values())
    reached: set[Path] = set()
    while todo:
        path = todo.pop()
        if path in reached or not path.is_file():
            continue
        reached.add(path)
        todo += [LUA / f"{include}.lua" for include in _includes(path)]
    faults = [str(path.relative_to(ROOT)) for path in _lua_files() if path not in reached]
    report(faults, "Include it where it is needed, or delete it.")
