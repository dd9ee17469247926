"""What no committed file may hold, whatever its kind."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.house.tree import PACKAGE, ROOT, report

LOCKS = frozenset(
    {"uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "package-lock.json", "yarn.lock"}
)

# Written in pieces, so that this file does not hold what it looks for.
ADDRESSES = re.compile(
    "|".join(
        [
            r"pypi\." + "org",
            r"python" + r"hosted\.org",
            r"registry\." + r"npmjs\.org",
            r"(?:deb|security|ftp)\." + r"debian\.org",
            r"--(?:extra-)?" + "index-url",
            r"--find" + "-links",
            r"\b(?:UV|PIP)_(?:DEFAULT_|EXTRA_)?" + "INDEX",
        ]
    ),
    re.IGNORECASE,
)
MACHINE_PATHS = re.compile(r"(?<![\w./~}-])/(?:" + r"work|root|home/\w+|Users/\w+)" + r"(?![\w-])")


def _ignored() -> list[str]:
    lines = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    named = [line.strip("/ ") for line in lines if line.strip() and line[0] not in "#!"]
    return [".git", ".tools", *named]


def _walk(folder: Path, ignored: list[str]) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if any(fnmatch(path.name, pattern) for pattern in ignored) or path.is_symlink():
            continue
        if path.is_dir():
            yield from _walk(path, ignored)
        else:
            yield path


def _texts() -> Iterator[tuple[str, str]]:
    for path in _walk(ROOT, _ignored()):
        try:
            yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture or the like


def _lines_with(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{name}:{number}: {found[0]}"
        for name, text in _texts()
        for number, line in enumerate(text.splitlines(), 1)
        if (found := pattern.search(line))
    ]


def test_no_registry_is_named() -> None:
    report(
        _lines_with(ADDRESSES),
        "Where packages come from is the affair of each machine's own settings; `make lock` "
        "writes requirements without addresses.",
    )


def test_no_path_of_one_machine() -> None:
    report(_lines_with(MACHINE_PATHS), "Write it relative to the repository, or as an example.")


def test_no_lock_file_of_another_tool() -> None:
    faults = [path.name for path in _walk(ROOT, _ignored()) if path.name in LOCKS]
    report(faults, "requirements/*.txt are the pins (`make lock`): delete this file.")


def test_every_requirement_has_a_hash() -> None:
    faults = []
    for path in sorted((ROOT / "requirements").glob("*.txt")):
        joined = path.read_text(encoding="utf-8").replace("\\\n", " ")
        faults += [
            f"{path.name}: {line.split()[0]}"
            for line in joined.splitlines()
            if line and not line.startswith("#") and "--hash=sha256:" not in line
        ]
    report(faults, "Write them by `make lock`, not by hand.")


def test_versions_agree() -> None:
    """version.py, from which the package takes its version, is one that the changelog has."""
    text = (PACKAGE / "version.py").read_text(encoding="utf-8")
    (spelled,) = re.findall(r'^VERSION = "(.+)"$', text, re.MULTILINE)
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{spelled}]" in changelog, f"CHANGELOG.md: no heading ## [{spelled}]"


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("see /ro" + "ot/thing", True),
        ('"/wo' + 'rk"', True),
        ("cd /ho" + "me/ann", True),
        ("GET /workers and /api/work", False),
        ("~/work, ./work, docs/work", False),
        ("one and/or both", False),
    ],
)
def test_the_path_rule_itself(text: str, wrong: bool) -> None:
    assert bool(MACHINE_PATHS.search(text)) is wrong
