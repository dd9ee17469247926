"""Who asks, and what he may do."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, get_args

from outrider.errors import ConfigError

Permission = Literal[
    "read",
    "jobs.retry",
    "jobs.delete",
    "jobs.kill",
    "jobs.reveal",
    "jobs.enqueue",
    "queues.pause",
    "queues.clear",
    "batches.retry",
    "batches.cancel",
    "batches.delete",
    "processes.signal",
    "operations.cancel",
    "trash.restore",
    "trash.empty",
    "marks.make",
    "server.read",
]
PERMISSIONS: frozenset[str] = frozenset(get_args(Permission))
"""Everything there is to allow. `jobs.reveal`: see, and search for, what redaction hides."""

READ_ONLY: frozenset[str] = frozenset({"read"})


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who asks: a name for the log, and what he may do, everything by default.

    Raises ConfigError for a permission that there is not.
    """

    name: str
    permissions: Collection[str] = PERMISSIONS

    def __post_init__(self) -> None:
        given = (self.permissions,) if isinstance(self.permissions, str) else self.permissions
        if unknown := set(given) - PERMISSIONS:
            raise ConfigError(
                f"there is no permission {', '.join(sorted(unknown))}: "
                f"choose from {', '.join(sorted(PERMISSIONS))}"
            )
        object.__setattr__(self, "permissions", frozenset(given))

    def may(self, permission: str) -> bool:
        """Whether he may do this."""
        return permission in self.permissions
