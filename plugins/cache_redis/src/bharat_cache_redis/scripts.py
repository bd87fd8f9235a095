"""The Lua scripts, each one atomic step. Durations are milliseconds, instants microseconds by Redis's clock."""

from __future__ import annotations

# KEYS: the value, the mark of who computes it.

SET = """
-- ARGV: value, TTL. A computation under way is wanted no more.
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('DEL', KEYS[2])
"""

BEGIN = """
-- ARGV: mark, how long it lasts. The value; or 1: compute it; or 0: somebody does.
local value = redis.call('GET', KEYS[1])
if value then return {value} end
if redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
return 0
"""

FINISH = """
-- ARGV: mark, then value and TTL unless the computation failed. Kept only while it is wanted.
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2])
if ARGV[2] then redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return 1
"""

# KEYS: the counter.

HIT = """
-- ARGV: limit, window. Allowed?, hits, what is left of the window.
local hits = tonumber(redis.call('GET', KEYS[1]) or '0')
if hits >= tonumber(ARGV[1]) then return {0, hits, redis.call('PTTL', KEYS[1])} end
hits = redis.call('INCR', KEYS[1])
-- A counter that was given back to 0 keeps its window.
if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return {1, hits, 0}
"""

PEEK = """
return {tonumber(redis.call('GET', KEYS[1]) or '0'), redis.call('PTTL', KEYS[1])}
"""

GIVE_BACK = """
if tonumber(redis.call('GET', KEYS[1]) or '0') > 0 then redis.call('DECR', KEYS[1]) end
"""

TAKE = """
-- KEYS: the bucket. ARGV: capacity, tokens per second, amount, what rounding may cost.
-- Allowed?, tokens left, as a text: Lua's numbers would be cut to whole ones.
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local capacity, rate, amount = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local bucket = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens, at = tonumber(bucket[1]) or capacity, tonumber(bucket[2]) or now
tokens = math.min(capacity, tokens + math.max(0, now - at) / 1000000 * rate)
if tokens < amount - tonumber(ARGV[4]) then return {0, string.format('%.9f', tokens)} end
tokens = tokens - amount
redis.call('HSET', KEYS[1], 'tokens', string.format('%.9f', tokens), 'at', string.format('%.0f', now))
-- Full again, a bucket is as one that never was.
redis.call('PEXPIRE', KEYS[1], math.ceil((capacity - tokens) / rate * 1000) + 1)
return {1, string.format('%.9f', tokens)}
"""
