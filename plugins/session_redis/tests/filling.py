"""Logins as browsers make them, as many as fill a Redis."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import Any
from uuid import uuid4

from bharat.contracts.sessions import NewSession, Sessions, SessionsUnavailable

AGENT = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
)
ROOM = 700_000
"""Bytes that are free before it is filled."""
MOST = 2000
"""Logins that fill it several times over."""


def login() -> NewSession:
    """As a browser of today does it."""
    day = timedelta(days=1)
    return NewSession(uuid4(), uuid4(), 1, day / 2, 30 * day, address="203.0.113.77", user_agent=AGENT)


def filled(sessions: Sessions, raw: Any, policy: str) -> list[str]:
    """Log in until Redis has no room for more, or at most so often that it has been filled several times; the tokens."""
    raw.config_set("maxmemory-policy", policy)
    raw.config_set("maxmemory", raw.info("memory")["used_memory"] + ROOM)
    tokens: list[str] = []
    with contextlib.suppress(SessionsUnavailable):
        while len(tokens) < MOST:
            tokens.append(sessions.create(login())[0])
    return tokens
