"""Faults of operations on many jobs, and of the trash."""

from __future__ import annotations

from tests.simulator.faults.plant import Faults

OPERATING: Faults = {
    # -- records ---------------------------------------------------------------------------
    "operation begun anew": [("if redis.call('EXISTS', record) == 0 then", "if true then")],
    "step of an operation done again": [
        ("known[1] == 'running' and tonumber(known[2]) == step", "known[1] == 'running'")
    ],
    "step after the end of an operation": [
        ("known[1] == 'running' and tonumber(known[2]) == step", "tonumber(known[2]) == step")
    ],
    "step of an operation not counted": [("'step', step + 1", "'step', step")],
    "ended operation under way": [
        ("OPERATION_LIFE)\n  redis.call('ZREM', key_operating, id)", "OPERATION_LIFE)")
    ],
    "ended operation kept for ever": [
        ("  redis.call('EXPIRE', key_operation(id), OPERATION_LIFE)\n", "")
    ],
    "operation performed, and handed over all the same": [
        ("redis.call('ZADD', key_operating, 'XX',", "redis.call('ZCARD', key_operating) --")
    ],
    "operation handed over twice": [
        ("string.format('%d', now + OPERATION_LEASE), id)\n  end\nend", "0, id)\n  end\nend")
    ],
    "operation cancelled after its end": [
        (
            "if redis.call('HGET', key_operation(id), 'state') == 'running' then",
            "if redis.call('EXISTS', key_operation(id)) == 1 then",
        )
    ],
    # -- jobs ------------------------------------------------------------------------------
    "operation leaves the job": [("take_all(place, name, key, going, id .. ':' .. step)\n", "")],
    "operation looks where jobs were": [
        ("return first + #lying - i - at[payload] end", "return 0 end")
    ],
    "operation cuts off neighbours": [("jobs[#jobs].index == #jobs - 1", "jobs[1].index == 0")],
    "operation leaves marks in a line": [("from_tail and -#jobs or #jobs, mark", "1, mark")],
    "emptied held list still known": [
        (
            "unpack(payloads))\n  end\n  if place == 'held' then check_held(name) end\n",
            "unpack(payloads))\n  end\n",
        )
    ],
    "operation retries what is refused": [("if may_go_on(job) then", "if true then")],
    "operation retries dead jobs of cancelled batches": [
        ("if place == 'dead' and job.bid and known_of('batch ', job.bid, is_over)", "if false")
    ],
    "operation revives no dead member": [("  tell(going, FAILING)\n", "")],
    "operation makes waiting members fail": [(" and (state ~= FAILING or was == DEAD)", "")],
    "operation deletes for good": [("discard(place, name, id, entries, now)", "")],
    "operation tells of the dead once more": [
        ("elseif place ~= 'dead' then\n  tell(", "else\n  tell(")
    ],
    "operation tells no callback": [
        (
            "if job.cb and word then callback_is(job.cb, word) elseif",
            "if job.cb and word then elseif",
        )
    ],
    "operation notes no failure": [
        ("      if state == DEAD then note_failure(bid, number, job.note) end\n", "")
    ],
    # -- the trash -------------------------------------------------------------------------
    "restored and kept": [
        ("if #gone > 0 then redis.call('ZREM', key_trash, unpack(gone)) end\n", "")
    ],
    "members restored": [("if place ~= 'dead' and (bid or cb) then", "if false then")],
    "dead members not restored": [("if place ~= 'dead' and (bid or cb) then", "if bid or cb then")],
    "restored in the wrong order": [("for i = #entries, 1, -1 do", "for i = 1, #entries do")],
    "restored by every asking": [
        ("if id ~= '' and not is_due(id, step) then return", "if false then return")
    ],
    "held job restored to nowhere": [
        (
            "queue = queue or 'default', payload = payload })\n      else",
            "queue = name, payload = payload })\n      else",
        )
    ],
    "two deleted at one time": [("last and tonumber(last) + 1 or base", "base")],
    "deleted without its time": [("place, job[2] or '', id", "place, '', id")],
    "deleted by nobody": [("job[2] or '', id, #name", "job[2] or '', '', #name")],
    "youngest disposed of": [
        ("'ZREMRANGEBYRANK', key_trash, 0, count - 1", "'ZREMRANGEBYRANK', key_trash, -count, -1")
    ],
    "disposed of too early": [("dispose_of(now - TRASH_LIFE, limit)", "dispose_of(now, limit)")],
    "trash without bounds": [
        (
            "math.min(limit, redis.call('ZCOUNT', key_trash,",
            "math.min(9999, redis.call('ZCOUNT', key_trash,",
        )
    ],
    "page of the trash begins with the last": [
        ("'(' .. before, '-inf', 'BYSCORE'", "before, '-inf', 'BYSCORE'")
    ],
    "what others deleted undone": [("elseif head and of == operation then", "elseif head then")],
}
