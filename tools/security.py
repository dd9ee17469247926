"""Write the users of docs/security.md anew, from what the scripts need."""

from __future__ import annotations

import re
from pathlib import Path

from outrider.checkup.rights import setuser
from outrider.checkup.roles import ROLES, rights_of
from outrider.keys import Keys

PAGE = Path(__file__).parents[1] / "docs" / "security.md"


def main() -> None:
    """Replace the block after each role's mark."""
    text = PAGE.read_text("utf-8")
    for role in ROLES:
        block = f"<!-- {role} -->\n```\n{setuser(role, rights_of(role), Keys('jobs:'))}\n```"
        text = re.sub(
            rf"<!-- {role} -->\n```\n.*?\n?```", lambda _, new=block: new, text, flags=re.DOTALL
        )
    PAGE.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
