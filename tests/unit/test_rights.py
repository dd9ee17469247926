"""What users of the server must be allowed, read from the scripts; and who does what."""

from __future__ import annotations

import re
from importlib import import_module
from pkgutil import iter_modules

import pytest

from outrider import store
from outrider.checkup import rights
from outrider.checkup.roles import ROLES, rights_of, scripts_with
from outrider.keys import TABLE, Keys
from outrider.script import SCRIPTS
from tests.unit import uses

# Each stub enters its script when its module is imported.
for _module in iter_modules(store.__path__):
    import_module(f"outrider.store.{_module.name}")

SOURCE = """#!lua
local prefix = string.sub(KEYS[1], 1, -8)
local function key_queue(name) return prefix .. 'queue:' .. name end
local key_retry = prefix .. 'retry'
local key_dead = prefix .. 'dead'
local function channel_news(name) return prefix .. 'o:news:' .. name end
local function channel_progress(name) return prefix .. 'batch-' .. name end
local function call_many(command, key, values)
  redis.call(command, key, unpack(values))
end
local function used() return redis.pcall('HGET', key_retry, 'x') end
local function unused() return redis.call('DEL', key_dead) end
local function further()
  if used() then call_many('LPUSH', key_queue('a'), {}) end
  -- redis.call('FLUSHALL')
end
further()
redis.call(string.find('a', ':', 1, true) and 'LLEN' or 'ZCARD', 'x')
return redis.call('PUBSUB', 'NUMSUB', channel_news('c'))
"""


def test_what_a_script_reaches_counts() -> None:
    """Functions that are never called, comments and keys that are only spelled do not."""
    found = rights.of_script(SOURCE)
    assert found.commands == {"hget", "lpush", "llen", "zcard", "pubsub|numsub"}
    assert found.kinds == {"queue", "retry"}
    assert found.channels == {"news"}


@pytest.mark.parametrize("name", sorted(uses.scripts()))
def test_every_call_of_every_script_is_understood(name: str) -> None:
    """A command in a variable is one that `call_many` was given; anything else would be missed."""
    rights_of(*ROLES)  # now all of them are imported
    source = SCRIPTS[name]().source
    calls = re.findall(r"redis\.p?call\((\w+),", source)
    assert set(calls) <= {"command"}
    assert source.count("redis.call(command") == source.count("local function call_many(")


@pytest.mark.parametrize("role", ROLES)
def test_a_role_has_what_its_modules_use(role: str) -> None:
    """No script or command is missing there, and none is too many."""
    scripts, plain = uses.needed(role)
    both = {"INFO"} if role == "console" else set()
    extra = {"permitted"} if role == "console" else set()  # by doctor, through `checkup`
    assert ROLES[role].scripts == scripts | extra
    by_io = ("PSUBSCRIBE", "SUBSCRIBE", "WAIT")
    others = {words for words in ROLES[role].plain if not words.startswith(by_io)}
    assert others == (plain - {"CONFIG"}) | both


def test_every_module_that_uses_an_operation_has_a_role() -> None:
    """Else what it needs would be missed."""
    assert uses.without_role() == set()


def test_every_script_has_a_role() -> None:
    """Who adds one says who runs it, in checkup/roles.py."""
    assert uses.scripts() == {name for role in ROLES.values() for name in role.scripts}


def test_what_connections_send_is_known() -> None:
    """Commands that io/ sends by itself are allowed to those who send them."""
    to_sentinels = {"SENTINEL"}
    assert uses.sent_by_io() - to_sentinels == {
        *("EVAL", "EVALSHA", "PSUBSCRIBE", "ROLE", "SUBSCRIBE", "WAIT", "WAITAOF"),
    }


def test_the_rules_of_a_prefix() -> None:
    """Every key has the prefix, and signs that mean something in patterns are quoted."""
    rules = rights_of("worker").rules(Keys("a*[b]?:"))
    patterns = [rule[1:] for rule in rules if rule[0] in "~&"]
    assert all(pattern.startswith(r"a\*\[b\]\?:") for pattern in patterns)
    assert r"~a\*\[b\]\?:queue:*" in rules


@pytest.mark.parametrize(
    ("role", "channels"),
    [
        ("producer", ["&p:batch-*"]),
        ("worker", ["&p:o:news:*", "&p:batch-*"]),
        ("console", ["&p:o:news:*", "&p:batch-*"]),
    ],
)
def test_who_hears_what(role: str, channels: list[str]) -> None:
    """News have arguments of jobs in them: who only enqueues may not hear these."""
    assert [rule for rule in rights_of(role).rules(Keys("p:")) if rule[0] == "&"] == channels


def test_all_kinds_are_somebodys() -> None:
    """Every key of the table is touched by some role; together they need no more than these."""
    assert rights_of(*ROLES).kinds == TABLE.keys()


def test_nobody_may_do_what_no_script_does() -> None:
    """Commands with which a server is taken over or emptied are in no role."""
    forbidden = ("config", "flush", "keys", "acl", "debug", "module", "script", "shutdown", "scan")
    for role in ROLES:
        names = {name.partition("|")[0] for name in rights_of(role).commands}
        assert names.isdisjoint(forbidden)


def test_who_needs_a_command() -> None:
    """So that a refusal can say what does not work."""
    assert scripts_with(["worker"], "blmove") == []
    assert scripts_with(["worker"], "time") == ["beat", "check", "reap"]
