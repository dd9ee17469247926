"""A job on the wire: Sidekiq's JSON, with a fixed beginning that scripts can read by one match.

Ours begin `{"jid":…,"bid":…?,"cb":…?,"expiry":…?,"class":…,"queue":…,` before anything of the
user's. Times are float seconds, which every version of Sidekiq reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from outrider.errors import ConfigError, PayloadTooLarge, UnreadablePayload

_json = msgspec.json.Encoder()
# What a payload may grow by on its way: the error of an attempt, its times, our stamps.
GROWTH = 1 << 16
YEAR_5000 = 1e11


@dataclass(slots=True)
class Draft:
    """A job about to be enqueued, as enqueue middleware sees and may change it.

    `at` is the due time in seconds since the epoch, None for now. `extra` are fields of its own
    that travel with the job and survive retries. `jid` is known once the innermost step is done.
    `durability` is what its push waits for, None what the app says.
    """

    job: str
    args: list[Any]
    kwargs: dict[str, Any]
    queue: str
    retry: bool | int = True
    retry_for: float | None = None
    expires_in: float | None = None
    timeout: float | None = None
    at: float | None = None
    tags: list[str] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)
    jid: str = ""
    bid: str | None = None
    durability: str | None = None


class Job(msgspec.Struct, rename={"name": "class"}):
    """A payload as the worker reads it. Fields of others are kept in the bytes, not here.

    `enqueued_at` is for looking only: whatever others write there is no reason not to run it.
    `blamed` are the times at which its process died under it, in seconds; `timed_out` is the
    timeout, in seconds, that it had when its process was killed for it.
    """

    jid: str
    name: str
    args: list[Any]
    queue: str = "default"
    kwargs: dict[str, Any] | None = None
    bid: str | None = None
    cb: str | None = None
    retry: bool | int | None = True
    retry_for: float | None = None
    retry_count: int | None = None
    timeout: float | None = None
    tags: list[str] | None = None
    created_at: float | int | None = None
    failed_at: float | int | None = None
    enqueued_at: msgspec.Raw = msgspec.Raw()
    forgotten: bool | None = None
    blamed: list[float] | None = None
    timed_out: float | None = None


OURS = frozenset(Job.__struct_encode_fields__) | {"expiry", "retried_at"}
"""Names of payload fields that are not for the user's own."""

_decoder = msgspec.json.Decoder(Job)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


def decode(payload: bytes, max_bytes: int | None = None) -> Job:
    """Read a payload; UnreadablePayload when it is no job, or much larger than a job may be."""
    if max_bytes is not None and len(payload) > max_bytes + GROWTH:
        raise UnreadablePayload(
            f"{len(payload):,} bytes, more than the limit of {max_bytes:,} (max_payload)"
        )
    try:
        if not payload.isascii():
            payload.decode()  # fields that are not ours are not looked at, but written again
        return _decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadablePayload(f"not a job: {error}") from None


def waited(enqueued_at: msgspec.Raw, began: float) -> float | None:
    """For how many seconds it lay on its queue until it `began`; None where that is not known."""
    try:
        at = float(enqueued_at)
    except ValueError:
        return None
    if at >= YEAR_5000:
        at /= 1000  # Sidekiq 8 writes milliseconds, earlier versions and we seconds
    if 0 < at < YEAR_5000:
        return began - at if began > at else 0.0
    return None


def encode(
    draft: Draft, args: bytes, kwargs: bytes | None, *, now: float, max_bytes: int, stamp: bool
) -> str:
    """The payload of a draft whose arguments are JSON already.

    `stamp` adds `enqueued_at`, for jobs that go straight to a queue. Raises PayloadTooLarge, and
    ConfigError for an extra field with a name of ours.
    """
    parts = [f'{{"jid":"{draft.jid}",']
    if draft.bid is not None:
        parts.append(f'"bid":"{draft.bid}",')
    if draft.expires_in is not None:
        due = now if draft.at is None else max(draft.at, now)
        parts.append(f'"expiry":{due + draft.expires_in:.3f},')
    parts.append(f'"class":"{draft.job}","queue":"{draft.queue}","args":{args.decode()}')
    if kwargs is not None:
        parts.append(f',"kwargs":{kwargs.decode()}')
    parts.append(f',"retry":{_text(draft.retry)},"created_at":{now:.3f}')
    for name in ("retry_for", "timeout", "tags"):
        value = getattr(draft, name)
        if value:
            parts.append(f',"{name}":{_text(value)}')
    if taken := OURS & draft.extra.keys():
        raise ConfigError(f"{draft.job}: extra fields can't be named {', '.join(sorted(taken))}")
    for name, value in draft.extra.items():
        parts.append(f",{_text(name)}:{_text(value)}")
    parts.append(f',"enqueued_at":{now:.3f}}}' if stamp else "}")
    payload = "".join(parts)
    # A character takes up to four bytes: only count bytes when it could matter.
    if len(payload) * 4 > max_bytes and (size := len(payload.encode())) > max_bytes:
        raise PayloadTooLarge(
            f"{draft.job} would be {size:,} bytes, more than the limit of {max_bytes:,} "
            "(max_payload): store the data elsewhere and pass a reference to it"
        )
    return payload


def changed(payload: bytes, fields: dict[str, Any], drop: Sequence[str] = ()) -> str:
    """The payload with some fields set or dropped, all others byte for byte as they were."""
    content: dict[str, Any] = _fields.decode(payload)
    for name in drop:
        content.pop(name, None)
    content.update(fields)
    return _text(content)


def by_hand(payload: bytes, retry_count: int | None) -> str:
    """The payload of a job that is retried by hand: no own attempt, no deadline, no blame."""
    fields = {} if retry_count is None else {"retry_count": max(-1, retry_count - 1)}
    return changed(payload, fields, ("expiry", "enqueued_at", "blamed", "timed_out"))


def _text(value: Any) -> str:
    return _json.encode(value).decode()
