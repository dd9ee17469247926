"""Which server a command without a target looks at."""

from __future__ import annotations

from pathlib import Path

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
