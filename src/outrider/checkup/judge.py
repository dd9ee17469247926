"""What the facts mean: one finding a check. Pure; nothing here talks to a server."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal, NamedTuple

from outrider.checkup import roles
from outrider.checkup.facts import Facts
from outrider.checkup.flaws import Version, flaws_of

Level = Literal["ok", "warning", "error", "unknown"]
OLDEST: dict[str, Version] = {"Valkey": (7, 2), "Redis": (7, 0)}
_FULL = 0.9
_SECOND = 1.0
_HINT = "outrider doctor --acl ROLE prints the rule that a user needs"


class Finding(NamedTuple):
    """What a check found, and what to do about it."""

    check: str
    level: Level
    what: str
    advice: str = ""

    def __str__(self) -> str:
        return f"{self.what}; {self.advice}" if self.advice else self.what


def version(facts: Facts) -> Finding:
    """It is a server that the scripts are written for."""
    kind, number = kind_of(facts)
    told = f"{kind} {'.'.join(map(str, number))}"
    if not number:
        return _unknown("version", facts)
    if kind not in OLDEST:
        return Finding(
            "version",
            "warning",
            f"{kind} is not Valkey or Redis",
            "nobody has tried whether jobs are safe there",
        )
    if number < OLDEST[kind]:
        return Finding(
            "version", "error", f"{told} is too old", "use Valkey 7.2 or Redis 7.0, or newer"
        )
    return Finding("version", "ok", told)


def flaws(facts: Facts) -> Finding:
    """The release has no hole that scripts reach."""
    kind, number = kind_of(facts)
    if not number:
        return _unknown("security", facts)
    found = flaws_of(kind, number)
    if not found:
        return Finding("security", "ok", "no known hole that a script reaches")
    text = "; ".join(f"{flaw.name}: {flaw.what}" for flaw in found)
    repaired = max(flaw.repaired[kind].get(number[:2], 0) for flaw in found)
    newer = ".".join(map(str, (*number[:2], repaired))) if repaired else "a newer line"
    return Finding(
        "security",
        "warning",
        text,
        f"update to {newer}, unless your distributor has repaired this release",
    )


def eviction(facts: Facts) -> Finding:
    """No key is ever thrown away for lack of memory."""
    policy = facts.info.get("maxmemory_policy")
    if policy is None or "maxmemory" not in facts.info:
        return _unknown("eviction", facts)
    if policy == "noeviction":
        return Finding("eviction", "ok", "maxmemory-policy noeviction")
    if facts.info["maxmemory"] == "0":
        return Finding(
            "eviction",
            "warning",
            f"maxmemory-policy {policy}, but no maxmemory yet",
            "set maxmemory-policy noeviction, before somebody sets a limit",
        )
    return Finding(
        "eviction",
        "error",
        f"maxmemory-policy {policy}: when memory is full, the server throws jobs away",
        "set maxmemory-policy noeviction",
    )


def memory(facts: Facts) -> Finding:
    """There is room for more jobs."""
    if "used_memory" not in facts.info or "maxmemory" not in facts.info:
        return _unknown("memory", facts)
    used, limit = int(facts.info["used_memory"]), int(facts.info["maxmemory"])
    if not limit:
        return Finding("memory", "ok", f"{_mib(used)} used, no limit")
    told = f"{_mib(used)} of {_mib(limit)} used"
    if used < limit * _FULL:
        return Finding("memory", "ok", told)
    return Finding(
        "memory",
        "warning",
        told,
        "a full server refuses new jobs, and goes on with those that it has",
    )


def persistence(facts: Facts) -> Finding:
    """What is acknowledged is there after a crash of the server."""
    info, check = facts.info, "persistence"
    if "aof_enabled" not in info:
        return _unknown(check, facts)
    for name, what in (
        ("aof_last_write_status", "appending"),
        ("rdb_last_bgsave_status", "saving"),
    ):
        if info.get(name, "ok") != "ok":
            return Finding(
                check,
                "warning",
                f"the last {what} to disk failed",
                "look at the server's log and its disk: it may refuse to write",
            )
    if info["aof_enabled"] == "1":
        return _appending(facts.settings.get("appendfsync"))
    saves = facts.settings.get("save")
    if saves == "":
        return Finding(
            check,
            "warning",
            "nothing is kept: all jobs are lost when the server stops",
            "set appendonly yes",
        )
    return Finding(
        check,
        "warning",
        "no append-only file: a crash loses all jobs since the last save",
        "set appendonly yes",
    )


def _appending(fsync: str | None) -> Finding:
    check = "persistence"
    if fsync == "always":
        return Finding(check, "ok", "append-only file, appendfsync always: a crash loses nothing")
    if fsync == "no":
        return Finding(
            check,
            "warning",
            "append-only file, appendfsync no: a crash of the machine "
            "loses what the system had not written",
            "set appendfsync everysec",
        )
    if fsync is None:
        return Finding(check, "ok", "append-only file; CONFIG GET appendfsync is not allowed")
    return Finding(
        check,
        "ok",
        "append-only file, appendfsync everysec: a crash of the machine loses up to 2 s",
    )


def replication(facts: Facts) -> Finding:
    """It is a primary, and notices when it is cut off."""
    if "role" not in facts.info:
        return _unknown("replication", facts)
    replicas = int(facts.info.get("connected_slaves", 0))
    if facts.info["role"] != "master":
        return Finding(
            "replication",
            "error",
            "this is a replica, which takes no writes",
            "give the URL of its primary",
        )
    if replicas and "min_slaves_good_slaves" not in facts.info:
        # With a single one, the primary that follows would refuse all until the old one is back.
        second = "have a second replica, and " if replicas == 1 else ""
        return Finding(
            "replication",
            "warning",
            f"a primary that goes on without its replicas "
            f"({replicas}): what it takes while it is cut off is lost at the fail-over",
            f"{second}set min-replicas-to-write 1 and min-replicas-max-lag 10; or push what "
            'matters with durability="replicated"',
        )
    return Finding("replication", "ok", f"a primary with {replicas} replicas")


def time(facts: Facts) -> Finding:
    """The clocks agree. A delay is counted from the producer's clock and ends by the server's."""
    if facts.offset is None:
        return _unknown("clock", facts)
    off = max(0.0, abs(facts.offset) - facts.doubt)
    if off < _SECOND:
        return Finding("clock", "ok", "the same time as here, within a second")
    ahead = facts.offset > 0
    return Finding(
        "clock",
        "warning",
        f"the server's clock is {off:,.1f} s {'ahead of' if ahead else 'behind'} ours: jobs "
        f"that are delayed from here start so much too {'early' if ahead else 'late'}",
        "let both follow the same time server",
    )


def cluster(facts: Facts) -> Finding:
    """All keys of the app lie in one slot, so that a script may touch them."""
    if "cluster_enabled" not in facts.info:
        return _unknown("cluster", facts)
    if facts.info["cluster_enabled"] != "1":
        return Finding("cluster", "ok", "one server, no cluster")
    if not re.search(r"\{[^}]+\}", facts.prefix):
        return Finding(
            "cluster",
            "error",
            f"a cluster, and the prefix {facts.prefix!r} has no hash tag",
            "give App a prefix such as '{jobs}:'",
        )
    if "MOVED" in facts.trouble:
        return Finding(
            "cluster",
            "error",
            f"the keys of {facts.prefix!r} lie on another node",
            "give the URL of the node that serves their slot",
        )
    return Finding("cluster", "ok", f"a cluster; all keys lie in the slot of {facts.prefix!r}")


def permissions(facts: Facts) -> Finding:
    """The user may do all that its roles ask for."""
    who = f"user {facts.user!r}"
    if "acl_check_cmd" in facts.trouble:
        return Finding("permissions", "unknown", "the server can't tell what its users may do")
    if facts.trouble:
        return Finding("permissions", "error", f"{who} can't run scripts: {facts.trouble}", _HINT)
    if not facts.refused:
        return Finding("permissions", "ok", f"{who} may do all that a {_and(facts.roles)} does")
    words = [need.name for need in facts.refused if need.kind == "command"]
    patterns = [need.name for need in facts.refused if need.kind == "key"]
    parts = [f"may not call {word} ({_needed_by(facts, word)})" for word in words[:5]]
    parts += [f"and {len(words) - 5} commands more"] * (len(words) > 5)
    parts += [f"may not touch {', '.join(patterns[:5])}"] * bool(patterns)
    return Finding("permissions", "error", f"{who} {', '.join(parts)}", _HINT)


CHECKS: tuple[Callable[[Facts], Finding], ...] = (
    version,
    flaws,
    permissions,
    cluster,
    replication,
    eviction,
    memory,
    persistence,
    time,
)


def judge(facts: Facts) -> list[Finding]:
    """All findings, in the order of CHECKS."""
    return [check(facts) for check in CHECKS]


def _unknown(check: str, facts: Facts) -> Finding:
    advice = "" if facts.info else f"let user {facts.user!r} call INFO"
    return Finding(check, "unknown", "the server does not tell", advice)


def kind_of(facts: Facts) -> tuple[str, Version]:
    """What the server is, and its version; no version where it is not told."""
    for field, kind in (("valkey", "Valkey"), ("dragonfly", "Dragonfly"), ("redis", "Redis")):
        text = facts.info.get(f"{field}_version", "")
        if text:
            return kind, tuple(int(part) for part in re.findall(r"\d+", text)[:3])
    return "", ()


def _needed_by(facts: Facts, word: str) -> str:
    found = roles.scripts_with(facts.roles, word.partition(" ")[0])
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""
    return f"needed by {', '.join(found[:3])}{more}" if found else "sent by itself"


def _and(names: tuple[str, ...]) -> str:
    return " and a ".join(names)


def _mib(count: int) -> str:
    return f"{count / 2**20:,.0f} MiB"
