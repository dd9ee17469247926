"""What a user of the server needs to be allowed, read from the scripts themselves.

The rights of a script are the commands in the functions that it reaches, and the keys that these
name. So a script that calls something new asks for it at once: in docs/security.md, in what
`outrider doctor --acl` prints, and in what a worker checks when it starts.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from outrider.keys import CHANNELS, TABLE, Keys

_PREAMBLE = re.compile(r"^local (?:prefix\b|key_|function (?:key|channel)_).*$", re.MULTILINE)
_COMMENT = re.compile(r"--.*$", re.MULTILINE)
_FUNCTION = re.compile(r"^local function (\w+)\(")
_NAME = re.compile(r"\w+")
_CALL = re.compile(r"\b(?:redis\.p?call|call_many)\(")
_WORD = re.compile(r"'([A-Z_]+)'")
_KEY = re.compile(r"\bkey_([a-z0-9]+)\b")
_CHANNEL = re.compile(r"\bchannel_([a-z]+)\b")
_SETS = frozenset({"schedule", "retry", "dead"})
_PLACES = _SETS | {"queue", "held", "staged", "claims"}
_CONTAINERS = {"PUBSUB"}
_OF_PROCESSES = {"process", "work", "workers", "signals"}
_IDENTITY = "*:[0-9]*:[0-9a-f]*"


class Rights(NamedTuple):
    """Commands, as an access list spells them, kinds of keys, and kinds of channels."""

    commands: frozenset[str]
    kinds: frozenset[str]
    channels: frozenset[str] = frozenset()

    def patterns(self, keys: Keys) -> list[str]:
        """Which keys these are, as patterns."""
        found = set()
        for kind in self.kinds:
            template = _IDENTITY if kind in _OF_PROCESSES else TABLE[kind].template
            found.add(keys.escaped + template.replace("{}", "*"))
        return sorted(found)

    def rules(self, keys: Keys) -> list[str]:
        """The words of ACL SETUSER that give these rights, and no others."""
        return [
            *("resetkeys", "resetchannels", "-@all"),
            *(f"~{pattern}" for pattern in self.patterns(keys)),
            *(f"&{keys.channels(kind)}" for kind in sorted(self.channels)),
            *(f"+{name}" for name in sorted(self.commands)),
        ]


# To connect, also to a primary that sentinels have named, and to send scripts: all users need it.
_BASE = Rights(
    frozenset({"eval", "evalsha", "select", "client|setname", "role"}),
    frozenset({"guard", "guard2"}),
)


def union(parts: Iterable[Rights]) -> Rights:
    """What all these need, and what a connection needs by itself."""
    commands, kinds, channels = set(_BASE.commands), set(_BASE.kinds), set(_BASE.channels)
    for part in parts:
        commands |= part.commands
        kinds |= part.kinds
        channels |= part.channels
    return Rights(frozenset(commands), frozenset(kinds), frozenset(channels))


def of_script(source: str) -> Rights:
    """What a script needs: its text as the server gets it."""
    text = _reached(_COMMENT.sub("", _PREAMBLE.sub("", source)))
    commands = {name for match in _CALL.finditer(text) for name in _called(text[match.end() :])}
    kinds = set(_KEY.findall(text))
    if re.search(r"\bprefix \.\. (?!')", text):  # a set whose name is given
        kinds |= _SETS
    if re.search(r"^local key = ARGV", source, re.MULTILINE):  # any key where jobs may lie
        kinds |= _PLACES
    return Rights(frozenset(commands), frozenset(kinds), frozenset(_CHANNEL.findall(text)))


def of_command(words: str) -> Rights:
    """What a plain command needs: `HGETALL batch`, with the kind of its key or channel."""
    command, *kinds = words.split()
    channels = frozenset(kinds) & CHANNELS.keys()
    return Rights(frozenset({command.lower()}), frozenset(kinds) - channels, channels)


def setuser(name: str, rights: Rights, keys: Keys) -> str:
    """The line for valkey-cli or redis-cli that makes a user; its password is to be filled in."""
    return shlex.join(["ACL", "SETUSER", name, "reset", "on", ">PASSWORD", *rights.rules(keys)])


def _reached(text: str) -> str:
    """The text without the functions that it never calls."""
    main, functions = _split(text)
    todo, seen, parts = [main], set[str](), []
    while todo:
        parts.append(todo.pop())
        for name in _NAME.findall(parts[-1]):
            if name in functions and name not in seen:
                seen.add(name)
                todo.append(functions[name])
    return "\n".join(parts)


def _split(text: str) -> tuple[str, Mapping[str, str]]:
    main: list[str] = []
    functions: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        begins = _FUNCTION.match(line)
        if begins:
            name = begins[1]
            functions[name] = ""
        if name:
            functions[name] += line + "\n"
        else:
            main.append(line)
        if line.rstrip() == "end" or (begins and line.rstrip().endswith(" end")):
            name = ""
    return "\n".join(main), functions


def _called(text: str) -> list[str]:
    """The commands that a call may mean: those spelled in its first argument."""
    depth, first = 0, ""
    for letter in text:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if depth < 0 or (depth == 0 and letter == ","):
            break
        first += letter
    names = _WORD.findall(first)
    if names and names[0] in _CONTAINERS:
        return [f"{names[0]}|{_WORD.findall(text)[1]}".lower()]
    return [name.lower() for name in names]
