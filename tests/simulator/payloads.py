"""Payloads as the simulator writes and reads them; reading shares nothing with the Lua code."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any, NamedTuple

from outrider.ids import FIRST_CALLBACK

_CALLBACK = re.compile(r"([0-9a-f]+):([a-z]+):(\d+)")
_OURS = re.compile(rb'\{"jid":"([^"\\]+)","class":"([^"\\]+)","queue":"')
_QUEUE = re.compile(rb'"queue":"([^"]+)"')
_BLAMED = re.compile(rb',"blamed":\[([\d.,]+)\]\}$')
NAMES = ("app.job", "app.other", "app.callback", "Ruby")
_MEMBER = re.compile(r"[0-9a-f]{8}")


class Job(NamedTuple):
    """What a payload says. `id` is the jid, or the whole text of what is no job."""

    id: str
    readable: bool
    member: tuple[str, int] | None = None
    callback: tuple[str, str, int] | None = None
    expiry: float | None = None
    tried: bool = False
    name: str = ""
    killed: bool = False


def write(jid: str, queue: str, **fields: Any) -> str:
    """A payload of ours: `bid` and `expiry` stand before `class`, all else after `queue`.

    There are two kinds of jobs, so that the name of one of them can be paused.
    """
    early = {name: fields.pop(name) for name in ("bid", "expiry") if name in fields}
    ours: dict[str, Any] = {"class": NAMES[int(jid[-1], 16) % 2], "queue": queue, "args": []}
    return dump({"jid": jid} | early | ours | fields)


def dump(value: object) -> str:
    """JSON as our clients write it, without blanks."""
    return json.dumps(value, separators=(",", ":"))


def homes(payload: bytes) -> list[str]:
    """The queues that a payload names; a queue may have been added at its end."""
    return [name.decode() for name in _QUEUE.findall(payload)] or ["default"]


def is_plain(payload: bytes) -> bool:
    """Whether it begins as our plain jobs do: these are taken as they are."""
    return _OURS.match(payload) is not None


def reordered(payload: bytes) -> str:
    """A job as another client writes it anew: its own fields come first."""
    if not read(payload).readable:
        return payload.decode()
    try:
        return dump({"retry": True, **json.loads(payload)})
    except ValueError:
        return payload.decode()


def retried(payload: bytes) -> str:
    """The payload of a job that goes into its next attempt."""
    try:
        job = json.loads(payload)
    except ValueError:
        return ""
    return dump({**job, "retry_count": job.get("retry_count", -1) + 1})


BLAME_WINDOW = 72 * 3600


def told(payload: bytes, why: str, now: int) -> bytes:
    """The payload of a job whose process died; `why` is blamed, timed_out, or "" for neither."""
    job = _decode(payload)
    known: dict[str, Any] = job if isinstance(job, dict) else {}
    if why == "timed_out":
        limit = known.get("timeout")
        return _spliced(payload, f'"timed_out":{limit if isinstance(limit, int) else 0:.3f}')
    if why != "blamed":
        return payload
    earlier, since = known.get("blamed"), now / 1000 - BLAME_WINDOW
    # What begins as a job and ends too early is no JSON, and is blamed all the same.
    if earlier is None and (spliced := _BLAMED.search(payload)):
        earlier = [float(at) for at in spliced[1].split(b",")]
    numbers = [at for at in earlier if isinstance(at, float)] if isinstance(earlier, list) else []
    times = [at for at in numbers if at > since]
    return _spliced(payload, f'"blamed":[{",".join(f"{at:.3f}" for at in [*times, now / 1000])}]')


def _spliced(payload: bytes, field: str) -> bytes:
    text = payload.rstrip()
    return (text[:-1] if text.endswith(b"}") else payload) + f",{field}}}".encode()


@lru_cache(maxsize=200_000)
def read(payload: bytes) -> Job:
    """Read a payload."""
    job = _decode(payload)
    if not (
        isinstance(job, dict)
        and isinstance(job.get("jid"), str)
        and isinstance(job.get("class"), str)
    ):
        return Job(payload.decode("latin-1"), readable=False)
    jid, bid, expiry = job["jid"], job.get("bid"), job.get("expiry")
    callback = _CALLBACK.fullmatch(str(job.get("cb")))
    return Job(
        jid,
        True,
        _member(jid, bid) if isinstance(bid, str) else None,
        (callback[1], callback[2], int(callback[3])) if callback else None,
        expiry if isinstance(expiry, int | float) else None,
        "retry_count" in job,
        job["class"],
        "timed_out" in job,
    )


def _decode(payload: bytes) -> Any:
    try:
        return json.loads(payload)
    except ValueError:
        # Where the beginning is ours it is taken at its word; the worker will find out.
        found = _OURS.match(payload)
        return {"jid": found[1].decode(), "class": found[2].decode()} if found else None


def _member(jid: str, bid: str) -> tuple[str, int] | None:
    if not jid.startswith(bid) or not _MEMBER.fullmatch(jid[len(bid) :]):
        return None
    number = int(jid[len(bid) :], 16)
    return (bid, number) if number < FIRST_CALLBACK else None
