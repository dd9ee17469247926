"""The jobs and callback classes of an app by name: the only code a worker will run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Generic, TypeVar

from outrider.errors import ConfigError
from outrider.options import check_job_name

T = TypeVar("T")


class Registry(Generic[T]):
    """What is registered in an app, by name."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[T, str]] = {}

    def add(self, name: str, value: T, code: Any) -> None:
        """Register; ConfigError when other code has the name already. A reload may do it again."""
        check_job_name(name)
        origin = f"{code.__module__}.{code.__qualname__}"
        known = self._known.get(name)
        if known is not None and known[1] != origin:
            raise ConfigError(
                f"two jobs are named {name!r}: {known[1]} and {origin}; give one of them name=…"
            )
        self._known[name] = (value, origin)

    def get(self, name: str) -> T | None:
        """What has this name, or None."""
        known = self._known.get(name)
        return None if known is None else known[0]

    def __iter__(self) -> Iterator[T]:
        return (value for value, _ in self._known.values())

    def __len__(self) -> int:
        return len(self._known)


def default_name(code: Callable[..., Any] | type) -> str:
    """`module.qualname`, and for a script run as `__main__` the module that a worker can import."""
    return f"{module_name(code)}.{code.__qualname__}"


def module_name(code: Callable[..., Any] | type) -> str:
    """The name that the module of this code is imported by."""
    if code.__module__ != "__main__":
        return code.__module__
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        return str(spec.name)
    file = getattr(main, "__file__", None)
    if file is None or not Path(file).stem.isidentifier():
        raise ConfigError(
            f"{code.__qualname__} is defined in __main__, which a worker cannot import: "
            "move it to a module, or give it name=…"
        )
    return Path(file).stem
