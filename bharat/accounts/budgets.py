"""Budgets against guessing, shared by all nodes through `app.limits` (ASVS 5.0, 6.1.1 and 6.3.1).

An account's budget is counted by the address that was typed, whether it exists or not, so that a refusal tells nothing. A store
of limits that does not answer refuses: guessing must not become free when a server is down.
"""

from __future__ import annotations

import hashlib
import ipaddress
import logging
import math
from datetime import timedelta

from bharat.accounts.policy import Policy
from bharat.contracts.addresses import parsed
from bharat.contracts.errors import TooManyRequests, Unavailable
from bharat.contracts.limits import Limits, LimitsUnavailable, Verdict

log = logging.getLogger(__name__)

NETWORK_FACTOR = 10
"""How many times an account's attempts a whole network has: an office shares one address."""
MOST_SECONDS = 120
"""From here on a time is told in minutes."""
RESETS = 5
RESET_WINDOW = timedelta(hours=1)


class Budgets:
    """Each method counts one attempt and raises `TooManyRequests` when none is left, `Unavailable` when nobody can tell."""

    def __init__(self, limits: Limits, policy: Policy) -> None:
        self._limits = limits
        self._attempts = policy.login_attempts
        self._window = policy.login_window

    def login(self, email: str, address: str) -> None:
        """Before a password is looked at, so that attempts made at once are counted too."""
        self._spend(f"login:network:{_network(address)}", self._attempts * NETWORK_FACTOR, self._window)
        self._spend(_account(email), self._attempts, self._window)

    def login_succeeded(self, email: str) -> None:
        """Failed attempts before a success are forgotten; those of the network are not."""
        try:
            self._limits.reset(_account(email))
        except LimitsUnavailable as error:
            raise _unavailable() from error

    def password_set(self, email: str) -> None:
        """Whoever set it has shown another way to be the user, or is the operator: attempts that failed before are forgotten. It
        was set already, so that a store that does not answer changes nothing."""
        try:
            self._limits.reset(_account(email))
        except LimitsUnavailable:
            log.warning("attempts to log in were not forgotten after a password was set: the store of limits is away")

    def reset(self, email: str, address: str) -> None:
        """Before a reset mail is asked for: nobody's mailbox is flooded."""
        self._spend(f"reset:network:{_network(address)}", RESETS * NETWORK_FACTOR, RESET_WINDOW)
        self._spend(f"reset:account:{_digest(email)}", RESETS, RESET_WINDOW)

    def token(self, address: str) -> None:
        """Before a token from a mail is tried."""
        self._spend(f"token:network:{_network(address)}", self._attempts * NETWORK_FACTOR, self._window)

    def _spend(self, key: str, limit: int, window: timedelta) -> None:
        try:
            verdict = self._limits.hit(key, limit=limit, window=window)
        except LimitsUnavailable as error:
            raise _unavailable() from error
        if not verdict.allowed:
            raise _refused(verdict)


def _refused(verdict: Verdict) -> TooManyRequests:
    seconds = max(1, math.ceil(verdict.retry_after.total_seconds()))
    return TooManyRequests(f"Too many attempts. Try again in {_told(seconds)}.", headers={"Retry-After": str(seconds)})


def _told(seconds: int) -> str:
    return f"{math.ceil(seconds / 60)} minutes" if seconds > MOST_SECONDS else f"{seconds} second{'s' * (seconds != 1)}"


def _unavailable() -> Unavailable:
    return Unavailable("Attempts can't be counted just now, so none is allowed. Try again shortly.")


def _account(email: str) -> str:
    return f"login:account:{_digest(email)}"


def _network(address: str) -> str:
    """An IPv4 address, or the /64 that an IPv6 customer has at least; hashed, since only equality matters."""
    found = parsed(address)
    if found is None:
        return _digest(address)
    prefix = 32 if found.version == 4 else 64
    return _digest(str(ipaddress.ip_network((found, prefix), strict=False)))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
