"""The embedded server that all processes of a project folder share."""

from __future__ import annotations

import atexit
import os
from pathlib import Path
from typing import TYPE_CHECKING

from outrider.embedded.server import ensure, ensure_kept, join, look
from outrider.errors import OutriderError, ServerStartFailed

if TYPE_CHECKING:
    from outrider.embedded import keeper

DATA_FOLDER = ".outrider"
_OPTIONS = {
    "save": "",
    "appendonly": "yes",
    "appendfsync": "everysec",
    "maxmemory-policy": "noeviction",
}

# Held until the process ends, however it ends; a forked child holds them too.
_joined: dict[Path, keeper.Lock] = {}


def shared_url(folder: Path | None = None) -> str:
    """The URL (`unix:///absolute/path`) of the server of a project folder, the working one if None.

    The first process that asks starts it, with its data in `folder/.outrider`. It stops when the
    last process that asked, and the last forked from one, has ended. Asking again in a process
    brings a server back that has crashed. Raises ServerNotFound or ServerStartFailed.
    """
    home = (folder or Path.cwd()).resolve() / DATA_FOLDER
    try:
        home.mkdir(mode=0o700, exist_ok=True)
        home.chmod(0o700)
        ignore = home / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")
        _join(home)
        return f"unix://{ensure(home, _OPTIONS)}"
    except OSError as error:
        message = (
            f"cannot use {home} for the embedded server: {error}; "
            "make it a folder that this user owns, or set a URL of a running server"
        )
        raise ServerStartFailed(message) from error


def _join(home: Path) -> None:
    """Use the server of `home` for the life of this process."""
    mine = _joined.get(home)
    path = home / "users"
    # A folder that was removed and made anew has other users.
    if mine and path.exists() and os.path.samestat(path.stat(), os.fstat(mine.fd)):
        return
    _joined[home] = join(home)
    if mine:
        mine.close()


@atexit.register
def _leave() -> None:
    """See to it that each server has a keeper, in case it was killed, so that it gets stopped."""
    for home in _joined:
        try:
            seen = look(home)
            if seen.running and not seen.kept:
                ensure_kept(home, _OPTIONS)
        except (OSError, OutriderError):
            pass  # the folder is gone, and this process too in a moment
