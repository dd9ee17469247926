"""Arguments come back as they were sent, or are refused before they leave."""

from __future__ import annotations

import collections
import enum
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, NewType, TypedDict
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outrider.arguments import Signature, encode_plain
from outrider.errors import ArgumentError, NotSerializable


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


@pytest.mark.parametrize(("annotation", "value"), RICH, ids=repr)
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
    assert str(caught.value).startswith(f"{__name__}.travel() missing a required argument")


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
    (Colour.RED, f"{__name__}.Colour is not plain JSON"),
    (Level.LOW, f"{__name__}.Level is not plain JSON"),
    (Text("x"), f"{__name__}.Text is not plain JSON"),
    (Int64(1), f"{__name__}.Int64 is not plain JSON"),
    (Pair(1, ID), f"{__name__}.Pair is not plain JSON"),
    (Row(ID), f"{__name__}.Row is not plain JSON"),
    (collections.OrderedDict(a=1), "collections.OrderedDict is not plain JSON"),
    (Opaque(), f"{__name__}.Opaque is not plain JSON"),
    ({1: "a"}, "a dict key of type int is not plain JSON"),
    ({None: "a"}, "a dict key of type NoneType is not plain JSON"),
    ({Text("a"): 1}, f"a dict key of type {__name__}.Text is not plain JSON"),
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
    (Colour, "red", f"str would arrive as {__name__}.Colour"),
    (bytes, "eA==", "str would arrive as bytes"),
    (set[int], [1], "list would arrive as set"),
    (set[Any], {Level.LOW}, f"{__name__}.Level would arrive as int"),
    (set[Any], {ID}, "this set would not arrive the same"),
    (dict[str, date], {1: date(2026, 1, 1)}, "int would arrive as str"),
    (dict[int, str], {1: "a", "1": "b"}, "this dict would not arrive the same"),
    (dict[int, str], {"1": "b"}, "str would arrive as int"),
    (Decimal, 1.5, "float would arrive as decimal.Decimal"),
    (Decimal, Decimal("Infinity"), "would not arrive the same"),
    (Row, {"id": ID}, f"dict would arrive as {__name__}.Row"),
    (Row, Row(str(ID)), "value.id: str would arrive as uuid.UUID"),  # type: ignore[arg-type]
    (Row, Row(ID, rest=Opaque()), "Opaque has no JSON"),
    (Row, Row(ID, rest=Level.LOW), "Level would arrive as int"),
    (Row, Row(ID, rest={1: 2}), "value.rest[1]: int would arrive as str"),
    (Point, Point(float("nan")), "Point does not fit"),
    (Point, Point(2**60 + 1), "value.pos_x: this int would not arrive the same"),
    (Movie, {"title": "x", "day": date(2026, 1, 1), "more": 1}, "this dict would not"),
    (Item, {"id": str(ID)}, f"dict would arrive as {__name__}.Item"),
    (Item, Item.model_construct(id="x"), "Item does not fit"),
    (Item, Discounted(id=ID), f"Discounted would arrive as {__name__}.Item"),
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


MISFITS = [
    (UUID, "x", "job() cannot take 'value': Invalid UUID"),
    (list[UUID], ["x"], "job() cannot take 'value': Invalid UUID - at `value[0]`"),
    (Row, {}, "job() cannot take 'value': Object missing required field `id`"),
    (date | None, 3, "job() cannot take 'value': Expected `date | null`, got `int`"),
]


@pytest.mark.parametrize(("annotation", "value", "message"), MISFITS)
def test_what_arrived_must_fit(annotation: Any, value: Any, message: str) -> None:
    for args, kwargs in (([value], {}), ([], {"value": value})):
        with pytest.raises(ArgumentError) as caught:
            takes(annotation).convert(args, kwargs)
        assert str(caught.value) == message
        assert isinstance(caught.value, TypeError)


def test_a_model_that_arrived_must_fit() -> None:
    with pytest.raises(ArgumentError, match=r"(?s)cannot take 'value': .*id\n  Input should be"):
        takes(Item).convert([{"id": "x"}], {})


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
