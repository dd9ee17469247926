"""Which operations of `store/` each part of the package uses, read from the sources.

The rights of a role are a table in `checkup/roles.py`; here they are worked out another way.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import outrider

PACKAGE = Path(outrider.__file__).parent

# What each role does, by the modules that do it.
MODULES = {
    "producer": (
        *("client", "delivery", "staging", "block", "hold", "batch", "membership", "buffer"),
        *("status", "barring", "waiting", "slots", "cancelling", "inspection/batches"),
    ),
    "worker": (
        *("worker", "context", "checkup", "outbox", "walk"),
        *("operations/driving", "operations/meant"),
    ),
    "console": (
        *("status", "barring", "waiting", "slots", "cancelling", "explain", "whereabouts"),
        *("reviving", "forgetting", "walk", "inspection", "search", "operations", "job", "cli"),
        *("metrics", "web"),
    ),
}
# A job may do what producers do.
INCLUDES = {"worker": ("producer",)}
WORDS = {"COUNT", "REV", "XX", "RIGHT", "LEFT", "GET"}

# A type variable, and error codes that are listed.
NO_COMMANDS = {"T", "LOADING", "NOSCRIPT", "BUSY"}


class Operation(NamedTuple):
    """A function of `store/`: a script, or plain commands with the kinds of keys they touch."""

    is_script: bool
    plain: frozenset[str]
    calls: frozenset[str]


def _strings(node: ast.AST) -> list[str]:
    return [
        n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)
    ]


def _kinds(node: ast.FunctionDef) -> list[str]:
    found = []
    for call in ast.walk(node):
        if (
            isinstance(call, ast.Call)
            and isinstance(call.func, ast.Name)
            and call.func.id == "keys"
        ):
            first = call.args[0]
            found += (
                ["schedule", "retry", "dead", "queue", "held"]
                if isinstance(first, ast.Starred)
                else _strings(first)
            )
    return sorted(set(found))


def operations() -> dict[str, Operation]:
    """All operations, by `module.name`."""
    found = {}
    for path in sorted((PACKAGE / "store").glob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if not isinstance(node, ast.FunctionDef):
                continue
            is_script = any("'script'" in ast.dump(one) for one in node.decorator_list)
            body = ast.Module(node.body[1:], [])
            words = [] if is_script else [w for w in _strings(body) if w.isupper()]
            heads = [word for word in words if word not in WORDS or words[0] == word]
            plain = {" ".join([word, *_kinds(node)]) for word in heads}
            calls = {f"{path.stem}.{n.id}" for n in ast.walk(body) if isinstance(n, ast.Name)}
            calls |= {f"queue.{n.attr}" for n in ast.walk(body) if isinstance(n, ast.Attribute)}
            found[f"{path.stem}.{node.name}"] = Operation(
                is_script, frozenset(plain), frozenset(calls)
            )
    return found


def uses() -> dict[str, set[str]]:
    """Which operations each module outside of `store/` names."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted(PACKAGE.rglob("*.py")):
        module = path.relative_to(PACKAGE).with_suffix("").as_posix()
        if module.startswith("store/"):
            continue
        tree = ast.parse(path.read_text())
        names: dict[str, str] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
                "outrider.store"
            ):
                home = (node.module or "").removeprefix("outrider.store").lstrip(".")
                names |= {n.asname or n.name: f"{home}.{n.name}".lstrip(".") for n in node.names}
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                found[module].add(f"{names.get(node.value.id)}.{node.attr}")
            elif isinstance(node, ast.Name):
                found[module].add(names.get(node.id, ""))
    return found


def needed(role: str) -> tuple[set[str], set[str]]:
    """The scripts and the plain commands of a role."""
    known, used = operations(), uses()
    modules = {m for one in (role, *INCLUDES.get(role, ())) for m in MODULES[one]}
    todo = {n for m, names in used.items() if {m, m.split("/")[0]} & modules for n in names}
    seen: set[str] = set()
    while todo:
        name = todo.pop()
        if name in known and name not in seen:
            seen.add(name)
            todo |= known[name].calls
    scripts = {name.partition(".")[2] for name in seen if known[name].is_script}
    return scripts, {plain for name in seen for plain in known[name].plain}


def scripts() -> set[str]:
    """All scripts."""
    return {name.partition(".")[2] for name, one in operations().items() if one.is_script}


def without_role() -> set[str]:
    """Modules that use an operation and are no role's."""
    known, roles = operations().keys(), {name for names in MODULES.values() for name in names}
    users = {module for module, names in uses().items() if names & known}
    return {module for module in users if not {module, module.split("/")[0]} & roles}


def sent_by_io() -> set[str]:
    """Commands that the modules of `io/` spell as the first word of something."""
    found = set()
    for path in sorted((PACKAGE / "io").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            items = node.elts if isinstance(node, ast.Tuple) else getattr(node, "args", [])
            first = items[0] if isinstance(items, list) and items else None
            if isinstance(first, ast.Constant) and str(first.value).isupper():
                found.add(str(first.value))
    return found - NO_COMMANDS
