"""Faults of batches."""

from __future__ import annotations

from tests.simulator.faults.plant import Faults

BATCHES: Faults = {
    # -- batches ---------------------------------------------------------------------------
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
    "repaired batch listed with the dead": [
        ("  else\n    redis.call('ZREM', key_deaths, bid)\n  end\nend", "  end\nend")
    ],
    "deaths not listed": [
        ("if (delta[DEAD] or 0) ~= 0 then list_deaths", "if false then list_deaths")
    ],
    # -- trees of batches ------------------------------------------------------------------
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
        ("#children[parent] / 2)\n    touch(parent)", "#children[parent] / 2)")
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
    # -- holds, cancelling, partial success ------------------------------------------------
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
            "return kind == 'cancel' or is_cancelled(bid)",
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
            "place == 'dead' and (is_cancelled_in_line(bid)",
            "place == 'dead' and (redis.call('HEXISTS', key_batch(bid), 'cancelled_at') == 1",
        )
    ],
    "cancelled failures not counted": [
        (
            "if FAILED[kind] then failed = failed + 1 end",
            "if FAILED[kind] and not ends_cancelled(bid, kind) then failed = failed + 1 end",
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
    # -- the end of a batch ----------------------------------------------------------------
    "claim does not void an audit": [
        ("for _, bid in ipairs(audited) do void_audit(bid) end\n", "")
    ],
    "claimed callback does not void an audit": [("if known[2] then void_audit(bid) end", "")],
    "new jobs do not void an audit": [("bid)\n      void_audit(bid)\n", "bid)\n")],
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
}
