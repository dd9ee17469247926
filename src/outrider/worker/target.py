"""Finding the App that a worker is to serve."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from pathlib import Path

from outrider.app import App
from outrider.errors import ConfigError


def load(target: str) -> App:
    """The App that `module:attribute`, or `module` with its `app`, stands for.

    The current folder is on the path. Raises ConfigError with one clear line.
    """
    module_name, _, attribute = target.partition(":")
    attribute = attribute or "app"
    if not all(part.isidentifier() for part in module_name.split(".")):
        raise ConfigError(f"{target!r} is no target: write module:attribute, such as shop.jobs:app")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and (module_name == error.name or module_name.startswith(f"{error.name}.")):
            raise ConfigError(
                f"there is no module {error.name!r} here: is {os.getcwd()} the right folder?"
            ) from None
        raise ConfigError(_import_failed(module_name, error)) from error
    except BaseException as error:
        raise ConfigError(_import_failed(module_name, error)) from error
    found: object = module
    for part in attribute.split("."):
        found = getattr(found, part, None)
    if not isinstance(found, App):
        what = "has no" if found is None else "has something else than an App as"
        raise ConfigError(f"module {module_name} {what} {attribute!r}: write {module_name}:NAME")
    return found


def _import_failed(module: str, error: BaseException) -> str:
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "importlib" not in f.filename]
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    text = " ".join(str(error).split())
    return f"module {module} can't be imported: {type(error).__name__}: {text}{where}"
