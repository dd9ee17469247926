"""docs/api.md tells the truth: it names all that the API has, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

from outrider.web import auth
from outrider.web.api import ENDPOINTS
from outrider.web.principals import PERMISSIONS

TEXT = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")
ROWS = [row for row in TEXT.splitlines() if re.match(r"\| `(GET|POST) ", row)]


def test_every_path_is_told() -> None:
    """Each by its last word, on a line that begins with its first."""
    for one in ENDPOINTS:
        first = re.match(r"/[a-z]+", one.path)
        assert first is not None
        last = re.sub(r"^/|\{set\}/", "", re.split(r"(?=:)|/(?=[a-z{]*$)", one.path)[-1])
        assert any(first[0] in row and last in row for row in ROWS), one.path


def test_no_path_is_told_that_there_is_not() -> None:
    """Whatever follows a slash or a colon in the table is part of some path."""
    parts = set(re.findall(r"[/:][a-z-]+", " ".join(one.path for one in ENDPOINTS)))
    for row in ROWS:
        for code in re.findall(r"`((?:GET |POST )?[/…:][^`]*)`", row.partition(" | ")[0]):
            told = re.findall(r"[/:][a-z-]+", code)
            assert set(told) <= parts | {"/scheduled", "/retries", "/dead", "/metrics"}, code


def test_permissions_are_told() -> None:
    """All there are, in the paragraph about them."""
    told = re.search(r"Permissions: (.*?)\. An\s", TEXT, re.DOTALL)
    assert told is not None
    assert set(re.findall(r"`([\w.]+)`", told[1])) == PERMISSIONS


def test_ways_to_be_known_are_told() -> None:
    """Each name in the table is a function of `outrider.web.auth`."""
    told = re.findall(r"^\| `(\w+)\(", TEXT, re.MULTILINE)
    assert told == ["bearer", "basic", "proxy", "first_of"]
    assert all(callable(getattr(auth, name)) for name in told)
