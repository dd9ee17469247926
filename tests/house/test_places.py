"""Things that only one place may do, and things that none may."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable

from tests.house.table import (
    KEY_HEADS,
    MAY_IMPORT_REDIS,
    MAY_READ_CLOCK,
    MAY_READ_ENVIRON,
    MAY_SLEEP,
    MAY_SPELL_KEYS,
)
from tests.house.tree import (
    PACKAGE,
    ROOT,
    TABLE,
    aliases,
    dotted,
    matches_any,
    report,
    sources,
    sources_of_tests,
    strings,
    uses,
)

ENVIRON = frozenset({"os.environ", "os.environb", "os.getenv", "os.getenvb", "os.putenv"})
CLOCKS = frozenset(
    {
        "time.time",
        "time.time_ns",
        "time.clock_gettime",
        "time.gmtime",
        "time.localtime",
        "datetime.datetime.now",
        "datetime.datetime.utcnow",
        "datetime.datetime.today",
        "datetime.date.today",
    }
)
DANGERS = frozenset(
    {
        "eval",
        "exec",
        "builtins.eval",
        "builtins.exec",
        "yaml.load",
        "yaml.unsafe_load",
    }
)
DANGEROUS_MODULES = frozenset({"pickle", "cPickle", "_pickle", "marshal", "shelve", "dill"})
LUA_STRING = re.compile(r"""(?<!@include )(['"])(.*?)\1""")


def _used(entries: tuple[str, ...], wrong: Callable[[str], bool]) -> list[str]:
    """Uses of names that are `wrong`, outside of the modules that `entries` allow."""
    found = {
        f"{source.name}:{line}: {name}"
        for source in sources()
        if not matches_any(source.module, entries)
        for line, name in uses(source.tree)
        if wrong(name)
    }
    return sorted(found)


def _is_key(text: str) -> bool:
    return text.startswith(KEY_HEADS) and not re.search(r"\s", text)


def test_only_io_knows_redis() -> None:
    report(
        _used(MAY_IMPORT_REDIS, lambda name: name.partition(".")[0] == "redis"),
        "Make a Call (store/) and let io.Executor perform it; turn redis errors into ours in io/.",
    )


def test_only_config_reads_the_environment() -> None:
    report(
        _used(MAY_READ_ENVIRON, ENVIRON.__contains__),
        f"Add a setting to config.py and pass it in, or edit MAY_READ_ENVIRON in {TABLE}.",
    )


def test_only_clock_reads_the_time() -> None:
    report(
        _used(MAY_READ_CLOCK, CLOCKS.__contains__),
        "Use outrider.clock, so that tests can set the time; time.monotonic() is free to all.",
    )


def test_nothing_runs_data() -> None:
    report(
        _used((), lambda n: n in DANGERS or n.partition(".")[0] in DANGEROUS_MODULES),
        "Payloads come from outside: decode them as JSON or MessagePack, never as code.",
    )


def test_only_keys_spells_keys() -> None:
    faults = []
    for source in sources():
        for node in strings(source.tree):
            text = node.value.decode("latin-1") if isinstance(node.value, bytes) else node.value
            if not matches_any(source.module, MAY_SPELL_KEYS) and _is_key(str(text)):
                faults.append(f"{source.name}:{node.lineno}: {text!r}")
    for path in sorted(PACKAGE.rglob("*.lua")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            code = line.partition("--")[0]
            faults += [
                f"{path.relative_to(ROOT)}:{number}: {found[2]!r}"
                for found in LUA_STRING.finditer(code)
                if _is_key(found[2])
            ]
    report(faults, "Add the key to TABLE in keys.py; use Keys in Python and key_NAME in Lua.")


def test_no_test_sleeps() -> None:
    faults = []
    for source in sources_of_tests():
        if source.name.startswith(MAY_SLEEP):
            continue
        known = aliases(source.tree)
        for node in ast.walk(source.tree):
            if not isinstance(node, ast.Call) or not _sleeps(dotted(node.func, known)):
                continue
            if not (
                node.args and isinstance(node.args[0], ast.Constant) and not node.args[0].value
            ):
                faults.append(f"{source.name}:{node.lineno}")
    report(
        faults,
        "Wait for the thing itself (an event, a reply, a clock that the test moves); sleep(0) is "
        f"fine. A test of real processes goes where MAY_SLEEP in {TABLE} says.",
    )


def _sleeps(name: str) -> bool:
    return name.rpartition(".")[2] == "sleep"
