"""A server, looked at: is it fit for what is kept in it?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal

from bharat_redis.errors import RedisUnavailable

if TYPE_CHECKING:
    from bharat_redis.clients import RedisClients

OLDEST = 7
"""The oldest major version of Redis; every Valkey calls itself compatible with 7.2 or newer."""
FILLING, FULL = 0.8, 0.95
"""Parts of `maxmemory`."""


class Keeps(Enum):
    """What is kept, and so what may be forgotten when the memory is full."""

    STATE = "state"
    """Nothing may be forgotten."""
    LEASES = "leases"
    """May be forgotten: who writes is held to the newest fencing token."""
    CACHE = "cache"
    """The longest unused should be forgotten."""


@dataclass(frozen=True, slots=True)
class Remark:
    """What is to be said about a server. It may name the server and its user, never a password."""

    about: str
    severity: Literal["ok", "degraded", "failed"]
    detail: str
    remedy: str = ""


def examine(
    redis: RedisClients, keeps: Keeps, what: str, url_key: str, try_out: Callable[[], object]
) -> Iterator[Remark]:
    """Ask the server about itself, and try what is done with it.

    `what` names what is kept, in the plural; `url_key` is the key of the configuration that holds the URL. `try_out` runs each
    command that is needed, on keys of its own, and cleans up; it may raise `RedisUnavailable`, or an error that it caused."""
    try:
        with redis.translated():
            facts: Mapping[str, Any] = redis.commands.info()
    except RedisUnavailable as error:
        yield _unavailable(error, url_key)
        return
    yield _version(facts)
    yield _topology(facts, url_key)
    yield _eviction(facts, keeps, what)
    yield _memory(facts, keeps)
    yield _persistence(facts, keeps, what)
    try:
        with redis.translated():
            try_out()
    except RedisUnavailable as error:
        yield _unavailable(error, url_key)
    else:
        yield Remark("commands", "ok", "its user may run every command that is needed")


def _unavailable(error: RedisUnavailable, url_key: str) -> Remark:
    from redis.exceptions import NoPermissionError, ResponseError  # the driver is there: it raised the cause

    cause = error.__cause__
    if isinstance(cause, NoPermissionError) or (isinstance(cause, ResponseError) and "ACL" in str(cause)):
        return Remark(
            "commands", "failed", f"{error} ({cause})", "grant what the README of the plugin lists: ACL SETUSER"
        )
    return Remark("", "failed", str(error), f"see that Redis runs and that {url_key} is right")


def _version(facts: Mapping[str, Any]) -> Remark:
    if valkey := facts.get("valkey_version"):
        return Remark("version", "ok", f"Valkey {valkey}")
    version = str(facts.get("redis_version", "0"))
    major = version.partition(".")[0]
    if not major.isdecimal() or int(major) < OLDEST:
        return Remark("version", "failed", f"Redis {version}", f"upgrade the server to version {OLDEST} or newer")
    return Remark("version", "ok", f"Redis {version}")


def _topology(facts: Mapping[str, Any], url_key: str) -> Remark:
    mode = facts.get("redis_mode") or facts.get("server_mode")
    if mode == "cluster":
        return Remark(
            "topology", "failed", "it is a Redis Cluster, which spreads keys that belong together", "use one primary"
        )
    if facts.get("role") != "master":
        return Remark("topology", "failed", "it is a replica, which takes no writes", f"let {url_key} name the primary")
    return Remark("topology", "ok", "it is a primary")


def _eviction(facts: Mapping[str, Any], keeps: Keeps, what: str) -> Remark:
    policy = str(facts.get("maxmemory_policy", "unknown"))
    if keeps is Keeps.STATE and policy != "noeviction":
        return Remark(
            "eviction",
            "failed",
            f"{what} are thrown away when the memory is full (maxmemory-policy {policy})",
            "set maxmemory-policy to noeviction there, and give the cache a Redis of its own (REDIS_CACHE_URL)",
        )
    if keeps is Keeps.CACHE and policy == "noeviction":
        return Remark(
            "eviction",
            "degraded",
            "it evicts nothing, so a full cache stops taking values and leaves no room for sessions and limits beside it",
            "give the cache a Redis of its own (REDIS_CACHE_URL) with maxmemory-policy allkeys-lru",
        )
    return Remark("eviction", "ok", f"maxmemory-policy {policy}, as {what} want it")


def _memory(facts: Mapping[str, Any], keeps: Keeps) -> Remark:
    used, most = int(facts.get("used_memory", 0)), int(facts.get("maxmemory", 0))
    if most == 0:
        detail = f"{_size(used)} are used, and maxmemory sets no limit"
        if keeps is Keeps.CACHE and facts.get("maxmemory_policy") != "noeviction":
            remedy = "set maxmemory: until then it grows as far as the machine goes, and nothing is ever evicted"
            return Remark("memory", "degraded", detail, remedy)
        return Remark("memory", "ok", detail)
    part = used / most
    detail = f"{_size(used)} of {_size(most)} are used ({part:.0%})"
    if keeps is Keeps.CACHE or part < FILLING:
        return Remark("memory", "ok", detail)
    return Remark(
        "memory", "failed" if part >= FULL else "degraded", detail, "give it more memory: full, it refuses writes"
    )


def _persistence(facts: Mapping[str, Any], keeps: Keeps, what: str) -> Remark:
    if "err" in (facts.get("rdb_last_bgsave_status"), facts.get("aof_last_write_status")):
        return Remark(
            "persistence",
            "degraded" if keeps is Keeps.CACHE else "failed",
            "the server could not write its data to disk, and may refuse further writes",
            "make room on its disk, and see its log",
        )
    if facts.get("aof_enabled"):
        return Remark("persistence", "ok", f"{what} survive its restart (append-only file)")
    if int(facts.get("rdb_saves", 0)):
        return Remark("persistence", "ok", f"{what} survive its restart but for the newest (snapshots)")
    return Remark("persistence", "ok", f"{what} are in its memory alone, and a restart loses them")


def _size(count: int) -> str:
    return f"{count / 1024**3:.1f} GB" if count >= 1024**3 else f"{count / 1024**2:.1f} MB"
