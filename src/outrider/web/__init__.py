"""Over HTTP: the web application, and the status endpoint of batches for sites of users' own.

Each is imported when it is asked for: the endpoint needs no extra package, the application does.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from outrider.web.application import create_app
    from outrider.web.status import batch_status

__all__ = ["batch_status", "create_app"]

_HOMES = {"batch_status": "outrider.web.status", "create_app": "outrider.web.application"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(_HOMES[name]), name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "starlette":
            raise
        message = "the web application needs starlette: pip install 'outrider[web]'"
        raise ModuleNotFoundError(message, name=error.name) from None
