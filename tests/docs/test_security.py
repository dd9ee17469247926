"""docs/security.md tells the truth: the users that it gives are those that the scripts ask for."""

from __future__ import annotations

from pathlib import Path

import pytest

from outrider.checkup.rights import setuser
from outrider.checkup.roles import ROLES, rights_of
from outrider.keys import Keys

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("role", ROLES)
def test_the_smallest_users_are_up_to_date(role: str) -> None:
    """`python tools/security.py` writes them anew."""
    text = (ROOT / "docs/security.md").read_text("utf-8")
    line = setuser(role, rights_of(role), Keys("jobs:"))
    assert f"<!-- {role} -->\n```\n{line}\n```" in text
    assert f"| `{role}` | {ROLES[role].task} |" in text
