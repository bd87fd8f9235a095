"""The check of the provider: is the server fit for sessions, and may its user do what they need?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

from bharat.contracts.check import Finding, Status
from bharat.contracts.distance import examine_distance
from bharat.contracts.platform import Platform
from bharat.contracts.sessions import NewSession, SessionsUnavailable
from bharat_redis import Keeps, RedisUnavailable, examine
from bharat_session_redis.sessions import RedisSessions

_SHORTLY = timedelta(seconds=30)


def examine_sessions(sessions: RedisSessions, platform: Platform) -> Iterator[Finding]:
    """What is to be said of the session store."""
    serves = False
    for remark in examine(sessions.clients, Keeps.STATE, "sessions", "sessions.redis.url", lambda: _try_out(sessions)):
        serves = (remark.about, remark.severity) == ("commands", "ok")
        yield Finding(Status(remark.severity), remark.detail, remark.remedy, remark.about)
    if serves:
        yield from examine_distance(sessions.clients.now, platform.clock, "Redis")


def _try_out(sessions: RedisSessions) -> None:
    """Every method once, for a user who does not exist. Raises `RedisUnavailable`."""
    nobody, nowhere = uuid4(), uuid4()
    new = NewSession(organisation_id=nowhere, user_id=nobody, epoch=0, idle=_SHORTLY, absolute=_SHORTLY)
    try:
        token, session = sessions.create(new)
        sessions.load(token)
        sessions.set(token, "probe", 1)
        sessions.unset(token, "probe")
        token = sessions.rotate(token)
        sessions.list(nowhere, nobody)
        sessions.revoke(nowhere, nobody, session.handle)
        sessions.delete(token)
        sessions.revoke_all(nowhere, nobody)
    except SessionsUnavailable as error:
        cause = error.__cause__
        if isinstance(cause, RedisUnavailable):
            raise cause from cause.__cause__  # the driver's own words, which name the command
        raise
