"""Lua operations as typed Python values.

A stub in `store/` gives an operation's name, parameters and result; the Lua file of the same name
gives its body. `@script` ties them: the signature *is* the contract, and what the Lua code sees as
local variables is generated from it, so that positions can never disagree. Calling a stub does no
input or output: it returns a `Call`, a value that `io.Executor` performs.

Parameters travel by annotation: `int` arrives as a number, `str` and `bytes` as a string, anything
else (lists, tuples) as a Lua table by MessagePack. Inside those, texts must be `str`: the server's
MessagePack knows no bytes.
"""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources
from typing import (
    Any,
    Concatenate,
    Generic,
    NamedTuple,
    ParamSpec,
    TypeVar,
    get_type_hints,
)

import msgspec

from outrider.keys import CHANNELS, GUARD, TABLE, Keys

T = TypeVar("T")
P = ParamSpec("P")
Word = str | bytes | int | float
BYTES = 1 << 18
"""How many bytes of payloads a script may read, which has to be brief."""
FIRST = 8
LANE = (("lane", str), ("number", int), ("digest", bytes))

_INCLUDE = re.compile(r'^--- @include "([\w/]+)"\n', re.MULTILINE)
_KEY = re.compile(r"\bkey_([a-z0-9]+)\b")
_CHANNEL = re.compile(r"\bchannel_([a-z]+)\b")
_pack = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua operation, ready to be sent."""

    name: str
    source: str
    sha: str


class Ticket(NamedTuple):
    """A laned request's place on its lane: sent again with it, by anyone, it counts once."""

    lane: str
    number: int
    digest: str


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request as a value: what to send, and how to read the answer.

    `script` is None for a plain command, whose words are all in `words`. Every Call may be sent
    twice with the effect of once. A script that is not so by nature takes a request number from
    its caller, or is `laned`: the executor then adds lane, number and digest of the connection,
    or the `ticket` that the Call has been given. `arguments` are what its stub was called with.
    `patience` is for how many seconds it is tried again, where that is less than the executor's.
    `durable` is what to wait for when it is done: "replicated", "fsync" or both.
    """

    script: Script | None
    words: tuple[Word, ...]
    decode: Callable[[Any], T]
    laned: bool = False
    arguments: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    ticket: Ticket | None = None
    patience: float | None = None
    durable: tuple[str, ...] = ()

    def lasting(self, wishes: Collection[str]) -> Call[T]:
        """The same, done only when what it writes lasts as is wished."""
        return replace(self, durable=tuple(sorted(wishes))) if wishes else self


class Look(NamedTuple, Generic[T]):
    """Requests that go in one piece, and how to read the answers."""

    calls: Sequence[Call[Any]]
    read: Callable[[list[Any]], T]


def portion(count: int, size: int, most: int) -> int:
    """How many payloads the next page of a scan may have, after one of `count` with `size` bytes.

    Nobody can tell how large they are before he has read some: it begins with FIRST.
    """
    return min(most, max(FIRST, min(8 * count, count * BYTES // (size + 1))))


def command(*words: Word, decode: Callable[[Any], T]) -> Call[T]:
    """A plain server command as a Call."""
    return Call(None, words, decode)


Stub = Callable[Concatenate[Keys, P], T]
Maker = Callable[Concatenate[Keys, P], Call[T]]
_READ: dict[Any, Callable[[Any], Any]] = {bool: bool, int: int, type(None): lambda _: None}


def script(
    *, decode: Callable[[Any], Any] | None = None, laned: bool = False
) -> Callable[[Stub[P, T]], Maker[P, T]]:
    """Turn a typed stub into a maker of Calls for the Lua file of the same name.

    `decode` reads the server's answer where the annotation (int, bool, None, or as it is) does not
    say enough.
    """

    def wrap(stub: Stub[P, T]) -> Maker[P, T]:
        hints = get_type_hints(stub)
        names = list(inspect.signature(stub).parameters)[1:]
        packed = [hints[name] not in (int, str, bytes) for name in names]
        parameters = [*(LANE if laned else ()), *((name, hints[name]) for name in names)]
        read = decode or _READ.get(hints["return"], lambda answer: answer)
        load = cache(lambda: _load(stub.__name__, parameters))
        SCRIPTS[stub.__name__] = load

        def build(keys: Keys, /, *_: P.args, **kwargs: P.kwargs) -> Call[T]:
            given: list[Any] = [kwargs[name] for name in names]
            words = [_pack(v) if pack else v for v, pack in zip(given, packed, strict=True)]
            return Call(load(), (*keys.guards, *words), read, laned, kwargs)

        build.__doc__ = stub.__doc__
        return build

    return wrap


SCRIPTS: dict[str, Callable[[], Script]] = {}


def _load(name: str, parameters: list[tuple[str, Any]]) -> Script:
    """Join shebang, generated preamble, includes and body into the text that the server gets."""
    folder = resources.files("outrider") / "lua"
    body = (folder / f"{name}.lua").read_text("utf-8")
    seen: list[str] = []

    def include(match: re.Match[str]) -> str:
        if match[1] in seen:
            return ""
        seen.append(match[1])
        text = (folder / f"{match[1]}.lua").read_text("utf-8")
        return _INCLUDE.sub(include, text)

    shebang, body = body.split("\n", 1)
    if not shebang.startswith("#!lua"):
        raise ValueError(f"lua/{name}.lua must begin with a #!lua line")
    body = _INCLUDE.sub(include, body)
    source = "\n".join([shebang, *_key_lines(body), *_parameter_lines(parameters), body])
    return Script(name, source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest())


def _key_lines(body: str) -> list[str]:
    lines = [f"local prefix = string.sub(KEYS[1], 1, -{len(GUARD) + 1})"]
    templates = {f"key_{kind}": TABLE[kind].template for kind in _KEY.findall(body)}
    templates |= {f"channel_{kind}": CHANNELS[kind] for kind in _CHANNEL.findall(body)}
    for name in sorted(templates):
        before, blank, after = templates[name].partition("{}")
        if blank:
            text = f"prefix .. '{before}' .. name .. '{after}'"
            lines.append(f"local function {name}(name) return {text} end")
        else:
            lines.append(f"local {name} = prefix .. '{before}'")
    return lines


def _parameter_lines(parameters: list[tuple[str, Any]]) -> list[str]:
    reads = {int: "tonumber(ARGV[{}])", str: "ARGV[{}]", bytes: "ARGV[{}]"}
    return [
        f"local {name} = " + reads.get(kind, "cmsgpack.unpack(ARGV[{}])").format(number)
        for number, (name, kind) in enumerate(parameters, start=1)
    ]
