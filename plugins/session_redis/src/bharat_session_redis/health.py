"""The health check: does Redis answer, and may it throw sessions away?"""

from __future__ import annotations

from bharat.contracts.check import Finding, Status
from bharat.contracts.sessions import Sessions, SessionsUnavailable
from bharat_session_redis.sessions import RedisSessions


def examine(sessions: Sessions) -> Finding:
    """What is to be said of the application's session store."""
    if not isinstance(sessions, RedisSessions):
        return Finding(
            Status.DEGRADED,
            "the plugin session_redis is enabled, and sessions are kept elsewhere",
            'set sessions.provider = "redis", or disable the plugin',
        )
    try:
        policy = sessions.eviction_policy()
    except SessionsUnavailable as error:
        return Finding(Status.FAILED, str(error), "see that Redis runs and that sessions.redis.url is right")
    if policy != "noeviction":
        return Finding(
            Status.DEGRADED,
            f"Redis may throw sessions away when it is full (maxmemory-policy {policy}), which logs users out",
            "set maxmemory-policy to noeviction, and use another Redis for caches",
        )
    return Finding(Status.OK, "Redis answers and keeps every session")
