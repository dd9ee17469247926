"""The arguments of jobs, as JSON: checked against the function when they leave and converted back
to the annotated types when they arrive.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from types import SimpleNamespace
from typing import Any, NamedTuple, Optional, get_type_hints

import msgspec
import msgspec.inspect as shapes

from outrider.errors import ArgumentError, NotSerializable
from outrider.jsonsafe import (
    MAX_DEPTH,
    Fault,
    carry,
    encode_json,
    is_model,
    is_simple,
    plain_fault,
    receive,
    type_name,
)

_PLAIN_SCALARS = (
    shapes.AnyType(),
    shapes.NoneType(),
    shapes.BoolType(),
    shapes.IntType(),
    shapes.FloatType(),
    shapes.StrType(),
)
_PLAIN_KEYS = (shapes.AnyType(), shapes.StrType())
# What msgspec says of a value by quoting it; arguments may be secrets, and messages are logged.
_QUOTED = re.compile(r"^(Invalid (?:enum )?value) .*?( - at `[^`]*`)?$", re.DOTALL)


class _Parameter(NamedTuple):
    """A parameter, and the type its values are converted to: None when they travel as they are."""

    name: str
    annotation: str
    target: Any


_UNKNOWN = _Parameter("", "", None)


class Signature:
    """How one job's function is called: checks a call, and carries its arguments as JSON.

    With `skip_first` the worker gives the first parameter, so the caller does not. `name` is what
    messages call the job; it is the function's module and name unless given.

    Annotations are looked at when first needed, so that they may name what is defined later.
    Annotations that cannot be resolved or carried count as none.

    Raises ValueError for a builtin that does not tell its parameters.
    """

    def __init__(
        self, function: Callable[..., Any], *, skip_first: bool = False, name: str | None = None
    ) -> None:
        self.name = name or _name(function)
        self._globals = getattr(inspect.unwrap(function), "__globals__", {})
        self._signature = _signature(function, skip_first)
        parameters = self._signature.parameters.values()
        ordered = [p for p in parameters if p.kind <= p.POSITIONAL_OR_KEYWORD]
        self._ordered = [p.name for p in ordered]
        self._by_keyword = {
            p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
        }
        self._rest = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), "")
        self._others = next((p.name for p in parameters if p.kind is p.VAR_KEYWORD), "")
        required = {
            p.name
            for p in parameters
            if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        }
        # By the number of positional arguments: the keywords still needed, and those possible.
        self._keywords = [
            (required.difference(given), self._by_keyword.difference(given))
            for given in (self._ordered[:count] for count in range(len(ordered) + 1))
        ]

    @cached_property
    def plain(self) -> bool:
        """True when no parameter needs conversion, so that `convert` need not be called."""
        return all(parameter.target is None for parameter in self._parameters.values())

    @cached_property
    def _parameters(self) -> dict[str, _Parameter]:
        return {
            parameter.name: _parameter(parameter, self._globals)
            for parameter in self._signature.parameters.values()
        }

    def encode(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[bytes, bytes | None]:
        """The JSON of the args array, and of the kwargs object or None when there are no kwargs.

        Raises TypeError when the function cannot be called like this, and NotSerializable when an
        argument would not come back the same. Defaults are not sent.
        """
        self._check_call(args, kwargs)
        if self.plain and is_simple(args) and is_simple(kwargs.values()):
            try:
                return encode_json(args), encode_json(kwargs) if kwargs else None
            except (TypeError, UnicodeEncodeError):
                pass  # an unusual sequence or mapping, or a lone surrogate: the long way tells
        if fault := plain_fault(dict.fromkeys(kwargs)):
            raise _refusal(self.name, fault.under("kwargs"), None)
        ordered = [self._carry(*found) for found in self._positional(args)]
        named = {found[0]: self._carry(*found) for found in self._named(kwargs)}
        return encode_json(ordered), encode_json(named) if named else None

    def convert(self, args: list[Any], kwargs: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """Convert decoded JSON to the annotated types; what has none passes as it is.

        Raises ArgumentError when a value does not fit its parameter's annotation.
        """
        ordered = [self._receive(*found) for found in self._positional(args)]
        return ordered, {found[0]: self._receive(*found) for found in self._named(kwargs)}

    def shown(
        self, args: list[Any], kwargs: dict[str, Any], which: bool | tuple[str, ...]
    ) -> dict[str, Any]:
        """The arguments by name: all that have a parameter, or those of the parameters named."""
        names = which if isinstance(which, tuple) else self._signature.parameters
        found = [*self._positional(args), *self._named(kwargs)]
        return {name: value for name, one, value in found if one.name in names}

    def unknown(self, names: Sequence[str]) -> list[str]:
        """Which of these names no parameter has."""
        return [name for name in names if name not in self._signature.parameters]

    def _check_call(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        count = len(args)
        if count < len(self._keywords):
            needed, possible = self._keywords[count]
            if needed <= kwargs.keys() and kwargs.keys() <= possible:
                return
        try:
            self._signature.bind(*args, **kwargs)
        except TypeError as error:
            message = f"{self.name}() {error}"
            raise TypeError(message) from None

    def _positional(self, args: Sequence[Any]) -> Iterator[tuple[str, _Parameter, Any]]:
        """Each positional argument's name in messages, its parameter, and the value."""
        count = len(self._ordered)
        for name, value in zip(self._ordered, args, strict=False):
            yield name, self._parameters[name], value
        for index, value in enumerate(args[count:]):
            yield f"{self._rest}[{index}]", self._parameters.get(self._rest, _UNKNOWN), value

    def _named(self, kwargs: Mapping[str, Any]) -> Iterator[tuple[str, _Parameter, Any]]:
        """The same for keyword arguments."""
        for key, value in kwargs.items():
            name = key if key in self._by_keyword else self._others
            yield key, self._parameters.get(name, _UNKNOWN), value

    def _carry(self, shown: str, parameter: _Parameter, value: Any) -> Any:
        if parameter.target is None:
            text, fault = None, plain_fault(value)
        else:
            text, fault = carry(value, parameter.target)
        if fault:
            raise _refusal(self.name, fault.under(shown), parameter)
        return value if text is None else msgspec.Raw(text)

    def _receive(self, shown: str, parameter: _Parameter, value: Any) -> Any:
        if parameter.target is None:
            return value
        try:
            return receive(value, parameter.target)
        except msgspec.ValidationError as error:
            reason = _QUOTED.sub(r"\1\2", str(error)).replace("`$", f"`{shown}")
            message = f"{self.name}() cannot take {shown!r}: {reason}"
            raise ArgumentError(message) from None


def encode_plain(
    args: Sequence[Any], kwargs: Mapping[str, Any], *, name: str = ""
) -> tuple[bytes, bytes | None]:
    """Like `Signature.encode` for a job whose function is not at hand: plain JSON values only.

    Raises TypeError when `args` is no sequence, and NotSerializable when a value would not come
    back the same. `name` is what messages call the job.
    """
    if isinstance(args, str | bytes) or not isinstance(args, Sequence):
        message = f"args must be a list or a tuple, not {type_name(type(args))}"
        raise TypeError(message)
    args, kwargs = list(args), dict(kwargs)
    for shown, values in (("args", args), ("kwargs", kwargs)):
        if fault := plain_fault(values, MAX_DEPTH + 1):
            raise _refusal(name, fault.under(shown), None)
    return encode_json(args), encode_json(kwargs) if kwargs else None


def _refusal(job: str, fault: Fault, parameter: _Parameter | None) -> NotSerializable:
    message = f"{job}() cannot send {fault.path}: {fault.reason}".removeprefix("() ")
    if not fault.typed or parameter is None or not parameter.name:
        advice = "convert it yourself"
    elif parameter.annotation:
        advice = (
            f"annotate {parameter.name!r} with a type that carries it "
            f"({parameter.annotation} does not), or convert it yourself"
        )
    else:
        advice = f"annotate {parameter.name!r} with its type, or convert it yourself"
    return NotSerializable(f"{message}; {advice}")


def _parameter(parameter: inspect.Parameter, scope: dict[str, Any]) -> _Parameter:
    annotation = parameter.annotation
    if annotation is parameter.empty:
        return _Parameter(parameter.name, "", None)
    shown = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    try:
        # One at a time, as one name that only exists for the type checker must not spoil the rest.
        alone = SimpleNamespace(__annotations__={parameter.name: annotation})
        annotation = get_type_hints(alone, scope, include_extras=True)[parameter.name]
        if parameter.default is None:
            annotation = Optional[annotation]  # noqa: UP045 - only known at run time
        shape = shapes.type_info(annotation)
    except Exception:
        return _Parameter(parameter.name, shown, None)
    usable = not _is_plain(shape) and all(
        is_model(part.cls) for part in _inside(shape) if isinstance(part, shapes.CustomType)
    )
    return _Parameter(parameter.name, shown, annotation if usable else None)


def _is_plain(shape: shapes.Type) -> bool:
    """Whether values of this type are the same after JSON as before."""
    match shape:
        case shapes.UnionType():
            return all(map(_is_plain, shape.types))
        case shapes.ListType(min_length=None, max_length=None):
            return _is_plain(shape.item_type)
        case shapes.DictType(min_length=None, max_length=None):
            return _is_plain(shape.value_type) and shape.key_type in _PLAIN_KEYS
        case shapes.LiteralType():
            return True
    return shape in _PLAIN_SCALARS


def _inside(shape: shapes.Type) -> Iterator[shapes.Type]:
    """The shape and all that it is made of; a recursive type is met once."""
    seen: set[int] = set()
    ahead: list[Any] = [shape]
    while ahead:
        part = ahead.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, shapes.Type):
            yield part
        if isinstance(part, shapes.Type | shapes.Field):
            for name in part.__struct_fields__:
                child = getattr(part, name)
                ahead.extend(child if isinstance(child, tuple) else (child,))


def _signature(function: Callable[..., Any], skip_first: bool) -> inspect.Signature:
    if sys.version_info >= (3, 14):
        import annotationlib

        forward = annotationlib.Format.FORWARDREF
        signature = inspect.signature(function, annotation_format=forward)
    else:
        signature = inspect.signature(function)
    parameters = list(signature.parameters.values())
    if skip_first and parameters and parameters[0].kind <= inspect.Parameter.POSITIONAL_OR_KEYWORD:
        del parameters[0]
    return signature.replace(parameters=parameters)


def _name(function: Callable[..., Any]) -> str:
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return f"{function.__module__}.{name}"
