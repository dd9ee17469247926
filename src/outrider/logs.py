"""Log lines: for people on a terminal, JSON everywhere else.

A line about a job carries jid, job, queue, bid and elapsed (seconds). It carries no arguments but
those that the job allows (`log_arguments`); what an exception says is its own affair.
"""

from __future__ import annotations

import json
import logging
import sys

from outrider.errors import ConfigError
from outrider.words import printable

LEVELS = ("debug", "info", "warning", "error")
FIELDS = ("jid", "job", "queue", "bid", "elapsed", "error", "child", "tokens", "arguments")
_COLOURS = {"WARNING": "\x1b[33m", "ERROR": "\x1b[31m", "CRITICAL": "\x1b[31m"}


def configure(level: str) -> None:
    """Send the log of `outrider` to standard error; ConfigError for an unknown level."""
    if level not in LEVELS:
        raise ConfigError(f"log level {level!r}: choose one of {', '.join(LEVELS)}")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(HumanFormatter() if sys.stderr.isatty() else JsonFormatter())
    logger = logging.getLogger("outrider")
    logger.handlers[:] = [handler]
    logger.setLevel(level.upper())
    logger.propagate = False


def _fields(record: logging.LogRecord) -> dict[str, object]:
    return {name: value for name in FIELDS if (value := getattr(record, name, None)) is not None}


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON."""
        line: dict[str, object] = {
            "time": round(record.created, 3),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            "pid": record.process,
            **_fields(record),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class HumanFormatter(logging.Formatter):
    """Time, level, message, and what is known of the job.

    Names and messages of others come without control characters, which a terminal would obey.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The record as a coloured line."""
        colour = _COLOURS.get(record.levelname, "\x1b[36m")
        facts = " ".join(
            f"\x1b[2m{name}=\x1b[0m{printable(str(value))}"
            for name, value in _fields(record).items()
        )
        level = f"{colour}{record.levelname.lower():7}\x1b[0m"
        time = self.formatTime(record, "%H:%M:%S")
        line = f"\x1b[2m{time}\x1b[0m {level} {printable(record.getMessage())}  {facts}".rstrip()
        trace = self.formatException(record.exc_info) if record.exc_info else ""
        return "\n".join([line, *map(printable, trace.splitlines())])
