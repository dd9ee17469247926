#!lua flags=allow-oom
--- @include "lib/recall"
-- Gives jobs that a living child holds and will not start back to the front of their queues: those whose
-- tokens are above `begun` and not above `revoked`, up to `limit` (or those that fill `bytes`) at a time.
-- Returns how many were moved.
local tokens = held_tokens(identity, child, begun, revoked)
return #return_claims(identity, child, tokens, limit, bytes, {}, 0)
