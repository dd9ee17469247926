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
}
