"""Arguments come back as they were sent."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outrider.arguments import Signature, encode_plain
from tests.unit.argument_types import (
    AWARE,
    ID,
    NAIVE,
    ByIdentity,
    Cached,
    Colour,
    Half,
    Holder,
    Item,
    Level,
    Mode,
    Movie,
    Opaque,
    OrderId,
    Pair,
    Point,
    Row,
    Strict,
    Tree,
    cached,
    refusal,
    takes,
    travel,
)

RICH = [
    (datetime, NAIVE),
    (datetime, AWARE),
    (datetime, datetime(1, 1, 1, tzinfo=UTC)),
    (date, date(2026, 3, 1)),
    (time, time(23, 59, 59, 999999)),
    (timedelta, timedelta(days=-3, microseconds=1)),
    (timedelta, timedelta.max),
    (UUID, ID),
    (OrderId, ID),
    (Decimal, Decimal("1.10")),
    (Decimal, Decimal("-0")),
    (Decimal, Decimal("1E+400")),
    (Colour, Colour.RED),
    (Level, Level.LOW),
    (Mode, Mode.READ | Mode.WRITE),
    (bytes, b"\x00\xff"),
    (bytearray, bytearray(b"\x00")),
    (Row, Row(ID, AWARE, {"a", "b"}, [1, {"x": None}])),
    (Tree, Tree("a", [Tree("b", [Tree("c")])])),
    (Point, Point(1.5)),
    (Movie, {"title": "Alien", "day": date(1979, 5, 25)}),
    (Pair, Pair(1, ID)),
    (set[int], {1, 2, 3}),
    (set, {1, "a", None}),
    (frozenset[UUID], frozenset({ID})),
    (tuple, (1, "a", [2])),
    (tuple[int, ...], (1, 2)),
    (tuple[UUID, date], (ID, date(2026, 3, 1))),
    (datetime | None, None),
    (datetime | None, AWARE),
    (UUID | int, ID),
    (UUID | int, 3),
    (list[UUID], [ID, ID]),
    (Sequence[UUID], [ID]),
    (dict[str, datetime], {"a": AWARE}),
    (Mapping[UUID, set[int]], {ID: {1}}),
    (dict[int, str], {1: "a", -(2**40): "b"}),
    (list[dict[str, tuple[Decimal, ...]]], [{"a": (Decimal("0.1"),)}]),
    (list[Row | None], [Row(ID), None]),
    (Annotated[int, msgspec.Meta(gt=0)], 3),
    (Item, Item(id=ID, price=Decimal("9.90"), data=b"x", theLabel="y")),
    (Item | None, None),
    (list[Item], [Item(id=ID)]),
    (dict[str, Item | None], {"a": Item(id=ID), "b": None}),
    (Cached, cached()),
    (Strict, Strict(when=AWARE, tags={1, 2})),
]
# By place: a set's repr differs from one test process to the next.
RICH_IDS = [f"{at}-{type(value).__name__}" for at, (_, value) in enumerate(RICH)]


@pytest.mark.parametrize(("annotation", "value"), RICH, ids=RICH_IDS)
def test_annotated_values_come_back_the_same(annotation: Any, value: Any) -> None:
    signature = takes(annotation)
    assert not signature.plain
    for (arrived,) in (travel(signature, value)[0], travel(signature, value=value)[1].values()):
        assert arrived == value
        assert type(arrived) is type(value)
        assert repr(arrived) == repr(value) or isinstance(value, set | Row | Strict)


PLAIN: list[Any] = [
    int,
    str,
    float,
    bool,
    None,
    Any,
    dict,
    list,
    list[int],
    dict[str, Any],
    int | str,
]
PLAIN += [list[dict[str, float | None]], Literal["a", 1], "int | None", Sequence[str], object]
PLAIN += [Opaque, Holder, Half, UUID | str, "NotDefinedAnywhere", list[Opaque]]


@pytest.mark.parametrize("annotation", PLAIN, ids=repr)
def test_plain_and_unusable_annotations_need_no_conversion(annotation: Any) -> None:
    signature = takes(annotation)
    assert signature.plain
    assert travel(signature, [1, {"a": None}]) == ([[1, {"a": None}]], {})


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def same(one: Any, other: Any) -> bool:
    """Equal, with 1, 1.0 and True told apart."""
    return one == other and repr(one) == repr(other)


@given(value=JSON)
def test_plain_json_comes_back_unchanged(value: Any) -> None:
    text, none = takes(Any).encode([value], {})
    assert none is None
    assert same(msgspec.json.decode(text), [value])
    assert json.loads(text) == [value]
    assert encode_plain([value], {"k": value}) == (text, b'{"k":' + text[1:-1] + b"}")


@given(values=st.dictionaries(st.sampled_from("abc"), JSON))
def test_keywords_come_back_unchanged(values: dict[str, Any]) -> None:
    def job(**others: Any) -> None: ...

    assert same(travel(Signature(job), **values), ([], values))


def unfolded(value: datetime) -> datetime:
    return value.replace(fold=0)


@given(
    value=st.lists(
        st.tuples(
            st.none() | st.datetimes(timezones=st.none() | st.just(UTC)).map(unfolded),
            st.decimals(allow_nan=False, allow_infinity=False),
            st.timedeltas(),
        )
    )
)
def test_nested_rich_values_come_back_unchanged(value: Any) -> None:
    signature = takes(list[tuple[datetime | None, Decimal, timedelta]])
    assert same(travel(signature, value)[0], [value])


def test_json_is_compact_utf8() -> None:
    assert takes(Any).encode(["é"], {}) == ('["é"]'.encode(), None)
    assert takes(Any).encode([], {"value": [1, {"a": 2}]}) == (b"[]", b'{"value":[1,{"a":2}]}')
    assert takes(list[UUID]).encode([[ID]], {}) == (f'[["{ID}"]]'.encode(), None)


def test_a_tuple_arrives_as_a_list() -> None:
    assert travel(takes(Any), (1, (2,))) == ([[1, [2]]], {})
    assert travel(takes(list[UUID]), (ID,)) == ([[ID]], {})


def test_a_zone_arrives_as_its_offset() -> None:
    # In the hour that the clocks repeat, where datetimes of two zones are never equal.
    sent = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=1)
    ((arrived,), _) = travel(takes(datetime), sent)
    assert arrived.isoformat() == sent.isoformat() == "2026-10-25T02:30:00+01:00"


def test_harmless_widening_in_annotated_values() -> None:
    class DriverUuid(UUID):
        """What some database drivers return."""

    assert travel(takes(UUID), DriverUuid(str(ID))) == ([ID], {})
    assert travel(takes(Point), Point(1)) == ([Point(1.0)], {})


def test_a_record_without_equality_travels() -> None:
    ((arrived,), _) = travel(takes(ByIdentity), ByIdentity(date(2026, 1, 1)))
    assert arrived.when == date(2026, 1, 1)


def test_a_default_of_none_allows_none() -> None:
    def job(when: datetime = None) -> None: ...  # type: ignore[assignment]  # noqa: RUF013

    assert travel(Signature(job), None) == ([None], {})
    assert travel(Signature(job), AWARE) == ([AWARE], {})


def test_every_kind_of_parameter() -> None:
    def job(a: UUID, /, b: date, *rest: UUID, c: date, d: int = 1, **others: datetime) -> None: ...

    day = date(2026, 1, 1)
    signature = Signature(job)
    assert travel(signature, ID, b=day, c=day) == ([ID], {"b": day, "c": day})
    # `a` is positional-only, so the keyword `a` is one of the others.
    assert travel(signature, ID, day, ID, ID, c=day, a=AWARE) == (
        [ID, day, ID, ID],
        {"c": day, "a": AWARE},
    )
    assert "cannot send rest[1]: int" in refusal(signature, ID, day, ID, 1, c=day)
    assert "cannot send zone: int" in refusal(signature, ID, day, c=day, zone=1)


def test_skip_first_leaves_the_first_parameter_to_the_worker() -> None:
    def callback(status: Any, order: UUID, *, note: str = "") -> None: ...

    signature = Signature(callback, skip_first=True, name="cb")
    assert travel(signature, order=ID, note="x") == ([], {"order": ID, "note": "x"})
    with pytest.raises(TypeError, match=r"cb\(\) got an unexpected keyword argument 'status'"):
        signature.encode((), {"status": 1, "order": ID})


def test_skip_first_keeps_star_args() -> None:
    def callback(*everything: UUID) -> None: ...

    assert travel(Signature(callback, skip_first=True), ID) == ([ID], {})


BAD_CALLS: list[tuple[tuple[Any, ...], dict[str, Any], str]] = [
    ((), {}, "missing a required argument: 'image_id'"),
    ((1, 2, 3), {}, "too many positional arguments"),
    ((1,), {"image_id": 1}, "multiple values for argument 'image_id'"),
    ((1,), {"colour": 1}, "got an unexpected keyword argument 'colour'"),
]


@pytest.mark.parametrize(("args", "kwargs", "message"), BAD_CALLS)
def test_a_wrong_call_is_refused_at_once(
    args: tuple[Any, ...], kwargs: dict[str, Any], message: str
) -> None:
    def resize(image_id: int, width: int = 100, *, fast: bool = False) -> None: ...

    with pytest.raises(TypeError) as caught:
        Signature(resize, name="myapp.resize").encode(args, kwargs)
    assert str(caught.value) == f"myapp.resize() {message}"


def test_missing_keyword_only_argument() -> None:
    def job(*, fast: bool) -> None: ...

    with pytest.raises(TypeError, match=r"missing a required( keyword-only)? argument: 'fast'"):
        Signature(job).encode((), {})


def test_the_name_is_the_functions_own_by_default() -> None:
    with pytest.raises(TypeError) as caught:
        Signature(travel).encode((), {})
    assert str(caught.value).startswith(f"{takes.__module__}.travel() missing a required argument")


def annotated_later(first: Later, second: list[Later]) -> None: ...


LATER = Signature(annotated_later)


@dataclass
class Later:
    when: date


def test_annotations_may_name_what_is_defined_later() -> None:
    one = Later(date(2026, 1, 1))
    assert travel(LATER, one, [one]) == ([one, [one]], {})


def test_an_unknown_name_does_not_spoil_the_other_annotations() -> None:
    def job(known: UUID, unknown: OnlyForMypy) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    signature = Signature(job, name="job")
    assert travel(signature, ID, 1) == ([ID, 1], {})
    assert refusal(signature, ID, ID) == (
        "job() cannot send unknown: uuid.UUID is not plain JSON; annotate 'unknown' with a type "
        "that carries it (OnlyForMypy does not), or convert it yourself"
    )
