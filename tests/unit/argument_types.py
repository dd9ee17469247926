"""What the tests of arguments send: types of every kind, and ways to send them."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, NamedTuple, NewType, TypedDict
from uuid import UUID

import msgspec
import pydantic
import pytest

from outrider.arguments import Signature
from outrider.errors import NotSerializable


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1


class Mode(enum.Flag):
    READ = 1
    WRITE = 2


class Half(enum.Enum):
    """Neither all str nor all int values, which msgspec does not carry."""

    A = 0.5


@dataclass
class Row:
    id: UUID
    when: datetime | None = None
    tags: set[str] = field(default_factory=set)
    rest: Any = None


@dataclass
class Tree:
    name: str
    kids: list[Tree] = field(default_factory=list)


@dataclass(eq=False)
class ByIdentity:
    when: date


class Point(msgspec.Struct, rename="camel"):
    pos_x: float
    pos_y: float = 0.0


class Movie(TypedDict):
    title: str
    day: date


class Pair(NamedTuple):
    left: int
    right: UUID


class Item(pydantic.BaseModel):
    id: UUID
    price: Decimal = Decimal(0)
    data: bytes = b""
    label: str = pydantic.Field(default="", alias="theLabel")


class Discounted(Item):
    percent: int = 10


class Cached(pydantic.BaseModel):
    _seen: list[str] = pydantic.PrivateAttr(default_factory=list)


def cached(*seen: str) -> Cached:
    model = Cached()
    model._seen.extend(seen)
    return model


class Strict(pydantic.BaseModel, strict=True, extra="forbid"):
    when: datetime
    tags: set[int]

    @pydantic.computed_field
    def size(self) -> int:
        return len(self.tags)


class Opaque:
    pass


@dataclass
class Holder:
    item: Opaque


class Text(str):
    __slots__ = ()


class Int64(int):
    """Stands for numpy's scalars, which are foreign numbers too."""

    __slots__ = ()


OrderId = NewType("OrderId", UUID)
ID = UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")
NAIVE = datetime(2026, 3, 1, 12, 30, 15, 123456)  # noqa: DTZ001 - it must come back naive
AWARE = datetime(2026, 3, 1, 12, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))


def takes(annotation: Any, **options: Any) -> Signature:
    def job(value: Any) -> None: ...

    job.__annotations__["value"] = annotation
    return Signature(job, name="job", **options)


def travel(signature: Signature, *args: Any, **kwargs: Any) -> tuple[list[Any], dict[str, Any]]:
    sent_args, sent_kwargs = signature.encode(args, kwargs)
    decoded = msgspec.json.decode(sent_args), msgspec.json.decode(sent_kwargs or b"{}")
    return signature.convert(*decoded)


def refusal(signature: Signature, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(NotSerializable) as caught:
        signature.encode(args, kwargs)
    assert isinstance(caught.value, TypeError)
    return str(caught.value)
