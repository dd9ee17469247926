"""How often a job may take a process with it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from outrider.errors import ConfigError, PoisonPill
from outrider.payload import Draft, by_hand, decode, encode
from outrider.worker.blame import blames, is_suspect, verdict

NOW = 1_800_000_000_000
DAYS = [NOW / 1000 - days * 86_400 for days in range(5)]


def payload(**fields: Any) -> bytes:
    job = {"jid": "j", "class": "app.job", "queue": "low", "args": [{"blamed": [1, 2, 3]}]}
    return json.dumps(job | fields, separators=(",", ":")).encode()


COUNTS: list[tuple[Any, int]] = [
    (None, 0),
    ([], 0),
    (DAYS[:1], 1),
    (DAYS[:2], 2),
    (DAYS[:3], 3),
    # to the millisecond, 72 hours
    ([DAYS[3] + 0.001, DAYS[3]], 1),
    (DAYS[2:], 1),
    (DAYS[3:], 0),
    # the clock of a server that was replaced
    ([DAYS[0] + 60, int(DAYS[1])], 2),
    (DAYS[:1] * 9, 9),
]


@pytest.mark.parametrize(("blamed", "count"), COUNTS, ids=range(len(COUNTS)))
def test_what_counts(blamed: Any, count: int) -> None:
    """Deaths of the last 72 hours: two make a suspect, three a poison pill (P111)."""
    text = payload(blamed=blamed)
    assert blames(decode(text), NOW) == count
    assert is_suspect(text, NOW) == (count == 2)
    assert isinstance(verdict(decode(text), NOW), PoisonPill) == (count >= 3)


def test_who_is_not_blamed() -> None:
    """Arguments of that name, and what is no job, make no suspect."""
    assert not is_suspect(payload(), NOW)
    assert verdict(decode(payload()), NOW) is None
    assert not is_suspect(b'{"blamed":[1', NOW)
    assert not is_suspect(payload(blamed="x"), NOW)


def test_a_splice_overrules_what_was_there() -> None:
    """The last field of a name is the one that counts, for us as for everybody."""
    text = payload(blamed=DAYS[:2])[:-1] + f',"blamed":{json.dumps(DAYS[:3])}}}'.encode()
    assert blames(decode(text), NOW) == 3


def test_verdicts() -> None:
    """Both say what happened and what to do; the poison pill goes first."""
    late = verdict(decode(payload(timed_out=2.5)), NOW)
    assert isinstance(late, TimeoutError)
    assert "2.5 s" in str(late)
    pill = verdict(decode(payload(timed_out=2.5, blamed=DAYS[:3])), NOW)
    assert isinstance(pill, PoisonPill)
    assert "3 processes died" in str(pill)
    assert "by hand" in str(pill)


def test_a_retry_by_hand_begins_afresh() -> None:
    """Somebody has looked at it: nothing is held against the job."""
    text = by_hand(payload(blamed=DAYS[:3], timed_out=3.0, extra=1), None)
    assert json.loads(text) == json.loads(payload(extra=1))


@pytest.mark.parametrize("name", ["blamed", "timed_out"])
def test_nobody_may_name_a_field_so(name: str) -> None:
    """A field of the user's own would be taken for ours."""
    draft = Draft("app.job", [], {}, "low", extra={name: 1}, jid="j")
    with pytest.raises(ConfigError, match=name):
        encode(draft, b"[]", None, now=1.0, max_bytes=1000, stamp=False)
