"""Arguments that would not come back as they were sent are refused before they leave."""

from __future__ import annotations

import collections
import subprocess
import sys
import traceback
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest

from outrider.arguments import Signature, encode_plain
from outrider.errors import ArgumentError, NotSerializable
from tests.unit.argument_types import (
    ID,
    NAIVE,
    Cached,
    Colour,
    Discounted,
    Int64,
    Item,
    Level,
    Movie,
    Opaque,
    Pair,
    Point,
    Row,
    Text,
    cached,
    refusal,
    takes,
    travel,
)

HOME = takes.__module__


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def endless() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


NOT_PLAIN = [
    (NAIVE, "datetime.datetime is not plain JSON"),
    (b"x", "bytes is not plain JSON"),
    ({1}, "set is not plain JSON"),
    (ID, "uuid.UUID is not plain JSON"),
    (Decimal(1), "decimal.Decimal is not plain JSON"),
    (Colour.RED, f"{HOME}.Colour is not plain JSON"),
    (Level.LOW, f"{HOME}.Level is not plain JSON"),
    (Text("x"), f"{HOME}.Text is not plain JSON"),
    (Int64(1), f"{HOME}.Int64 is not plain JSON"),
    (Pair(1, ID), f"{HOME}.Pair is not plain JSON"),
    (Row(ID), f"{HOME}.Row is not plain JSON"),
    (collections.OrderedDict(a=1), "collections.OrderedDict is not plain JSON"),
    (Opaque(), f"{HOME}.Opaque is not plain JSON"),
    ({1: "a"}, "a dict key of type int is not plain JSON"),
    ({None: "a"}, "a dict key of type NoneType is not plain JSON"),
    ({Text("a"): 1}, f"a dict key of type {HOME}.Text is not plain JSON"),
]
NEVER = [
    (float("nan"), "JSON has no nan"),
    (float("-inf"), "JSON has no -inf"),
    (2**64, "an int outside -2**63..2**64-1 does not travel"),
    (-(2**63) - 1, "an int outside -2**63..2**64-1 does not travel"),
    ("a\ud800", "a str with a lone surrogate is not UTF-8"),
]


@pytest.mark.parametrize(("value", "reason"), NOT_PLAIN)
def test_what_json_does_not_give_back_is_refused(value: Any, reason: str) -> None:
    def bare(value) -> None: ...  # type: ignore[no-untyped-def]

    advice = "annotate 'value' with its type, or convert it yourself"
    message = refusal(Signature(bare, name="job"), value)
    assert message == f"job() cannot send value: {reason}; {advice}"
    with pytest.raises(NotSerializable) as caught:
        encode_plain([0, [value]], {})
    assert str(caught.value) == f"cannot send args[1][0]: {reason}; convert it yourself"


@pytest.mark.parametrize(("value", "reason"), NEVER)
@pytest.mark.parametrize("annotation", [Any, int, tuple, Row], ids=str)
def test_what_never_travels(annotation: Any, value: Any, reason: str) -> None:
    holder = {tuple: (value,), Row: Row(ID, rest=value)}.get(annotation, value)
    message = refusal(takes(annotation), holder)
    known = (reason, "would arrive as NoneType", "surrogates not allowed")
    assert any(part in message for part in known)
    if annotation in (Any, int):
        assert message == f"job() cannot send value: {reason}; convert it yourself"


@pytest.mark.parametrize("value", [nested(65), endless()], ids=["65 levels", "endless"])
@pytest.mark.parametrize("annotation", [Any, Row, set[int] | None], ids=str)
def test_too_deep(annotation: Any, value: Any) -> None:
    message = refusal(takes(annotation), Row(ID, rest=value) if annotation is Row else value)
    assert "nested deeper than 64 levels" in message or "does not fit" in message


def test_64_levels_are_not_too_deep() -> None:
    assert travel(takes(Any), nested(64)) == ([nested(64)], {})
    assert encode_plain([nested(64)], {"a": nested(64)})[1]
    with pytest.raises(NotSerializable, match="deeper than 64 levels"):
        encode_plain([nested(65)], {})


def test_extreme_integers_travel() -> None:
    assert travel(takes(int), 2**64 - 1) == ([2**64 - 1], {})
    assert travel(takes(int), -(2**63)) == ([-(2**63)], {})


def test_paths_lead_to_the_culprit() -> None:
    rows = [{}, {}, {}, {"when": NAIVE}]
    assert "cannot send value[3].when: datetime" in refusal(takes(list), rows)
    assert "cannot send value['a b'][1]: set" in refusal(takes(dict), {"a b": [1, set()]})
    sent = [Row(ID), Row(ID, rest={"k": (ID,)})]
    assert "cannot send value[1].rest.k[0]: uuid.UUID would arrive as str" in refusal(
        takes(list[Row]), sent
    )
    assert "cannot send value.right: str would" in refusal(takes(Pair), Pair(1, str(ID)))  # type: ignore[arg-type]


def test_a_plain_annotation_does_not_carry_a_rich_value() -> None:
    assert refusal(takes("str"), NAIVE) == (
        "job() cannot send value: datetime.datetime is not plain JSON; annotate 'value' with a "
        "type that carries it (str does not), or convert it yourself"
    )


class DateTime(datetime):
    """Stands for the subclasses of libraries."""


LOST = [
    (UUID, str(ID), "str would arrive as uuid.UUID"),
    (UUID, "x", "str does not fit: Invalid UUID"),
    (UUID, None, "NoneType does not fit: Expected `uuid`, got `null`"),
    (datetime, date(2026, 1, 1), "datetime.date does not fit: Invalid RFC3339"),
    (datetime, DateTime(2026, 1, 1), "DateTime has no JSON"),
    (datetime, NAIVE.replace(fold=1), "this datetime.datetime would not"),
    (datetime, NAIVE.replace(tzinfo=timezone(timedelta(seconds=90))), "would not arrive the same"),
    (time, time(1, tzinfo=ZoneInfo("Europe/Berlin")), "would not arrive the same"),
    (Colour, "red", f"str would arrive as {HOME}.Colour"),
    (bytes, "eA==", "str would arrive as bytes"),
    (set[int], [1], "list would arrive as set"),
    (set[Any], {Level.LOW}, f"{HOME}.Level would arrive as int"),
    (set[Any], {ID}, "this set would not arrive the same"),
    (dict[str, date], {1: date(2026, 1, 1)}, "int would arrive as str"),
    (dict[int, str], {1: "a", "1": "b"}, "this dict would not arrive the same"),
    (dict[int, str], {"1": "b"}, "str would arrive as int"),
    (Decimal, 1.5, "float would arrive as decimal.Decimal"),
    (Decimal, Decimal("Infinity"), "would not arrive the same"),
    (Row, {"id": ID}, f"dict would arrive as {HOME}.Row"),
    (Row, Row(str(ID)), "value.id: str would arrive as uuid.UUID"),  # type: ignore[arg-type]
    (Row, Row(ID, rest=Opaque()), "Opaque has no JSON"),
    (Row, Row(ID, rest=Level.LOW), "Level would arrive as int"),
    (Row, Row(ID, rest={1: 2}), "value.rest[1]: int would arrive as str"),
    (Point, Point(float("nan")), "Point does not fit"),
    (Point, Point(2**60 + 1), "value.pos_x: this int would not arrive the same"),
    (Movie, {"title": "x", "day": date(2026, 1, 1), "more": 1}, "this dict would not"),
    (Item, {"id": str(ID)}, f"dict would arrive as {HOME}.Item"),
    (Item, Item.model_construct(id="x"), "Item does not fit"),
    (Item, Discounted(id=ID), f"Discounted would arrive as {HOME}.Item"),
    (Cached, cached("x"), "value._seen: this list would not arrive the same"),
    (Annotated[int, msgspec.Meta(gt=0)], 0, "int does not fit: Expected `int` >= 1"),
]


@pytest.mark.parametrize(("annotation", "value", "reason"), LOST)
def test_what_the_annotation_does_not_give_back_is_refused(
    annotation: Any, value: Any, reason: str
) -> None:
    message = refusal(takes(annotation), value)
    assert message.startswith("job() cannot send value")
    assert reason in message


def test_keywords_must_be_utf8() -> None:
    def job(**others: Any) -> None: ...

    assert "cannot send kwargs['\\ud800']" in refusal(Signature(job), **{"\ud800": 1})


def test_encode_plain() -> None:
    assert encode_plain([], {}) == (b"[]", None)
    assert encode_plain((1, "a"), {"b": (None,)}) == (b'[1,"a"]', b'{"b":[null]}')
    with pytest.raises(NotSerializable, match=r"^job\(\) cannot send kwargs.b: set is not"):
        encode_plain([], {"b": set()}, name="job")
    with pytest.raises(NotSerializable, match="cannot send kwargs: a dict key of type int"):
        encode_plain([], {1: 2})  # type: ignore[dict-item]
    for wrong in ("abc", b"abc", {1}):
        with pytest.raises(TypeError, match="args must be a list or a tuple, not "):
            encode_plain(wrong, {})  # type: ignore[arg-type]


def test_unusual_sequences_and_mappings() -> None:
    args, kwargs = collections.UserList([1]), collections.ChainMap({"value": 1})
    assert takes(int).encode(args, {}) == (b"[1]", None)
    assert takes(int).encode([], kwargs) == (b"[]", b'{"value":1}')
    assert encode_plain(args, kwargs) == (b"[1]", b'{"value":1}')


class Cat(msgspec.Struct, tag=True):
    name: str


class Dog(msgspec.Struct, tag=True):
    name: str


MISFITS = [
    (UUID, "x", "job() cannot take 'value': Invalid UUID"),
    (list[UUID], ["x"], "job() cannot take 'value': Invalid UUID - at `value[0]`"),
    (Row, {}, "job() cannot take 'value': Object missing required field `id`"),
    (date | None, 3, "job() cannot take 'value': Expected `date | null`, got `int`"),
    # A value may be a secret, so it is not quoted.
    (Colour, "hunter2 - at `$", "job() cannot take 'value': Invalid enum value"),
    (list[Colour], ["hunter2"], "job() cannot take 'value': Invalid enum value - at `value[0]`"),
    (Cat | Dog, {"type": "hunter2"}, "job() cannot take 'value': Invalid value - at `value.type`"),
]


@pytest.mark.parametrize(("annotation", "value", "message"), MISFITS)
def test_what_arrived_must_fit(annotation: Any, value: Any, message: str) -> None:
    for args, kwargs in (([value], {}), ([], {"value": value})):
        with pytest.raises(ArgumentError) as caught:
            takes(annotation).convert(args, kwargs)
        assert str(caught.value) == message
        assert isinstance(caught.value, TypeError)


def test_a_model_that_arrived_must_fit() -> None:
    wrong = {"id": "hunter2"}
    with pytest.raises(ArgumentError) as caught:
        takes(Item).convert([wrong], {})
    assert "cannot take 'value': Item.id: Input should be a valid UUID" in str(caught.value)
    # Neither the message nor what led to it quotes the value.
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_convert_leaves_unknown_arguments_alone() -> None:
    # The job's code may have changed since: the call itself tells.
    def job(args: UUID) -> None: ...

    assert Signature(job).convert([str(ID), 5], {"new": 1}) == ([ID, 5], {"new": 1})


def test_pydantic_is_not_imported_for_us() -> None:
    program = (
        "import sys, uuid; from outrider.arguments import Signature\n"
        "def job(a: uuid.UUID, b: object): ...\n"
        "Signature(job).encode([uuid.uuid4(), 1], {})\n"
        "assert 'pydantic' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_wrapped_functions_and_partials() -> None:
    import functools

    class Job:
        def __call__(self, a: int) -> None: ...

    def job(a: UUID, b: int) -> None: ...

    @functools.wraps(job)
    def wrapped(*args: Any, **kwargs: Any) -> None: ...

    assert travel(Signature(wrapped), ID, 1) == ([ID, 1], {})
    assert travel(Signature(functools.partial(job, b=1)), 1) == ([1], {})
    assert Signature(Job()).name.endswith("<locals>.Job")
    assert travel(Signature(Job()), 1) == ([1], {})
    with pytest.raises(ValueError, match="no signature"):
        Signature(max)
