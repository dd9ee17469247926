"""Faults of jobs and where they lie."""

from __future__ import annotations

from tests.simulator.faults.plant import Faults

JOBS: Faults = {
    # -- producers -------------------------------------------------------------------------
    "lane check removed": [
        ("if number > last_number then return nil end", "if true then return nil end")
    ],
    "late push taken for a repeated one": [
        ("    return 1\n  end\n  return 0\nend", "    return 1\n  end\n  return 1\nend")
    ],
    "lane not noted": [
        (
            "string.format('%d:%s', number, digest), 'EX'",
            "string.format('%d:%s', number - 1, digest), 'EX'",
        )
    ],
    "reserved numbers overlap": [("count + count % 2) - count - count % 2", "count) - count")],
    "adding to a settled batch": [("  return -2\nend", "  return nil\nend")],
    "odd block marks one slot too many": [("string.rep('\\16', odd)", "string.rep('\\17', odd)")],
    # -- blocks of any size ----------------------------------------------------------------
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
    # -- claims ----------------------------------------------------------------------------
    "LTRIM one too few": [("0, -trim[2] - 1)", "0, -trim[2])")],
    "pause overlooked": [
        (
            "if redis.call('SISMEMBER', key_paused, queue) == 0 then draw(queue) end",
            "draw(queue)",
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
    "double delivery runs again": [("elseif lapsed or state > FAILING then", "elseif lapsed then")],
    "expired member not told to its batch": [
        (
            "if state == WAITING then becomes(batch, number, EXPIRED); table",
            "if true then table",
        )
    ],
    "expired member of a forgotten batch runs": [
        (
            "    table.insert(late, { payload = payload })\n  elseif",
            "    return append(payload, FORGOTTEN)\n  elseif",
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
            "if state == DEAD then becomes(batch, number, FAILING);",
            "if state == DEAD then",
        )
    ],
    "unreadable payloads dropped": [
        (
            "if not jid then table.insert(unreadable, payload); return false end",
            "if not jid then return false end",
        )
    ],
    "what is passed takes room": [
        ("#taken == want or past == PAST", "#taken + past == want or past == PAST")
    ],
    "nothing is said to be left": [("local left = is_full() and 3 or ", "local left = ")],
    "copy of what expired runs": [("  set_state(batch.slots, number, state)\n", "")],
    "expired jobs not counted": [
        (
            "table.insert(dies and unreadable or expired, job.payload)",
            "if dies then table.insert(unreadable, job.payload) end",
        )
    ],
    "the dead counted as expired": [
        (
            "table.insert(dies and unreadable or expired, job.payload)",
            "if dies then bury({ job.payload }, now) end; table.insert(expired, job.payload)",
        )
    ],
    # -- paused names ----------------------------------------------------------------------
    "paused name overlooked": [
        ("if next(paused) and put_aside(payload, queue) then", "if false then")
    ],
    "no job held": [
        ("if not name or not paused[name] then return false end", "name = name or 'Ruby'")
    ],
    "held at the wrong end": [
        ("'LPUSH', key_held(name), payloads", "'RPUSH', key_held(name), payloads")
    ],
    "held list not named": [("  redis.call('SADD', key_heldnames, name)\n", "")],
    "held job forgets its queue": [
        ("if home ~= queue and not is_plain(payload) then payload", "if false then payload")
    ],
    "handed back while it is paused": [
        (
            "local names = redis.call('SDIFF', key_heldnames, key_pausednames)",
            "local names = redis.call('SMEMBERS', key_heldnames)",
        )
    ],
    "handed back to the wrong end": [
        (
            "  give_back(back)\n  for bid",
            "  for _, one in ipairs(back) do push_all(one.queue, { one.payload }) end\n  for bid",
        )
    ],
    "handed back in the wrong order": [
        (
            "for i = #found, 1, -1 do\n    local _, queue, bid, cb",
            "for i = 1, #found do\n    local _, queue, bid, cb",
        )
    ],
    "handed back and kept": [
        ("  if #found > 0 then redis.call('LTRIM', key_held(name), #found, -1) end\n", "")
    ],
    "handed back without bounds": [
        ("  limit = limit - #found\n", ""),
        ("    bytes = bytes - #found[i]\n", ""),
    ],
    "emptied held list still named": [("  redis.call('SREM', key_heldnames, name)\n", "")],
    "held list with jobs not named": [
        ("if redis.call('EXISTS', key_held(name)) == 1 then return true end", "")
    ],
    "held list emptied by hand still named": [
        ("  if place == 'held' then check_held(name) end\n", "")
    ],
    "drain leaves what comes back": [
        ("  total = total + redis.call('LLEN', key_held(name))\n", "")
    ],
    "what comes back does not void an audit": [
        ("  for bid in pairs(batches) do void_audit(bid) end\n", "")
    ],
    "callback that comes back does not void an audit": [
        ("if cb then batches[string.match(cb, '^%x*')] = true end", "")
    ],
    # -- acknowledgements ------------------------------------------------------------------
    "ack without a claim": [
        (
            "local payload = held[looked]\n  if not payload then",
            "local payload = held[looked] or other[3]\n  if payload == '' then",
        )
    ],
    "ack leaves the claim": [
        ("if looked > 0 then redis.call('HDEL', claims, unpack(tokens, 1, looked)) end", "")
    ],
    "repeated ack not told": [
        ("if acked and request <= tonumber(acked) then return { tonumber(dealt) } end", "")
    ],
    "repeated ack says that it dealt with all": [
        ("return { tonumber(dealt) }", "return { #done + #others }")
    ],
    "what an ack does not deal with is forgotten": [
        ("unpack(tokens, 1, looked)", "unpack(tokens)")
    ],
    "more batches than an ack may bring on": [
        ("if met >= batches then break end\n  looked = i\n", "looked = i\n")
    ],
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
    # -- outboxes --------------------------------------------------------------------------
    "outbox pushed without a claim": [
        ("if not payload then return { -5, '' } end", "payload = payload or ''")
    ],
    "outbox leaves the claim": [
        ("redis.call('HDEL', claims, string.format('%d', token))\ncount", "count")
    ],
    "outbox job not counted": [("count('processed', 1, day)\n", "")],
    "batch not told of an outbox job": [
        ("if bid then advance(bid, { member_number(jid), SUCCEEDED }, now) end", "")
    ],
    "outbox of a callback not its success": [
        ("if cb then callback_is(cb, 'succeeded') end\nlane", "lane")
    ],
    "refused outbox ends its job": [
        (
            "{ -5, '' } end\nlocal no = refusal(batches, staged, queues, scheduled)\n",
            """{ -5, '' } end
local no = refusal(batches, staged, queues, scheduled)
if no then redis.call('HDEL', claims, string.format('%d', token)) end
""",
        )
    ],
    "outbox job ends before it adds": [
        (
            "{ -5, '' } end\n",
            """{ -5, '' } end
local early, _, mine = read(payload)
if mine then advance(mine, { member_number(early), SUCCEEDED }, now) end
settle_all(now)
""",
        )
    ],
    # -- people ----------------------------------------------------------------------------
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
    "killed in a cancelled batch": [("if to == DEAD and cancelled then to = CANCELLED end", "")],
    "killed job buried nowhere": [("  bury({ payload }, now)\nelse", "else")],
    "retry leaves the job": [("take(place, '', part, payload)\nif bid", "if bid")],
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
    "clear sent again clears more": [("lane_note(lane, number, digest .. ':' .. #found)\n", "")],
    "clear takes the newest": [
        (
            "local jobs = redis.call('LRANGE', key, -last - 1, -first - 1)",
            "local jobs = redis.call('LRANGE', key, first, last)",
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
    "bytes compared backwards": [("return one > two", "return one < two")],
    "page sought by the last job alone": [
        ("for rank = #marks, 1, -1 do", "for rank = math.min(#marks, 1), 1, -1 do")
    ],
    "page begins with the last job again": [
        ("= rank, at + 1 + marks[rank][2]", "= rank, at + marks[rank][2]")
    ],
    "jobs without an id shown again": [("= rank, at + 1 + marks[rank][2]", "= rank, at + 1")],
    "page sought where the line was as long": [
        ("local shifted, before = start + total - length,", "local shifted, before = start,")
    ],
    "page of a set goes by place alone": [
        ("return found or near[math.min(low + ties", "return near[math.min(low + ties")
    ],
    "page of a set said to be the last": [
        ("answer[i] = { left > count and 1 or 0,", "answer[i] = { 0,")
    ],
    "size of the schedule without what is coming": [
        ("return own + unmoved(queue)", "return own + (queue == '' and 0 or unmoved(queue))")
    ],
    # -- bringing back ---------------------------------------------------------------------
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
    # -- workers and the schedule ----------------------------------------------------------
    "recall leaves the claim": [("redis.call('HDEL', claims, unpack(tokens, 1, #jobs))\n", "")],
    "recall leaves the number of the last ack": [
        ("redis.call('HDEL', owners, child, child .. ':ack')", "redis.call('HDEL', owners, child)")
    ],
    "recall does not fence": [("redis.call('HSET', owners, child, 'gone')", "")],
    "worker forgotten too early": [("if #children_of(identity) == 0 then", "if true then")],
    "blame lost": [("mark ~= 'blamed' then", "mark then")],
    "all that a child held is blamed": [
        ("marked(found[i], mark, now)", "marked(found[i], 'blamed', 1)")
    ],
    "earlier blame lost": [("    if type(at) == 'number' and at >", "    if false and at >")],
    "blame of any age counts": [(" and at > now / 1000 - BLAME_WINDOW then", " then")],
    "killed for a time-out and blamed": [
        (
            "do marks[child .. ':' .. string.format('%d', token)] = 'timed_out' end",
            "do marks[child .. ':' .. string.format('%d', token)] = 'blamed' end",
        )
    ],
    "lost host blamed for nothing": [
        ("redis.call('HSET', owners, ':started', table.concat(started, ' '))", "")
    ],
    "what ran long ago is blamed": [
        ("if redis.call('EXISTS', owners) == 1 then", "if #started > 0 then")
    ],
    "check renews a lapsed lease": [("if not stands then return { 0, now } end", "")],
    "fenced child not told": [("known ~= 'gone' and redis", "redis")],
    "check renews nothing": [
        ("redis.call('ZADD', key_leases, string.format('%d', lease), identity)", "")
    ],
    "check tells of another child": [
        (
            "local answer = redis.call('HKEYS', key_claims(identity .. ':' .. child))",
            "local answer = redis.call('HKEYS', key_claims(identity .. ':0'))",
        )
    ],
    "token given twice to a child": [("if first <= seen then", "if false then")],
    "newer worker reaped": [
        ("if tonumber(layout or LAYOUT) <= tonumber(LAYOUT) then", "if true then")
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
    "relief of what has begun": [("if token > begun and", "if")],
    "relief of what was claimed since": [("token > begun and token <= revoked", "token > begun")],
    "the oldest claims taken back first": [("return one > other end)", "return one < other end)")],
    "cancelled job taken back without a word": [
        ("if bid and is_cancelled(bid) then", "if false then")
    ],
    "what is due is not told": [("do tell_news('job.due', by_queue[queue]) end", "do end")],
    "what expires is not told": [("tell_news('job.expired', expired)\n", "")],
    "what is buried is not told": [("tell_news('job.buried', unreadable)\n", "")],
    "the dead told as expired": [
        ("tell_news('job.buried', unreadable)", "tell_news('job.expired', unreadable)")
    ],
    "what comes back is not told": [("  tell_news('job.recovered', payloads, notes)\n", "")],
    "what is relieved told as lost": [
        (
            "return #return_claims(identity, child, tokens, limit, bytes, {}, 0)",
            "return tell_recovered(return_claims(identity, child, tokens, limit, bytes, {}, 0))",
        )
    ],
    "recovery told of another claim": [("token = tokens[i]", "token = tokens[1]")],
    "all that comes back told as blamed": [("(job.mark == 'blamed' and '!' or '')", "'!'")],
    "promote leaves the job": [("redis.call('ZREMRANGEBYRANK', set, 0, #found - 1)\n", "")],
    "two workers promote at once": [("(not leads and math.abs", "(false and math.abs")],
    "who promoted last leads for ever": [("math.abs(now - at) < TURN", "true")],
    "more than a script may read": [("if size >= bytes then break end", "")],
    "queue of the job before": [
        ("if is_usual and same and find(payload, same, 33, true) == 33 then", "if same then")
    ],
    "foreign jobs scheduled for nowhere": [
        ("queue = jid and (queue or 'default')", "queue = jid and queue")
    ],
    "any bid and jid make a member": [
        (
            "return string.sub(jid, 1, -9) == bid and",
            "return true or",
        )
    ],
    "blanks at the end spoil a splice": [("if byte(payload, -1) ~= 125 then", "if false then")],
}
