"""What the programs of dashboards have in common: they are told what to look at, line by line."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping


def serve(pages: Mapping[str, Callable[[], object]]) -> None:
    """Look at each page that is asked for, until nobody asks any more."""
    print("ready", flush=True)
    for line in sys.stdin:
        pages[line.strip()]()
        print("done", flush=True)
