"""The only module that asks what time it is."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now_ms() -> int:
    """Milliseconds since the epoch by this machine's clock."""
    return time.time_ns() // 1_000_000


def now() -> float:
    """Seconds since the epoch, rounded to milliseconds, as they stand in payloads."""
    return now_ms() / 1000


def utc(seconds: float) -> datetime:
    """The aware datetime of a time in a payload."""
    return datetime.fromtimestamp(seconds, UTC)


def utc_day(ms: int) -> str:
    """The UTC date that statistics of this moment are counted under, as YYYY-MM-DD."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d")
