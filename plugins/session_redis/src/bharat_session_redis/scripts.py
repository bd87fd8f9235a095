"""The Lua scripts. Each is one atomic step: nothing comes between its question whether a session lives and its change.

A session is a hash; `user` is `<organisation>:<user>`, which names the index: a sorted set of the hashes of that user's
tokens, scored by expiry. Times are microseconds by Redis's clock. A session counts only while its index names it, so that
who empties the index ends them all. Every script begins with `PRELUDE`.
"""

from __future__ import annotations

PRELUDE = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]

-- Lua would write a number of this size as 1.7e+15.
local function text(number)
  return string.format('%.0f', number)
end

-- What is known of a live session. Of one that is not, nothing is left.
local function live(key, hash, indexes)
  local found = redis.call('HMGET', key, 'user', 'seen', 'idle', 'until')
  if not (found[1] and found[2] and found[3] and found[4]) then
    return nil
  end
  local index = indexes .. found[1]
  local seen, idle, last = tonumber(found[2]), tonumber(found[3]), tonumber(found[4])
  local ends = math.min(seen + idle, last)
  if ends > now and redis.call('ZSCORE', index, hash) then
    return {index = index, seen = seen, idle = idle, last = last, ends = ends}
  end
  redis.call('DEL', key)
  redis.call('ZREM', index, hash)
  return nil
end

-- Redis drops the session when it ends, and the index with the last of its sessions.
local function keep(key, hash, index, ends)
  local moment = math.ceil(ends / 1000)
  redis.call('PEXPIREAT', key, text(moment))
  redis.call('ZADD', index, text(ends), hash)
  if redis.call('PEXPIRETIME', index) < moment then
    redis.call('PEXPIREAT', index, text(moment))
  end
end

-- Names and values of all fields, each after its length, in one text: a client takes a list of texts apart one by one, which costs
-- it more than all the rest.
local function packed(key)
  local parts = redis.call('HGETALL', key)
  for at = 1, #parts do
    parts[at] = struct.pack('>I4c0', #parts[at], parts[at])
  end
  return table.concat(parts)
end

local function forget_expired(index)
  redis.call('ZREMRANGEBYSCORE', index, '-inf', text(now))
end
"""

CREATE = """
-- KEYS: session, index. ARGV: hash, idle, absolute, then names and values.
local idle, last = tonumber(ARGV[2]), now + ARGV[3]
redis.call('HSET', KEYS[1], 'created', text(now), 'seen', text(now), 'idle', text(idle), 'until', text(last))
for at = 4, #ARGV, 2 do
  redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1])
end
forget_expired(KEYS[2])
keep(KEYS[1], ARGV[1], KEYS[2], math.min(now + idle, last))
return packed(KEYS[1])
"""

LOAD = """
-- KEYS: session. ARGV: hash, beginning of index keys, the longest that `seen` may lag.
local session = live(KEYS[1], ARGV[1], ARGV[2])
if not session then
  return false
end
if now - session.seen >= math.min(tonumber(ARGV[3]), session.idle / 10) then
  local noted = redis.pcall('HSET', KEYS[1], 'seen', text(now))
  if type(noted) == 'number' then
    keep(KEYS[1], ARGV[1], session.index, math.min(now + session.idle, session.last))
  elseif string.sub(noted.err, 1, 4) ~= 'OOM ' then
    return noted
  end
  -- A full Redis takes no note of the use, and that alone must not log anybody out.
end
return packed(KEYS[1])
"""

SET = """
-- KEYS: session. ARGV: hash, beginning of index keys, name, value.
if not live(KEYS[1], ARGV[1], ARGV[2]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[3], ARGV[4])
return 1
"""

UNSET = """
-- KEYS: session. ARGV: hash, beginning of index keys, name.
if not live(KEYS[1], ARGV[1], ARGV[2]) then return 0 end
redis.call('HDEL', KEYS[1], ARGV[3])
return 1
"""

ROTATE = """
-- KEYS: session, the same under its new name. ARGV: hash, beginning of index keys, new hash, perhaps a new epoch.
local session = live(KEYS[1], ARGV[1], ARGV[2])
if not session then return 0 end
redis.call('RENAME', KEYS[1], KEYS[2])
if ARGV[4] then redis.call('HSET', KEYS[2], 'epoch', ARGV[4]) end
redis.call('ZREM', session.index, ARGV[1])
keep(KEYS[2], ARGV[3], session.index, session.ends)
return 1
"""

DELETE = """
-- KEYS: session. ARGV: hash, beginning of index keys.
local user = redis.call('HGET', KEYS[1], 'user')
if user then
  redis.call('ZREM', ARGV[2] .. user, ARGV[1])
end
return redis.call('DEL', KEYS[1])
"""

LIST = """
-- KEYS: index. ARGV: beginning of session keys.
forget_expired(KEYS[1])
local found = {}
for _, hash in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local session = packed(ARGV[1] .. hash)
  if #session > 0 then
    found[#found + 1] = {hash, session}
  end
end
return found
"""

REVOKE = """
-- KEYS: index. ARGV: beginning of session keys, handle.
forget_expired(KEYS[1])
local ended = 0
for _, hash in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  if string.sub(hash, 1, 32) == ARGV[2] then
    redis.call('ZREM', KEYS[1], hash)
    ended = ended + redis.call('DEL', ARGV[1] .. hash)
  end
end
return ended
"""

REVOKE_ALL = """
-- KEYS: index. ARGV: beginning of session keys, handle to keep.
forget_expired(KEYS[1])
local ended = 0
for _, hash in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  if string.sub(hash, 1, 32) ~= ARGV[2] then
    redis.call('ZREM', KEYS[1], hash)
    ended = ended + redis.call('DEL', ARGV[1] .. hash)
  end
end
return ended
"""
