"""The Lua scripts: whose lease it is, and what becomes of it, in one atomic step. KEYS: the lock. ARGV: owner, TTL in ms."""

from __future__ import annotations

RENEW = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""

RELEASE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
"""
