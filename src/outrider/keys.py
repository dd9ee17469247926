"""Every key on the server: the only place that spells one, for Python and for Lua alike.

The table below is documentation and code at once. `Keys` makes names from it; `script.py` generates
from it what a Lua script needs (`key_retry`, `key_queue(name)` …), so the two cannot drift apart.
Names without `o:` are Sidekiq's own (Sidekiq 8, open-source part); those with it are ours alone.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class KeySpec(NamedTuple):
    """One kind of key: how it is spelled, what lies there, and for how long."""

    template: str
    type: str
    lifetime: str
    meaning: str


TABLE: dict[str, KeySpec] = {
    # -- shared with Sidekiq ------------------------------------------------------------------
    "queues": KeySpec("queues", "set", "none", "names of all queues ever pushed to"),
    "queue": KeySpec("queue:{}", "list", "none", "payloads; pushed at the head, taken at the tail"),
    "schedule": KeySpec("schedule", "zset", "none", "payloads by due time, seconds"),
    "retry": KeySpec("retry", "zset", "none", "failed payloads by the time of the next attempt"),
    "dead": KeySpec("dead", "zset", "trimmed", "payloads by time of death; 10,000 or 180 days"),
    "paused": KeySpec("paused", "set", "none", "names of paused queues"),
    "processes": KeySpec("processes", "set", "pruned", "identities of live workers"),
    "process": KeySpec("{}", "hash", "60 s", "what a worker says of itself at each beat"),
    "work": KeySpec("{}:work", "hash", "60 s", "slot -> running job, for people to look at"),
    "workers": KeySpec("{}:workers", "hash", "60 s", "the same, as Sidekiq up to 6.4 has it"),
    "signals": KeySpec("{}-signals", "list", "60 s", "TSTP, TERM or TTIN for one worker"),
    "stat": KeySpec(
        "stat:{}", "string", "none; days 5 years", "processed, failed, expired; by day"
    ),
    # -- ours ---------------------------------------------------------------------------------
    "guard": KeySpec("o:guard", "none", "-", "never exists; see docs/internals.md, Cluster"),
    "guard2": KeySpec("o:guard:2", "none", "-", "never exists either"),
    "lane": KeySpec("o:lane:{}", "string", "7 days", "last push of one producer connection"),
    "clock": KeySpec("o:clock", "hash", "none", "the virtual clock: vt and last, ms"),
    "leases": KeySpec("o:leases", "zset", "none", "identity -> end of its lease, virtual ms"),
    "owners": KeySpec("o:owners:{}", "hash", "lease", "child -> its last claim request"),
    "claims": KeySpec("o:claims:{}", "hash", "lease", "token -> payload held by one child"),
    "tokens": KeySpec("o:tokens", "string", "none", "the last claim token given out"),
    "pausednames": KeySpec("o:paused", "set", "none", "names of paused jobs"),
    "heldnames": KeySpec("o:held", "set", "none", "names of jobs with a held list"),
    "held": KeySpec(
        "o:held:{}", "list", "none", "payloads of a paused job, taken off their queues"
    ),
    "batches": KeySpec("o:batches", "zset", "none", "bids that are not settled, by activity, ms"),
    "deaths": KeySpec("o:deaths", "zset", "none", "bids with dead members, by the last change, ms"),
    "audit": KeySpec("o:audit", "zset", "none", "bids not at rest -> when they were audited, ms"),
    "auditor": KeySpec("o:auditor", "string", "minutes", "the worker whose turn to audit it is"),
    "scheduler": KeySpec("o:scheduler", "string", "10 min", "who moved due jobs last: ms identity"),
    "holds": KeySpec("o:holds", "zset", "none", "bid:hold -> end of its lease, virtual ms"),
    "cancelling": KeySpec("o:cancelling", "zset", "none", "bids whose cancelling is under way, ms"),
    "interrupts": KeySpec("o:interrupts", "zset", "none", "bids to interrupt, by mark: virtual ms"),
    "cancelled": KeySpec(
        "o:cancelled", "zset", "180 days", "cancelled bids, by when they are known no more, ms"
    ),
    "operation": KeySpec(
        "o:operation:{}", "hash", "7 days after its end", "one operation; fields in internals.md"
    ),
    "operations": KeySpec("o:operations", "zset", "30 days each", "operations by their begin, ms"),
    "operating": KeySpec(
        "o:operating", "zset", "none", "operations under way -> until when somebody is at it, ms"
    ),
    "trash": KeySpec("o:trash", "zset", "10 min each", "deleted jobs by time, microseconds"),
    "batch": KeySpec("o:batch:{}", "hash", "after settled", "one batch; fields in internals.md"),
    "slots": KeySpec("o:slots:{}", "string", "as its batch", "4 bits of state per job"),
    "staged": KeySpec(
        "o:staged:{}", "list or zset", "10 min", "payloads of a block too large for one script"
    ),
    "moving": KeySpec("o:moving", "zset", "none", "committed staged lists by commit time, ms"),
    "kids": KeySpec("o:kids:{}", "hash", "as its batch", "child bid -> how it counts, three bits"),
    "failures": KeySpec(
        "o:failures:{}", "hash", "as its batch", "number -> failing or dead member"
    ),
    "measured": KeySpec(
        "o:measured:{}", "hash", "8 hours; 7 days", "job name -> its runs of a minute, of an hour"
    ),
    "totals": KeySpec("o:totals", "hash", "none", "job name -> all its runs; 1,001 names at most"),
    "sampled": KeySpec(
        "o:sampled:{}", "hash", "8 hours; 7 days", "queue -> how long it was in a minute, an hour"
    ),
    "marks": KeySpec("o:marks", "zset", "90 days", "`ms label` of deploys, by time, ms"),
}

GUARD = TABLE["guard"].template

CHANNELS = {
    "progress": "batch-{}",  # of a batch, by its bid
    "news": "o:news:{}",  # what scripts bring about to jobs, by the name of the event
}


class Keys:
    """Names of all keys under one prefix.

    `prefix` is put before every key; "" shares the keys of Sidekiq.
    """

    __slots__ = ("guards", "prefix")

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix
        self.guards = (f"{prefix}{GUARD}", f"{prefix}{TABLE['guard2'].template}")

    def __call__(self, kind: str, name: str = "") -> str:
        """The key of this kind; `name` fills the template's blank."""
        return self.prefix + TABLE[kind].template.replace("{}", name)

    def channel(self, kind: str, name: str) -> str:
        """The channel of this kind; `name` fills the template's blank."""
        return self.prefix + CHANNELS[kind].replace("{}", name)

    def channels(self, kind: str) -> str:
        """All of this kind, as a pattern of the server."""
        return self.escaped + CHANNELS[kind].replace("{}", "*")

    @property
    def escaped(self) -> str:
        """The prefix as it stands in patterns of the server."""
        return re.sub(r"([\\*?\[\]])", r"\\\1", self.prefix)
