"""What the facts about a server mean: each check can be content, and can complain."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from outrider.checkup.facts import Facts, Need, user_of
from outrider.checkup.judge import CHECKS, judge

GOOD = Facts(
    prefix="",
    user="app",
    roles=("worker",),
    info={
        "valkey_version": "9.1.2",
        "redis_version": "7.2.4",
        "maxmemory": "1000",
        "used_memory": "500",
        "maxmemory_policy": "noeviction",
        "aof_enabled": "1",
        "aof_last_write_status": "ok",
        "rdb_last_bgsave_status": "ok",
        "role": "master",
        "connected_slaves": "0",
        "cluster_enabled": "0",
    },
    settings={"appendfsync": "everysec", "save": "3600 1"},
    offset=0.2,
)
REDIS = {"valkey_version": "", "redis_version": "7.0.0"}


def changed(info: dict[str, str], **others: Any) -> Facts:
    """The good facts with these in their place."""
    return replace(GOOD, info={**GOOD.info, **info}, **others)


def test_all_is_well() -> None:
    """A good server is good by every check, and each check has a name of its own."""
    found = judge(GOOD)
    assert {one.level for one in found} == {"ok"}
    assert len({one.check for one in found}) == len(CHECKS)


def test_nothing_is_known() -> None:
    """Where INFO is refused no check is content but that of permissions, and each says why."""
    found = {one.check: one for one in judge(replace(GOOD, info={}, offset=None))}
    assert found.pop("permissions").level == "ok"
    assert {one.level for one in found.values()} == {"unknown"}
    assert {one.advice for one in found.values()} == {"let user 'app' call INFO"}


NEED = [Need("command", "hset", []), Need("key", "o:claims:*", [])]
MANY = [
    Need("command", word, []) for word in ("del", "hget", "hset", "lpush", "set", "zadd", "zrem")
]
JUDGED: list[tuple[Facts, str, str, str]] = [
    (changed({"valkey_version": "7.1.9"}), "version", "error", "Valkey 7.1.9 is too old"),
    (changed(REDIS | {"redis_version": "6.2.20"}), "version", "error", "Redis 6.2.20 is too old"),
    (changed(REDIS), "version", "ok", "Redis 7.0.0"),
    (changed(REDIS | {"dragonfly_version": "df-v1.2.3"}), "version", "warning", "is not Valkey or"),
    (changed({"valkey_version": "8.1.3"}), "security", "warning", "CVE-2025-49844"),
    (changed({"valkey_version": "8.1.4"}), "security", "warning", "CVE-2026-23479"),
    (changed({"valkey_version": "8.1.7"}), "security", "ok", "no known hole"),
    (changed({"valkey_version": "9.0.3"}), "security", "warning", "update to 9.0.4"),
    (changed({"valkey_version": "9.1.0"}), "security", "ok", ""),
    (changed(REDIS), "security", "warning", "update to a newer line"),
    (changed(REDIS | {"redis_version": "8.2.6"}), "security", "ok", ""),
    (changed(REDIS | {"redis_version": "8.2.5"}), "security", "warning", "update to 8.2.6"),
    (changed(REDIS | {"redis_version": "8.8.0"}), "security", "ok", ""),
    (changed({"maxmemory_policy": "allkeys-lru"}), "eviction", "error", "throws jobs away"),
    (changed({"maxmemory_policy": "volatile-ttl"}), "eviction", "error", "set maxmemory-policy"),
    (
        changed({"maxmemory_policy": "allkeys-lru", "maxmemory": "0"}),
        *("eviction", "warning", "before somebody sets a limit"),
    ),
    (changed({"used_memory": "900"}), "memory", "warning", "refuses new jobs"),
    (changed({"maxmemory": "0"}), "memory", "ok", "no limit"),
    (changed({"aof_enabled": "0"}), "persistence", "warning", "since the last save"),
    (
        changed({"aof_enabled": "0"}, settings={"save": ""}),
        *("persistence", "warning", "nothing is kept"),
    ),
    (changed({}, settings={"appendfsync": "no"}), "persistence", "warning", "appendfsync no"),
    (changed({}, settings={"appendfsync": "always"}), "persistence", "ok", "loses nothing"),
    (changed({}, settings={}), "persistence", "ok", "CONFIG GET appendfsync is not allowed"),
    (
        changed({"aof_last_write_status": "err"}),
        "persistence",
        "warning",
        "appending to disk failed",
    ),
    (changed({"rdb_last_bgsave_status": "err"}), "persistence", "warning", "saving to disk failed"),
    (changed({"role": "slave"}), "replication", "error", "this is a replica"),
    (changed({"connected_slaves": "2"}), "replication", "warning", "; set min-replicas-to-write"),
    (changed({"connected_slaves": "1"}), "replication", "warning", "; have a second replica"),
    (
        changed({"connected_slaves": "2", "min_slaves_good_slaves": "2"}),
        *("replication", "ok", "a primary with 2 replicas"),
    ),
    (changed({}, offset=3.25), "clock", "warning", "3.2 s ahead of ours: jobs that are delayed"),
    (changed({}, offset=-90.0), "clock", "warning", "behind ours"),
    (changed({}, offset=3.25, doubt=3.0), "clock", "ok", ""),
    (changed({"cluster_enabled": "1"}), "cluster", "error", "has no hash tag"),
    (changed({"cluster_enabled": "1"}, prefix="{}:"), "cluster", "error", "has no hash tag"),
    (changed({"cluster_enabled": "1"}, prefix="{a}:"), "cluster", "ok", "in the slot of '{a}:'"),
    (
        changed({"cluster_enabled": "1"}, prefix="{a}:", trouble="MOVED 1 h:2"),
        *("cluster", "error", "lie on another node"),
    ),
    (
        changed({}, refused=NEED),
        *("permissions", "error", "user 'app' may not call hset (needed by ack, arm, beat and"),
    ),
    (changed({}, refused=NEED), "permissions", "error", "may not touch o:claims:*"),
    (changed({}, refused=MANY), "permissions", "error", "and 2 commands more"),
    (changed({}, trouble="NOPERM eval"), "permissions", "error", "can't run scripts: NOPERM eval"),
    (changed({}, trouble="nil acl_check_cmd"), "permissions", "unknown", "can't tell"),
]


@pytest.mark.parametrize(("facts", "check", "level", "words"), JUDGED)
def test_what_is_found(facts: Facts, check: str, level: str, words: str) -> None:
    """A line says what is wrong, with what, and what to do."""
    [found] = [one for one in judge(facts) if one.check == check]
    assert found.level == level
    assert words in str(found)
    assert bool(found.advice) >= (level in ("warning", "error"))


USERS = [
    ("redis://h", "default"),
    ("redis://:secret@h", "default"),
    ("redis://me:secret@h", "me"),
    ("unix://m%65:secret@/a.sock", "me"),
    ("unix:///a.sock?username=me&password=x", "me"),
]


@pytest.mark.parametrize(("url", "user"), USERS)
def test_the_user_is_the_urls(url: str, user: str) -> None:
    """It is named without asking the server, which few users may."""
    assert user_of(url) == user
