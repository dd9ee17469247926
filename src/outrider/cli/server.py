"""Which server a command without a target looks at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from outrider import config
from outrider.app import App
from outrider.embedded import DATA_FOLDER


def app_of(url: str | None, prefix: str) -> App:
    """An app without jobs on the server at `url`, or the one that the environment names.

    Without any URL, a folder that has an embedded server of its own means that one.
    """
    if url is None and not config.is_configured() and Path(DATA_FOLDER).is_dir():
        url = config.EMBEDDED
    return App(url, prefix=prefix)


_URL = click.option("--url", help="The server; OUTRIDER_URL or REDIS_URL otherwise.")
_PREFIX = click.option("--prefix", default="", help="The prefix of the app's keys.")


def with_server(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options `url` and `prefix`."""
    return _URL(_PREFIX(command))
