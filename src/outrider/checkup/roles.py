"""The roles that users of the server have, and the operations that each role performs.

The table says which scripts and plain commands, and a test compares it with what the modules of
each role call; what these need is read from the scripts (`rights.py`).
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from outrider import store
from outrider.checkup import rights
from outrider.checkup.rights import Rights
from outrider.script import SCRIPTS


class Role(NamedTuple):
    """What somebody does on the server: `scripts` by name, `plain` as `COMMAND kind of key`."""

    task: str
    scripts: frozenset[str]
    plain: frozenset[str]


def _role(task: str, scripts: str, plain: str, *others: Role) -> Role:
    listed = [one.strip() for one in plain.split(",")]
    return Role(
        task,
        frozenset(scripts.split()).union(*(other.scripts for other in others)),
        frozenset(listed).union(*(other.plain for other in others)),
    )


_PRODUCER = _role(
    "enqueue jobs, make, add to and cancel batches, read and await their status",
    """cancel cancel_members cancelled catalogue commit listen picture purge push release renew
    reserve stage""",
    """GETRANGE slots, HEXISTS batch, HGET batch, HGETALL batch, HKEYS owners, HSCAN claims,
    HSCAN kids, PSUBSCRIBE progress, SUBSCRIBE progress, UNLINK staged, WAIT, WAITAOF,
    ZCARD batches, ZRANGE leases""",
)
ROLES = {
    "producer": _PRODUCER,
    "worker": _role(
        "run jobs, which may do all that producers do",
        """ack arm beat check claim condemn deliver enlist farewell halt handback measure move
        operate orphans outstanding overview permitted promote queued reap recall relieve restore
        review rummage sample survey timed turn upkeep""",
        """BLMOVE queue, GET tokens, HEXISTS claims, HGETALL operation, INFO,
        LLEN dead held queue retry schedule, SMEMBERS heldnames, SMEMBERS paused, SMEMBERS queues,
        SUBSCRIBE news, ZADD audit, ZCARD dead held queue retry schedule, ZRANGE moving""",
        _PRODUCER,
    ),
    "console": _role(
        "look at everything; pause, retry, delete, cancel; quiet and stop workers",
        """begin boards bringback cancel cancel_members cancelled catalogue clear dispose forget
        halt mark move operate overview permitted picture prune purge queued recent remove requeue
        restore roll rummage seek signal timed waiting""",
        """GETRANGE slots, HGET batch, HGET measured, HGET sampled, HGETALL batch, HGETALL measured,
        HGETALL operation, HGETALL sampled, HGETALL totals, HKEYS kids, HKEYS owners, HSCAN claims,
        HSCAN kids, INFO, LLEN dead held queue retry schedule, MGET stat, PSUBSCRIBE progress,
        SADD paused pausednames, SISMEMBER paused pausednames, SMEMBERS heldnames,
        SMEMBERS queues, SREM paused pausednames, SUBSCRIBE news progress,
        SUNION heldnames pausednames, ZCARD batches, ZCARD dead held queue retry schedule,
        ZCARD trash, ZRANGE leases, ZRANGE marks, ZRANGE moving""",
    ),
}


@cache
def rights_of(*names: str) -> Rights:
    """What a user with these roles must be allowed."""
    return rights.union(
        part
        for name in names
        for part in (
            *(_script_rights(script) for script in ROLES[name].scripts),
            *(rights.of_command(words) for words in ROLES[name].plain),
        )
    )


def scripts_with(names: Iterable[str], word: str) -> list[str]:
    """The scripts of these roles that call a command, sorted by name."""
    scripts = {script for name in names for script in ROLES[name].scripts}
    return sorted(one for one in scripts if word in _script_rights(one).commands)


@cache
def _script_rights(name: str) -> Rights:
    if name not in SCRIPTS:  # a module of operations is known only once it is imported
        for module in pkgutil.iter_modules(store.__path__):
            importlib.import_module(f"{store.__name__}.{module.name}")
    return rights.of_script(SCRIPTS[name]().source)
