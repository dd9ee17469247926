"""Faults of what people see of workers, and tell them."""

from __future__ import annotations

from tests.simulator.faults.plant import Faults

LOOKING: Faults = {
    "who is back pruned": [
        (
            "if redis.pcall('EXISTS', key_process(identity)) == 0 then\n    pruned",
            "if true then pruned",
        )
    ],
    "one left of the gone": [
        (
            "for _, identity in ipairs(identities) do\n  if",
            "for i = 2, #identities do\n  local identity = identities[i]\n  if",
        )
    ],
    "signal waits twice": [("if not redis.call('LPOS', signals, name) then", "if true then")],
    "signal for ever": [("redis.call('EXPIRE', signals, 60)\n", "")],
    "signal to who is gone": [
        ("if redis.call('EXISTS', key_process(identity)) == 0 then return -1 end\n", "")
    ],
    "late signal sent again": [
        (
            "redis.call('EXPIRE', signals, 60)\nlane_note(lane, number, digest)\n",
            "redis.call('EXPIRE', signals, 60)\n",
        )
    ],
    "signal jumps the line": [
        ("redis.call('LPUSH', signals, name)", "redis.call('RPUSH', signals, name)")
    ],
    "signal lost with its answer": [
        ("redis.call('LINDEX', signals, -1) or ''", "redis.call('RPOP', signals) or ''")
    ],
    "signal heard for ever": [
        ("== heard then redis.call('RPOP', signals) end", "== heard then end")
    ],
    "signal gone before it was heard": [
        ("redis.call('LINDEX', signals, -1) == heard then", "true then")
    ],
    "board not shown to old consoles": [("redis.call('COPY', board, key_workers(identity))\n", "")],
    "old consoles see what ran": [("redis.call('DEL', key_workers(identity))\n", "")],
    "children forgotten in the roll": [
        ("count = count + redis.call('HLEN'", "count = redis.call('HLEN'")
    ],
    "first board read for all": [
        ("local identity = identities[done + 1]", "local identity = identities[1]")
    ],
    "numbers without what is coming": [
        (
            "count_of('list', key_queue(name)) + (on_way[name] or 0)",
            "count_of('list', key_queue(name))",
        )
    ],
    "paused name for which no job is held not told": [
        (
            "redis.call('SDIFF', key_pausednames, key_heldnames)",
            "redis.call('SDIFF', key_pausednames, key_pausednames)",
        )
    ],
    "who is gone counted as a worker": [
        ("if not says.err and (says[1] or says[2] or says[3]) then", "if not says.err then")
    ],
    "next job of a queue is the last": [
        (
            "local found = redis.pcall('LINDEX', key, -1)",
            "local found = redis.pcall('LINDEX', key, 0)",
        )
    ],
    "batch seen told again": [
        (
            "at = at - (redis.call('ZSCORE', key, last) == score and 2 or 1) end",
            "at = at - 1 end",
        )
    ],
    "batch skipped by who has gone": [
        (
            "at = at - (redis.call('ZSCORE', key, last) == score and 2 or 1) end",
            "at = at - 2 end",
        )
    ],
    "more batches always to come": [
        ("answer[1] = at >= 0 and at < count and 1 or 0", "answer[1] = 1")
    ],
}
