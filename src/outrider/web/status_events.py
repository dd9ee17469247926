"""What a viewer of a batch is told as server-sent events, and how it goes on after a cut.

The id of the last event says what has been told, so nothing is kept here between two connections.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from outrider.standing import not_found
from outrider.status import BatchStatus
from outrider.waiting import Kind, Watch

FAILED = 10
RETRY = 2.0
_MARKS: dict[str, Kind] = {"x": "death", "!": "complete", "$": "success", ".": "settled"}
_ID = re.compile(r"(\d{1,12}(?:,\d{1,12}){4});([x!$.]*)")


def told(status: BatchStatus, failed: int) -> dict[str, Any]:
    """A status as JSON data, with at most so many of its failures."""
    found = status.to_dict()
    found["fail_info"] = found["fail_info"][:failed]
    return found


class Tale:
    """What one viewer is told: a message for each change, and an event for each milestone.

    `status` is a reading of just now, `seen` the id of the last event that the viewer had, or "".
    """

    def __init__(self, status: BatchStatus, seen: str, *, errors: bool) -> None:
        self.status = status
        self._watch = _resumed(seen)
        self._failed = FAILED if errors else 0
        self.is_over = self._watch.is_over

    def begin(self) -> bytes:
        """The first words: after how long to come again when cut off, and how the batch stands."""
        return retry(RETRY) + self.news(self.status)

    def news(self, status: BatchStatus | None) -> bytes:
        """The events since the reading before, b"" when nothing has changed; None: it is gone."""
        if status is None:
            self.is_over = True
            return event("gone", {"error": str(not_found(self.status.bid))})
        kinds = self._watch.news(status)
        if not kinds:
            return b""
        self.is_over = self._watch.is_over
        data = told(status, self._failed)
        *others, last = ["", *(kind for kind in kinds if kind != "progress")]
        # Cut off before the last one, which has the id, the viewer is told all of them again.
        return b"".join(event(name, data) for name in others) + event(last, data, self._id())

    def _id(self) -> str:
        marks = "".join(mark for mark, kind in _MARKS.items() if kind in self._watch.told)
        return f"{','.join(map(str, self._watch.numbers))};{marks}"


def retry(seconds: float) -> bytes:
    """After how long a browser that is cut off comes again."""
    return f"retry: {seconds * 1000:.0f}\n\n".encode()


def _resumed(seen: str) -> Watch:
    found = _ID.fullmatch(seen)
    if found is None:
        return Watch()
    return Watch(tuple(map(int, found[1].split(","))), [_MARKS[mark] for mark in found[2]])


def event(name: str, data: Any, mark: str = "") -> bytes:
    """One event; without a name it is what pages get as `onmessage`."""
    head = f"event: {name}\n" if name else ""
    tail = f"\nid: {mark}\n\n" if mark else "\n\n"
    return head.encode() + b"data: " + msgspec.json.encode(data) + tail.encode()
