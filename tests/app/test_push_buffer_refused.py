"""What can never be sent stands in nobody's way."""

from __future__ import annotations

import logging
from dataclasses import replace

import msgspec
import pytest

from outrider.buffer.entry import Entry
from outrider.script import Ticket, command
from tests.app.outage import Outage, buffer_of, job_of, numbers, outage, sent, until

pytestmark = pytest.mark.wide  # outages of single connections

__all__ = ["outage"]


def test_a_refusal_that_will_not_pass(outage: Outage, caplog: pytest.LogCaptureFixture) -> None:
    """It is put aside, named in the log and counted; what is behind it goes on."""
    producer = outage.producer()
    job, buffer = job_of(producer), buffer_of(producer)
    outage.app.perform(command("SET", "queue:odd", 1, decode=bool))
    outage.line.down()
    job.enqueue(1)
    odd = job.using(queue="odd").enqueue(2)
    job.enqueue(3)
    outage.line.up()
    sent(producer)
    assert numbers(outage.app) == [1, 3]
    assert (buffer.jobs, buffer.sent, buffer.refused) == (0, 2, 1)
    (push,) = buffer.refused_pushes()
    assert odd is not None
    assert push.jids == [odd.jid]
    assert "WRONGTYPE" in push.reason
    (line,) = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert odd.jid in line.getMessage()
    outage.app.perform(command("DEL", "queue:odd", decode=int))
    assert buffer.retry_refused() == 1
    sent(producer)
    assert (buffer.refused, buffer.refused_pushes()) == (0, [])
    assert numbers(outage.app, "odd") == [2]


def test_a_group_that_is_parted_in_part(outage: Outage) -> None:
    """As a full disk leaves it: none of it is taken for what was sent before."""
    producer = outage.producer()
    job, store = job_of(producer), buffer_of(producer)._store
    outage.app.perform(command("SET", "queue:odd", 1, decode=bool))
    outage.line.down()
    buffer_of(producer)._lead = lambda: False  # type: ignore[method-assign]
    for number in (1, 2):
        job.enqueue(number)
    job.using(queue="odd").enqueue(3)
    fix, groups = store.fix, list[int]()

    def fail_once(group: list[Entry], ticket: Ticket) -> None:
        groups.append(len(group))
        if groups == [3, 1, 1]:
            raise OSError("no space left on device")
        fix(group, ticket)

    store.fix = fail_once  # type: ignore[method-assign]
    outage.line.up()
    del buffer_of(producer)._lead
    sent(producer)
    assert groups == [3, 1, 1, 1, 1]
    assert numbers(outage.app) == [1, 2]
    assert len(buffer_of(producer).refused_pushes()) == 1


def test_what_cannot_be_read(outage: Outage) -> None:
    """Written by another release, or damaged: put aside too."""
    producer = outage.producer()
    job, store = job_of(producer), buffer_of(producer)._store
    outage.line.down()
    job.enqueue(1)
    (entry,) = store.head()
    for content in (b"\xc1", msgspec.msgpack.encode([("fly", {})])):
        store.put(replace(entry, requests=content, is_push=False))
    job.enqueue(2)
    outage.line.up()
    sent(producer)
    assert numbers(outage.app) == [1, 2]
    assert [push.jids for push in store.refused()] == [[], []]


def test_a_wrong_password_is_waited_for(outage: Outage, caplog: pytest.LogCaptureFixture) -> None:
    """What is no fault of the jobs may pass: they are kept, and one line tells what is wrong."""
    producer = outage.producer()
    outage.line.down()
    job_of(producer).enqueue(1)
    rights = ("ACL", "SETUSER", "default")
    outage.app.perform(command(*rights, "-evalsha", "-eval", decode=bool))
    try:
        outage.line.up()
        until(lambda: any("can't be sent now" in one.getMessage() for one in caplog.records))
        assert buffer_of(producer).jobs == 1
    finally:
        outage.app.perform(command(*rights, "+@all", decode=bool))
    sent(producer)
    assert numbers(outage.app) == [1]
