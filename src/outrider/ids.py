"""Identifiers: of jobs, of batches, and of a job's place in its batch."""

from __future__ import annotations

import os

FIRST_CALLBACK = 0xF000_0000
EVENTS = ("complete", "success", "death", "settled")


def new_jid() -> str:
    """24 hex characters at random, like Sidekiq's."""
    return os.urandom(12).hex()


def new_bid(shard: int = 0) -> str:
    """16 hex characters; the first two name the batch's shard."""
    return f"{shard:02x}{os.urandom(7).hex()}"


def member_jid(bid: str, number: int) -> str:
    """The jid of job `number` of a batch."""
    return f"{bid}{number:08x}"
