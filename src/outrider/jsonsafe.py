"""JSON that gives back what it was given: what may travel, and what would be lost on the way."""

from __future__ import annotations

import dataclasses
import math
import sys
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_DEPTH = 64
MIN_INT = -(2**63)
MAX_INT = 2**64 - 1

_SIMPLE = frozenset({str, bool, type(None)})
_SCALARS = frozenset({bool, type(None), bytes, UUID, datetime, date, time, timedelta, Decimal})


class Fault(NamedTuple):
    """Why a value cannot travel: where in it, what is wrong, and whether an annotation may help."""

    path: str
    reason: str
    typed: bool = False

    def under(self, step: str) -> Fault:
        """The same fault, seen from one level further out."""
        return self._replace(path=step + self.path)


def is_simple(values: Iterable[Any]) -> bool:
    """Whether all values are scalars that travel as they are (a str may still not be UTF-8)."""
    for value in values:
        kind = type(value)
        if kind is int:
            if not MIN_INT <= value <= MAX_INT:
                return False
        elif kind is float:
            if not math.isfinite(value):
                return False
        elif kind not in _SIMPLE:
            return False
    return True


def plain_fault(value: Any, depth: int = MAX_DEPTH) -> Fault | None:
    """The first thing in `value` that plain JSON would not give back, or None when all is well.

    Only exact types pass, since a subclass would come back as its base. A tuple passes as a list.
    """
    kind = type(value)
    if kind is str:
        return None if value.isascii() else _text_fault(value)
    if kind is int:
        return (
            None
            if MIN_INT <= value <= MAX_INT
            else Fault("", "an int outside -2**63..2**64-1 does not travel")
        )
    if kind is float:
        return None if math.isfinite(value) else Fault("", f"JSON has no {value}")
    if kind is bool or value is None:
        return None
    if kind is not dict and kind is not list and kind is not tuple:
        return Fault("", f"{type_name(kind)} is not plain JSON", typed=True)
    if depth == 0:
        return _too_deep()
    if kind is dict:
        return _dict_fault(value, depth - 1)
    for index, item in enumerate(value):
        if fault := plain_fault(item, depth - 1):
            return fault.under(f"[{index}]")
    return None


def _dict_fault(value: dict[Any, Any], depth: int) -> Fault | None:
    for key, item in value.items():
        if type(key) is not str:
            return Fault("", f"a dict key of type {type_name(type(key))} is not plain JSON", True)
        if fault := plain_fault(key) or plain_fault(item, depth):
            return fault.under(_step(key))
    return None


def _text_fault(value: str) -> Fault | None:
    try:
        value.encode()
    except UnicodeEncodeError:
        return Fault("", "a str with a lone surrogate is not UTF-8")
    return None


def carry(value: Any, annotation: Any) -> tuple[bytes, Fault | None]:
    """The JSON of a value for a parameter of this type, and what would get lost on the way.

    The value is sent and received once here: whatever does not come back the same is a fault.
    """
    try:
        text = encode_json(value)
        arrived = receive(decode_json(text), annotation)
    except RecursionError:
        return b"", _too_deep()
    except Exception as error:
        return b"", Fault("", f"{type_name(type(value))} does not fit: {error}")
    return text, loss(value, arrived)


def receive(value: Any, annotation: Any) -> Any:
    """Convert a decoded JSON value to the annotated type; raises msgspec.ValidationError."""
    return msgspec.convert(value, annotation, str_keys=True, dec_hook=_read_model)


def loss(sent: Any, arrived: Any, depth: int = MAX_DEPTH) -> Fault | None:
    """The first difference between a value and what arrived of it, types included, or None.

    A tuple may arrive as a list, an int as an equal float, and a UUID of a subclass as a UUID.
    An aware datetime may arrive with a fixed offset in place of its zone.
    """
    kind, other = type(sent), type(arrived)
    if kind is not other and not _stands_for(sent, other):
        names = type_name(kind), type_name(other)
        return Fault("", f"{names[0]} would arrive as {names[1]}")
    if kind is str or kind is int or kind is float:
        return plain_fault(sent) or (None if sent == arrived else _changed(sent))
    if isinstance(sent, set | frozenset):
        return _set_loss(sent, arrived, depth)
    before, after = (None, None) if kind in _SCALARS else (_parts(sent), _parts(arrived))
    if before is None or after is None:
        return None if _exact(sent) == _exact(arrived) else _changed(sent)
    if depth == 0:
        return _too_deep()
    if len(before) != len(after):
        return _changed(sent)
    for (step, part), (_, other_part) in zip(before, after, strict=True):
        if fault := loss(part, other_part, depth - 1):
            return fault.under(step)
    return None


def _set_loss(sent: Any, arrived: Any, depth: int) -> Fault | None:
    there = {item: item for item in arrived}
    if len(sent) != len(there) or not all(item in there for item in sent):
        return _changed(sent)
    faults = (loss(item, there[item], depth - 1) for item in sent)
    return next((fault for fault in faults if fault), None)


def _stands_for(sent: Any, arrived: type) -> bool:
    kind = type(sent)
    if kind is tuple:
        return arrived is list
    if kind is int:
        return arrived is float
    return isinstance(sent, UUID) and arrived is UUID


def _parts(value: Any) -> list[tuple[str, Any]] | None:
    """What a container or record is made of, each with its step in a path; None for a scalar."""
    if isinstance(value, dict):
        return [(_step(key), part) for key, item in value.items() for part in (key, item)]
    if isinstance(value, list | tuple):
        names = getattr(value, "_fields", None)
        steps = [f".{name}" for name in names] if names else [f"[{i}]" for i in range(len(value))]
        return list(zip(steps, value, strict=True))
    names = _attributes(value)
    return None if names is None else [(f".{name}", getattr(value, name, None)) for name in names]


def _attributes(value: Any) -> list[str] | None:
    kind = type(value)
    if is_model(kind):
        further = (value.__pydantic_extra__ or {}), (value.__pydantic_private__ or {})
        return [*kind.model_fields, *(name for names in further for name in names)]
    if issubclass(kind, msgspec.Struct):
        return list(kind.__struct_fields__)
    if dataclasses.is_dataclass(kind):
        return [field.name for field in dataclasses.fields(kind)]
    if hasattr(kind, "__attrs_attrs__"):
        return [attribute.name for attribute in kind.__attrs_attrs__]
    return None


def _exact(value: Any) -> Any:
    """Something that is equal for two scalars only when nothing tells them apart."""
    if isinstance(value, datetime | time):
        # Two zones' datetimes are never equal in the hour that the clocks repeat, so compare parts.
        naive = value.tzinfo is None
        return value.replace(tzinfo=None), value.utcoffset(), naive, naive and value.fold
    if isinstance(value, Decimal):
        return value.as_tuple() if value.is_finite() else object()
    return value


def is_model(kind: Any) -> bool:
    """Whether it is a pydantic model's class; pydantic is never imported for the question."""
    base = getattr(sys.modules.get("pydantic.main"), "BaseModel", None)
    return base is not None and isinstance(kind, type) and issubclass(kind, base)


def _write_model(value: Any) -> Any:
    if not is_model(type(value)):
        message = f"{type_name(type(value))} has no JSON"
        raise TypeError(message)
    return value.model_dump(mode="json", by_alias=True, round_trip=True, warnings=False)


def _read_model(kind: Any, value: Any) -> Any:
    # From JSON text, as a strict model takes a datetime's text from JSON but not from Python.
    try:
        return kind.model_validate_json(encode_json(value))
    except ValueError as error:
        if not hasattr(error, "errors"):
            raise
        # Its own message quotes the value, which may be a secret; keys of a dict are values too.
        told = error.errors(include_url=False, include_context=False, include_input=False)
        lines = [
            ".".join([kind.__name__, *map(str, one["loc"][:1])]) + f": {one['msg']}" for one in told
        ]
        raise ValueError("; ".join(lines)) from None


def type_name(kind: type) -> str:
    """A class's name as people write it, with its module unless that is builtins."""
    name = kind.__qualname__
    return name if kind.__module__ == "builtins" else f"{kind.__module__}.{name}"


def _step(key: Any) -> str:
    return f".{key}" if isinstance(key, str) and key.isidentifier() else f"[{key!r}]"


def _changed(value: Any) -> Fault:
    return Fault("", f"this {type_name(type(value))} would not arrive the same")


def _too_deep() -> Fault:
    return Fault("", f"it is nested deeper than {MAX_DEPTH} levels")


encode_json = msgspec.json.Encoder(enc_hook=_write_model).encode
decode_json = msgspec.json.Decoder().decode
