"""Faults to plant in the Lua sources: the simulator must find each of them.

A fault is a list of replacements. Each old text must stand exactly once in every script that has
it, and in one script at least: a fault that fits no longer is an error, not a silent pass.
"""

from __future__ import annotations

import hashlib

from outrider.script import SCRIPTS, Script

Replacement = tuple[str, str]

FAULTS: dict[str, list[Replacement]] = {
    # -- producers ----------------------------------------------------------------------------
    "lane check removed": [
        ("if number > last_number then return nil end", "if true then return nil end")
    ],
    "late push taken for a repeated one": [
        ("then return 1 end\n  return 0\nend", "then return 1 end\n  return 1\nend")
    ],
    "lane not noted": [
        ("string.format('%d:%s', number, digest)", "string.format('%d:%s', number - 1, digest)")
    ],
    "reserved numbers overlap": [("count + count % 2) - count - count % 2", "count) - count")],
    "adding to a settled batch": [("  return -2\nend", "  return nil\nend")],
    "odd block marks one slot too many": [("string.rep('\\16', odd)", "string.rep('\\17', odd)")],
    # -- blocks of any size -------------------------------------------------------------------
    "staged jobs not counted at the commit": [
        ("if staged_count(one[1]) ~= one[2] then return { -4, '' } end", "")
    ],
    "half of a lapsed block committed": [
        ("if staged_count(one[1]) ~= one[2] then", "if staged_count(one[1]) > one[2] then")
    ],
    "committed block keeps its time to live": [("  redis.call('PERSIST', key_staged(name))\n", "")],
    "staged for ever": [
        ("for _, name in ipairs(names) do redis.call('EXPIRE', key_staged(name), life) end", "")
    ],
    "chunk staged twice": [
        (
            "lane_note(lane, number, digest)\nfor _, name in ipairs(names)",
            "for _, name in ipairs(names)",
        )
    ],
    "moved over what lies there": [("if redis.call('EXISTS', goal) == 1 then", "if false then")],
    "moved to the wrong end": [("goal, 'RIGHT', 'LEFT')", "goal, 'RIGHT', 'RIGHT')")],
    "all but the first slice forgotten": [
        (
            "if redis.call('EXISTS', source) == 0 then redis.call('ZREM'",
            "if true then redis.call('ZREM'",
        )
    ],
    "delayed job moved and kept": [("  redis.call('ZREM', source, first[1])\n", "")],
    "drain leaves what is on its way": [(" + unmoved(queue)\n  end", "\n  end")],
    # -- claims -------------------------------------------------------------------------------
    "LTRIM one too few": [("0, -trim[2] - 1)", "0, -trim[2])")],
    "pause overlooked": [
        (
            "if redis.call('SISMEMBER', key_paused, queue) == 0 then\n    local found",
            "if true then\n    local found",
        )
    ],
    "repeated claim takes more": [("if request == tonumber(last) then", "if false then")],
    "tokens begin anew with each child": [
        (
            "redis.call('INCRBY', key_tokens, n) - n + 1",
            "redis.call('INCRBY', key_tokens, n) and request * 1000 + 1",
        )
    ],
    "late claim is served": [("if not last or request < tonumber(last) then", "if not last then")],
    "double delivery runs again": [
        ("elseif member.lapsed or state > FAILING then", "elseif member.lapsed then")
    ],
    "expired member not told to its batch": [
        ("if state == WAITING then becomes(member.number, EXPIRED) end", "")
    ],
    "expired member of a forgotten batch runs": [
        (
            "table.insert(late, { payload = taken[member.at] })\n        taken[member.at] = false",
            "table.insert(late, { payload = taken[member.at] })",
        )
    ],
    "no queue named for who has none": [("if home ~= queue then", "if false then")],
    "retry count sought in the arguments": [
        (
            "local dies = has_run(job.payload)",
            "local dies = string.find(job.payload, 'retry_count')",
        )
    ],
    "brought back without a word": [
        (
            "if state == DEAD then becomes(member.number, FAILING);",
            "if state == DEAD then",
        )
    ],
    "unreadable payloads dropped": [
        (
            "if not jid then table.insert(unreadable, payload); return false end",
            "if not jid then return false end",
        )
    ],
    # -- acknowledgements ---------------------------------------------------------------------
    "ack without a claim": [
        (
            "local payload = held[#done + i]\n  if not payload then",
            "local payload = held[#done + i] or other[3]\n  if payload == '' then",
        )
    ],
    "ack leaves the claim": [
        ("if #tokens > 0 then redis.call('HDEL', claims, unpack(tokens)) end", "")
    ],
    "repeated ack not told": [("if last and request <= tonumber(last) then return {} end", "")],
    "late ack makes an owner": [
        ("if known then redis.call('HSET'", "if true then redis.call('HSET'")
    ],
    "two outcomes of one job count": [("if seen[token] then held[i] = false end", "")],
    "finished member retried": [("if is_over(bid, jid) then return end", "")],
    "released to the wrong end": [
        (
            "call_many('RPUSH', key_queue(queue), payloads)",
            "call_many('LPUSH', key_queue(queue), payloads)",
        )
    ],
    "given back in the wrong order": [("for i = #jobs, 1, -1 do", "for i = 1, #jobs do")],
    # -- batches ------------------------------------------------------------------------------
    "every move allowed": [("return NEXT[from] and NEXT[from][to]", "return from > 0")],
    "states of a byte mixed up": [
        ("then page[index] = byte - byte % 16 + state", "then page[index] = state")
    ],
    "one page of states not written": [
        ("    if page.from then\n", "    if page.from and first == 0 then\n")
    ],
    "state written beside its member": [("first + page.from - 1,", "first + page.from,")],
    "another batch's jid makes a member": [
        ("string.sub(payload, 42, 57) ~= bid or not number or number >= 0x40000000", "not number")
    ],
    "complete fires again": [
        (
            "complete and is.complete_at == 0,",
            "complete,",
        )
    ],
    "success in spite of the dead": [("is.s6 + is.s7 + is.s8 == 0", "is.s7 + is.s8 == 0")],
    "settled fires too early": [("complete and is.s2 == 0 and", "complete and")],
    "death fires again": [
        (
            "if not known[1] or known[2] then return end\n    fire",
            "if not known[1] then return end\n    fire",
        )
    ],
    "judged before counted": [
        ("  shift_counts(batch, delta)\n", ""),
        (
            "  touch(bid)\nend\n\n-- Notes why",
            "  settle_all(0)\n  shift_counts(batch, delta)\nend\n\n-- Notes why",
        ),
    ],
    "callbacks_open not decremented": [("if open ~= 0 then", "if open > 0 then")],
    "callback of late listener not pushed": [
        ("if redis.call('HEXISTS', batch, event .. '_at') == 1 then", "if false then")
    ],
    "late listener keeps the time to live": [
        (
            "push_callback(bid, event, index, now)\n  touch(bid)",
            "push_callback(bid, event, index, now)",
        )
    ],
    "nobody told of failures": [("if failed > 0 then announce", "if false then announce")],
    "revival told as a failure": [("(to == FAILING and from ~= DEAD)", "to == FAILING")],
    "callback fails after its success": [
        (" or was == 'succeeded' then return end", " then return end")
    ],
    "expires with an open callback": [
        ("return is.settled_at > 0 and bit.band(bits(is), 4) > 0", "return is.settled_at > 0")
    ],
    "revival keeps the time to live": [
        ("else redis.call('PERSIST', key) end", "end"),
    ],
    "late callback that has failed is not dead": [
        ("callback_is(job.cb, dies and 'dead' or 'expired')", "callback_is(job.cb, 'expired')")
    ],
    "revived callback keeps the time to live": [
        ("for _, cb in ipairs(callbacks) do revive_callback(cb) end", "")
    ],
    # -- trees of batches ---------------------------------------------------------------------
    "callbacks of a child not waited for": [
        ("local ended = is.callbacks_open == 0", "local ended = true")
    ],
    "child completed before its complete callback has run": [
        ("(complete and is.complete_unrun == 0 and 1 or 0)", "(complete and 1 or 0)")
    ],
    "complete callback counted as run twice": [
        ("if event == 'complete' and was == 'queued' then", "if event == 'complete' then")
    ],
    "bad callback of a child overlooked": [
        (" and is.callbacks_bad == 0 and 2 or 0", " and 2 or 0")
    ],
    "bad callback bars for ever": [("if bad ~= 0 then", "if bad > 0 then")],
    "child's revived job not reported": [
        ("settled and ended and 4", "is.settled_at > 0 and ended and 4"),
    ],
    "child that has not succeeded overlooked": [
        ("if is.kids_succeeded < is.kids or is.barred > 0 then", "if is.barred > 0 then")
    ],
    "reports never taken back": [
        ("local now = bits(is)", "local now = bit.bor(was or 0, bits(is))")
    ],
    "report counted again": [
        (
            "if not was or was == now then return nil end",
            "if not was then return nil end\n  was = 0",
        )
    ],
    "child reported before its callbacks are registered": [
        (
            "if judge(bid, is, now) then is = standing(bid) end",
            "local old = is\n      if judge(bid, is, now) then is = standing(bid) end",
        ),
        ("local parent = report(bid, is)", "local parent = report(bid, old)"),
    ],
    "parent judged before the report of its child": [
        ("for level = deepest, 0, -1 do", "for level = 0, deepest do")
    ],
    "settling stops one level too early": [
        ("if parent then touch(parent) end", "if parent and level > 1 then touch(parent) end")
    ],
    "death told to the batch alone": [("    bid = known[3]\n", "    bid = nil\n")],
    "death told to the parent only": [
        ("    bid = known[3]\n", "    bid, last = not last and known[3], true\n"),
        (
            "local function mourn(bid, now)\n",
            "local function mourn(bid, now)\n  local last = false\n",
        ),
    ],
    "child not counted": [
        ("redis.call('HINCRBY', key_batch(parent), 'kids', #children[parent] / 2)", "")
    ],
    "block added twice makes two children": [
        ("#create > 0 and redis.call('EXISTS', key_batch(bid)) == 0", "#create > 0")
    ],
    "a new child not told further up": [
        ("#children[parent] / 2)\n  touch(parent)", "#children[parent] / 2)")
    ],
    "empty batch waits for ever": [
        ("if total == 0 or not is_new then touch", "if not is_new then touch")
    ],
    "level of a batch in a new one forgotten": [
        ("levels[bid] = levels[parent] + 1", "levels[bid] = 1")
    ],
    "parent of a child not looked at": [
        ("local asked = is_new and parent or bid", "local asked = is_new and '' or bid")
    ],
    "members may not add to what was settled": [("if inside and (", "if false and (")],
    "who says inside may always add": [
        ("if inside and (count(3) + count(4) > 0 or count(6) < count(5)) then", "if inside then")
    ],
    # -- people -------------------------------------------------------------------------------
    "deletion not told to the batch": [
        ("    advance(bid, { number, state }, now)\n", "    touch(bid)\n")
    ],
    "deleted callback stays open": [("  if cb then callback_is(cb, word) end\n", "")],
    "the dead told of their deletion": [
        ("if place ~= 'dead' then\n  local number", "if true then\n  local number"),
    ],
    "a neighbour deleted": [
        (
            "    redis.call('ZREM', part.key, payload)",
            "    redis.call('ZREMRANGEBYRANK', part.key, 0, 0)",
        )
    ],
    "killed in a cancelled batch": [
        ("if bid and state == DEAD and redis.call('HEXISTS'", "if false and redis.call('HEXISTS'")
    ],
    "killed job buried nowhere": [("if to == 'dead' then bury({ payload }, now) end\n", "")],
    "retry leaves the job": [("take(place, part, payload)\nif bid", "if bid")],
    "retried member still dead": [
        ("if dead then advance(bid, { member_number(jid), FAILING }, now) end\n", "")
    ],
    "retry of who is gone": [
        (
            "local part = find(place, '', payload)\n",
            "local part = find(place, '', payload) or { key = lies(place, '') }\n",
        )
    ],
    "clear tells no callback": [
        ("for _, cb in ipairs(callbacks) do callback_is(cb, 'deleted') end\n", "")
    ],
    "clear takes the newest": [
        (
            "found = redis.call('LRANGE', key, -limit, -1)",
            "found = redis.call('LRANGE', key, 0, limit - 1)",
        )
    ],
    "what is on its way overlooked": [
        ("if place == 'queue' or place == 'schedule' then", "if false then")
    ],
    "what is on its way looked through from behind": [
        (
            "('ZRANGE', key_moving, 0, -1)) do\n    if string.sub",
            "('ZREVRANGE', key_moving, 0, -1)) do\n    if string.sub",
        )
    ],
    "taken where it does not lie": [
        ("'LREM', part.key, part.from_end", "'LREM', lies(place, name), part.from_end")
    ],
    "emptied list still on its way": [
        ("if part.name and redis.call('EXISTS', part.key) == 0 then", "if false then")
    ],
    "page of equal times begins again": [
        (
            "then high = middle else low = middle + 1 end",
            "then high = middle else high = middle end",
        )
    ],
    "bytes compared backwards": [("return one > other", "return one < other")],
    "size of the schedule without what is coming": [
        ("return own + unmoved(queue)", "return own + (queue == '' and 0 or unmoved(queue))")
    ],
    # -- bringing back ------------------------------------------------------------------------
    "search overlooks callbacks": [
        (" or (cb and string.sub(cb, 1, #bid + 1) == bid .. ':') then table", " then table")
    ],
    "search finds all": [
        ("if string.find(payload, bid, 1, true) then", "if true then"),
        ("    if member_of == bid or (cb", "    if true or (cb"),
    ],
    "brought back and kept": [("  redis.call('ZREM', key, move.from)\n", "")],
    "brought back from nowhere": [
        (
            "if jid and redis.call('ZSCORE', key, job[1]) then",
            "if jid then",
        )
    ],
    "a copy of what is over brought back": [
        (
            "if state == DEAD or state == WAITING or state == FAILING then table",
            "if true then table",
        )
    ],
    "brought back and still dead": [
        ("if #changes > 0 then advance(bid, changes, now) end\nfor _, cb", "for _, cb")
    ],
    "callback brought back and still dead": [
        (
            "do revive_callback(cb) end\nsettle_all(now)\nreturn #moves",
            "do end\nsettle_all(now)\nreturn #moves",
        )
    ],
    "a neighbour's jobs brought back": [
        (
            "if member_of == bid then\n      local number",
            "if member_of then\n      local number",
        )
    ],
    "cancelled batch brought back": [
        (
            "if why == -1 or why == -3 then return why end\nlocal key",
            "if why == -1 then return why end\nlocal key",
        )
    ],
    # -- holds, cancelling, partial success ---------------------------------------------------
    "hold not counted": [("redis.call('HINCRBY', key_batch(bid), 'holds', 1)", "")],
    "hold ended twice counts twice": [("if stood then redis.call(", "if true then redis.call(")],
    "lapse leaves success possible": [("end_hold(bid, hold, false)", "end_hold(bid, hold, true)")],
    "hold bars nothing": [(" and is.holds == 0\n", "\n")],
    "barred batch can not be repaired": [
        ("if count(7) > 0 or (to_hold and known[8]) then", "if count(7) > 0 then")
    ],
    "claim overlooks the cancelling": [
        (
            "    if cancelled then\n      -- It does not start.",
            "    if false then\n      -- It does not start.",
        )
    ],
    "ack retries a cancelled member": [
        (
            "return kind == 'cancel' or redis.call('HEXISTS', key_batch(bid), 'cancelled_at') == 1",
            "return kind == 'cancel'",
        )
    ],
    "running members cancelled": [("if not runs[number] and (", "if (")],
    "failing members not cancelled": [
        ("(state == WAITING or state == FAILING)", "state == WAITING")
    ],
    "cancelled batch succeeds": [("if is.cancelled_at > 0 then return false end", "")],
    "adding below a cancelled batch": [
        (
            "  if is_cancelled_in_line(bid) then return -3 end",
            "  if redis.call('HEXISTS', key_batch(bid), 'cancelled_at') == 1 then return -3 end",
        )
    ],
    "the dead below a cancelled batch retried": [
        (
            "place == 'dead' and is_cancelled_in_line(bid)",
            "place == 'dead' and redis.call('HEXISTS', key_batch(bid), 'cancelled_at') == 1",
        )
    ],
    "cancelled failures not counted": [
        (
            "if FAILED[kind] then failed = failed + 1 end",
            "if FAILED[kind] and not is_cancelled(bid, kind) then failed = failed + 1 end",
        )
    ],
    "members of others purged": [("if bid and cancelled[bid] then", "if bid then")],
    "cancelling taken over by all": [
        (
            "for _, bid in ipairs(undone) do redis.call('ZADD', key_cancelling,",
            "for _, bid in ipairs({}) do redis.call('ZADD', key_cancelling,",
        )
    ],
    "wish to interrupt not kept": [
        (
            "running == 1 and redis.call('HSETNX', batch, 'interrupt', 1) == 1",
            "running == 1 and redis.call('HEXISTS', batch, 'interrupt') == 0",
        )
    ],
    "later wish to interrupt overlooked by who finishes": [
        ("if is.cancelled_at == 0 or wished then", "if is.cancelled_at == 0 then")
    ],
    "later wish to interrupt under the earlier mark": [
        ("    redis.call('ZINCRBY', key_cancelling, 1, bid)\n  end\nend", "  end\nend")
    ],
    "interrupts heard at once heard never": [
        (
            "math.max(virtual_now() + INTERRUPT_LIFE, tonumber(newest or 0) + 1)",
            "virtual_now() + INTERRUPT_LIFE",
        )
    ],
    "interrupts kept for ever": [
        ("  if #old > 0 then redis.call('ZREM', key_interrupts, unpack(old)) end\n", "")
    ],
    "never gives up": [("tonumber(known[2]) >= tonumber(known[1])", "false")],
    # -- the end of a batch -------------------------------------------------------------------
    "claim does not void an audit": [
        ("for _, bid in ipairs(audited) do void_audit(bid) end\n", "")
    ],
    "claimed callback does not void an audit": [("if known[2] then void_audit(bid) end", "")],
    "new jobs do not void an audit": [("bid)\n    void_audit(bid)\n", "bid)\n")],
    "void audit counts": [
        ("if redis.call('HGET', key_batch(bid), 'audit') ~= audit then return 0 end", "")
    ],
    "audit overlooks callbacks": [
        ("if cb then table.insert(callbacks, cb) end\n  end\nend", "end\nend")
    ],
    "killed by others and told as deleted": [("becomes(one[1], DEAD)", "becomes(one[1], DELETED)")],
    "lost child not counted": [("    recount(bid, child, was, 5)\n", "")],
    "lost child counts as before": [
        (
            "    recount(bid, child, was, 5)\n",
            "    redis.call('HSET', key_kids(bid), child, 5)\n",
        )
    ],
    "lost child succeeds": [("recount(bid, child, was, 5)", "recount(bid, child, was, 7)")],
    "parent of a lost child not judged": [
        ("    recount(bid, child, was, 5)\n    touch(bid)\n", "    recount(bid, child, was, 5)\n")
    ],
    "living child counted as lost": [
        ("redis.call('EXISTS', key_batch(child)) == 0 then\n    recount", "true then\n    recount")
    ],
    "nobody audits a batch again": [
        ("else redis.call('ZADD', key_audit, 'NX', now, bid) end", "end")
    ],
    "batch at rest is audited": [
        ("if rests then redis.call('ZREM', key_audit, bid) else", "if not rests then")
    ],
    "remains of a lost record kept": [("    remove_keys(bid)\n  else", "  else")],
    "live batch forgotten": [("if at_rest(is) then\n  forget", "if true then\n  forget")],
    "doomed batch stays": [
        ("      if is.forget > 0 and at_rest(is) then forget(bid, is, now) end\n", "")
    ],
    "doomed batch goes too early": [
        ("if is.forget > 0 and at_rest(is) then", "if is.forget > 0 then")
    ],
    "doomed batch goes without a word to its parent": [
        (
            "      local parent = report(bid, is)\n",
            (
                "      if is.forget > 0 and at_rest(is) then forget(bid, is, now) end\n"
                "      local parent = report(bid, is)\n"
            ),
        )
    ],
    "something left of a forgotten batch": [
        ("'UNLINK', key_batch(bid), key_slots(bid), ", "'UNLINK', key_batch(bid), ")
    ],
    "success with a bad callback lives a day": [
        ("bit.band(bits(is), 2) > 0 and DAY", "is.success_at > 0 and DAY")
    ],
    "cancelled jobs run once their batch is forgotten": [
        ("if not known then cancelled = redis.call('ZSCORE', key_cancelled, bid) end", "")
    ],
    "job of a forgotten batch not told": [
        ("taken[member.at] = append(taken[member.at], FORGOTTEN)", "")
    ],
    # -- workers and the schedule -------------------------------------------------------------
    "recall leaves the claim": [("redis.call('HDEL', claims, unpack(taken))", "")],
    "recall leaves the number of the last ack": [
        ("redis.call('HDEL', owners, child, child .. ':ack')", "redis.call('HDEL', owners, child)")
    ],
    "recall does not fence": [("redis.call('HSET', owners, child, 'gone')", "")],
    "worker forgotten too early": [
        ("if moved < limit then\n    redis.call('ZREM'", "if true then\n    redis.call('ZREM'")
    ],
    "clock not clamped": [("math.min(math.max(now - last, 0), STEP)", "math.max(now - last, 0)")],
    "clock goes back": [("math.max(now - last, 0)", "(now - last)")],
    "lapsed lease revived": [
        (
            "if register == 0 and not redis.call('ZSCORE', key_leases, identity) then",
            "if false then",
        )
    ],
    "lapsed worker gets a child": [
        ("if not redis.call('ZSCORE', key_leases, identity) then return 0 end", "")
    ],
    "promote leaves the job": [("if #due > 0 then redis.call('ZREM', set, unpack(due)) end", "")],
    "foreign jobs scheduled for nowhere": [("queue = queue or 'default'\n    if", "if")],
    "any bid and jid make a member": [
        (
            "return string.sub(jid, 1, -9) == bid and",
            "return true or",
        )
    ],
    "blanks at the end spoil a splice": [
        ("if string.sub(payload, -1) ~= '}' then", "if false then")
    ],
}


def plant(name: str) -> dict[str, Script]:
    """The scripts that are different with this fault, by name."""
    return _replace(FAULTS[name])


def _replace(replacements: list[Replacement]) -> dict[str, Script]:
    faulty: dict[str, Script] = {}
    for old, new in replacements:
        sound = {name: load() for name, load in SCRIPTS.items()} | faulty
        hit = {name: script for name, script in sound.items() if old in script.source}
        if not hit or any(script.source.count(old) > 1 for script in hit.values()):
            message = f"a fault does not fit the sources any more: {old!r} in {sorted(hit)}"
            raise LookupError(message)
        for name, script in hit.items():
            source = script.source.replace(old, new)
            sha = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()
            faulty[name] = Script(name, source, sha)
    return faulty
