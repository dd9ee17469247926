"""How much memory a process holds, where /proc tells it."""

from __future__ import annotations

import os
from pathlib import Path

MB = 1024


def rss_kb(pid: int) -> int:
    """Resident memory of a process in kB; 0 when it is gone, or where there is no /proc."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024
