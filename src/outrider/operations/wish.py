"""What an operation is to do, and how it begins."""

from __future__ import annotations

import hashlib
import os
from datetime import datetime
from typing import NamedTuple

from outrider.clock import now_ms
from outrider.errors import ConfigError
from outrider.hub import Flow, Hub
from outrider.operations.record import VERBS, Verb
from outrider.search.parse import parse
from outrider.store import operation as store
from outrider.store.operation import Fields


class Wish(NamedTuple):
    """What somebody asks for; `as_of` in ms."""

    verb: Verb
    filter: str
    expect: int | None
    as_of: int
    key: str | None
    by: str
    undoes: str = ""


def wished(
    verb: Verb,
    filter: str,
    expect: int | None,
    as_of: datetime | None,
    key: str | None,
    by: str,
) -> Wish:
    """Check it. Raises FilterError, and ConfigError for all else that is wrong."""
    if verb not in VERBS or verb == "undo":
        raise ConfigError(f"an operation is to delete, retry or kill, not {verb!r}")
    if not parse(filter).terms:
        raise ConfigError("an operation needs a filter; job:* means all jobs")
    if expect is not None and (type(expect) is not int or expect < 0):
        raise ConfigError(f"expect must be a number of jobs, not {expect!r}")
    if as_of is not None and getattr(as_of, "tzinfo", None) is None:
        raise ConfigError(f"as_of must be an aware datetime (one with a time zone), not {as_of!r}")
    for name, value in (("key", "" if key is None else key), ("by", by)):
        if type(value) is not str:
            raise ConfigError(f"{name} must be a text, not {value!r}")
    when = now_ms() if as_of is None else int(as_of.timestamp() * 1000)
    return Wish(verb, filter, expect, when, key, by)


def begin(hub: Hub, wish: Wish) -> Flow[Fields]:
    """Begin it, unless it has begun by the same key; its fields."""
    id = random_id() if wish.key is None else _id_of(wish.key)
    begun: Fields = {
        "v": "1",
        "id": id,
        "verb": wish.verb,
        "filter": wish.filter,
        "as_of": str(wish.as_of),
        "expect": "" if wish.expect is None else str(wish.expect),
        "by": wish.by,
        "undoes": wish.undoes,
        "state": "running",
        "step": "0",
        "started_at": str(now_ms()),
    }
    words: list[str | int] = [word for pair in begun.items() for word in pair]
    fields: Fields = yield store.begin(hub.keys, id=id, fields=words, now=now_ms())
    asked = (wish.verb, wish.filter)
    if (fields["verb"], fields["filter"]) != asked:
        raise ConfigError(
            f"the key {wish.key!r} was used to {fields['verb']} {fields['filter']!r}: "
            "another operation needs another key"
        )
    return fields


def random_id() -> str:
    """An id that nothing else has."""
    return os.urandom(8).hex()


def _id_of(key: str) -> str:
    return hashlib.blake2b(key.encode(), digest_size=8).hexdigest()
