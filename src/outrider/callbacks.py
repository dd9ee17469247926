"""Targets of callbacks: what `batch.on()` takes, checked and made into what travels."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

import msgspec

from outrider.arguments import Signature, encode_plain
from outrider.errors import ConfigError, PayloadTooLarge
from outrider.ids import EVENTS
from outrider.options import Options, to_seconds
from outrider.registry import Registry, module_name


@runtime_checkable
class Registered(Protocol):
    """A function that `@app.job` made a job."""

    name: str
    function: Callable[..., Any]
    options: Options
    signature: Signature

    @property
    def callback_signature(self) -> Signature:
        """How it is called as a callback: the status comes first, from the worker."""
        ...


class Target(NamedTuple):
    """Code that a callback runs: a function, or a method of `owner`, a callback class."""

    name: str
    function: Callable[..., Any]
    options: Options
    signature: Signature | None
    owner: type | None = None


class CallbackClass(NamedTuple):
    """A class marked `@app.callbacks`, and how its methods are queued."""

    name: str
    type: type
    options: Options

    def method(self, name: str) -> Target:
        """One of its methods as a target; ConfigError when there is none."""
        function = getattr(self.type, name, None)
        if not inspect.isfunction(function):
            raise ConfigError(f"{self.name} has no method {name}(self, status, options)")
        return Target(f"{self.name}.{name}", function, self.options, None, self.type)


def class_name(code: type) -> str:
    """The name of a callback class: module:Class."""
    return f"{module_name(code)}:{code.__qualname__}"


def find_method(name: str, classes: Registry[CallbackClass]) -> Target | None:
    """The target called module:Class.method, or None when no such class is registered."""
    class_part, _, method = name.rpartition(".")
    known = classes.get(class_part)
    return known.method(method) if known is not None else None


def check_event(event: object) -> str:
    """The event itself; ConfigError when there is none of this name."""
    if event not in EVENTS:
        raise ConfigError(f"no event {event!r}: a batch has {', '.join(EVENTS)}")
    return str(event)


def encode(target: Target, options: Mapping[str, Any], max_bytes: int) -> str:
    """The callback as it stands in its batch: [queue or "", name, the payload's other fields].

    A fourth item is how many seconds it is wanted, if its target declares that. A queue of "" is
    decided when the event fires. Raises TypeError for options that don't fit the function,
    NotSerializable for those that JSON can't carry, PayloadTooLarge.
    """
    if target.signature is not None:
        args, kwargs = target.signature.encode([], options)
    else:
        args, kwargs = encode_plain([dict(options)], {})
    rest = f'"args":{args.decode()}'
    if kwargs is not None:
        rest += f',"kwargs":{kwargs.decode()}'
    declared = target.options
    limits = {"retry_for": to_seconds(declared.retry_for), "timeout": to_seconds(declared.timeout)}
    more = {name: value for name, value in {**limits, "tags": declared.tags}.items() if value}
    rest += "," + msgspec.json.encode({"retry": declared.retry, **more}).decode()[1:-1]
    if len(rest) * 4 > max_bytes and (size := len(rest.encode())) > max_bytes:
        raise PayloadTooLarge(
            f"callback {target.name} would be {size:,} bytes, more than the limit of "
            f"{max_bytes:,} (max_payload): store the data elsewhere and pass a reference to it"
        )
    expires_in = to_seconds(declared.expires_in)
    limit = [] if expires_in is None else [expires_in]
    return msgspec.json.encode([declared.queue or "", target.name, rest, *limit]).decode()
