"""Faults of what is measured, and of marks."""

from __future__ import annotations

from tests.simulator.faults.plant import Faults

MEASURING: Faults = {
    "late measures sent again": [
        (
            "  if write[2] then redis.call('EXPIRE', write[1], write[2]) end\nend\nlane_note(",
            "  if write[2] then redis.call('EXPIRE', write[1], write[2]) end\nend\nlane_says(",
        )
    ],
    "minutes in no hour": [("  file(hour_name(entry[1]), entry)\n", "")],
    "totals forgotten": [("if #entries > 0 then table.insert(writes", "if false then f(writes")],
    "sums written over": [("sum[i] = sum[i] + numbers[i] end", "sum[i] = numbers[i] end")],
    "bins written over": [
        ("sum[at] = (sum[at] or 0) + numbers[i + 1]", "sum[at] = numbers[i + 1]")
    ],
    "bins stand twice": [("local at = places[numbers[i]]\n    if at", "local at\n    if at")],
    "earlier measures written over": [
        ("for i, name in ipairs(names) do sums[name] = unpacked(found[i], SUMS) end\n", "")
    ],
    "second entry of a job for the first": [
        ("if sums[name] then add(sums[name], entry[3]) else", "do")
    ],
    "names not bounded": [("if room > 0 then room = room - 1 else name = '' end", "")],
    "measures for ever": [
        ("  if write[2] then redis.call('EXPIRE', write[1], write[2]) end\n", "")
    ],
    "minutes live as long as hours": [("MINUTES_LIVE or HOURS_LIVE", "HOURS_LIVE or HOURS_LIVE")],
    "looks counted twice": [
        ("if not known[i] and (sum or room >= 0) then", "if sum or room >= 0 then")
    ],
    "queues not bounded": [("if not known[i] and (sum or room >= 0) then", "if not known[i] then")],
    "earlier looks of the hour forgotten": [
        ("sum = sum or { 0, 0, 0, 0, 0 }", "sum = { 0, 0, 0, 0, 0 }")
    ],
    "the last look for the largest": [("math.max(sum[3], size)", "size")],
    "looks for ever": [("redis.call('EXPIRE', of_hour, HOURS_LIVE)\n", "")],
    "marked by each host": [("if text == label then return tonumber(time) end", "")],
    "one mark a minute": [("if text == label then return", "do return")],
    "marks not bounded": [("redis.call('ZREMRANGEBYRANK', key_marks, 0, -MOST - 1)\n", "")],
    "marks for ever": [("redis.call('EXPIRE', key_marks, LIFE)\n", "")],
}
