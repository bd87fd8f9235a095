"""Budgets against guessing, shared by all nodes through `app.limits` (ASVS 5.0, 6.1.1 and 6.3.1).

An account's budgets are counted by the address that was typed, whether it exists or not, so that a refusal tells nothing. The
narrow one is that of the account and the network that tries: who types wrong passwords locks out nobody but who shares the own
network (ASVS 5.0, 6.1.1: malicious lockout). Beside it stand a wide one for the account from everywhere, against guessing by
many machines, and one for the network, against trying many accounts. What succeeds counts against none of them.

A store of limits that does not answer refuses: guessing must not become free when a server is down.
"""

from __future__ import annotations

import hashlib
import ipaddress
import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

from bharat.accounts.policy import Policy
from bharat.config.addresses import parsed
from bharat.contracts.errors import TooManyRequests, Unavailable
from bharat.contracts.limits import Limits, LimitsUnavailable, Verdict

log = logging.getLogger(__name__)

NETWORK_FACTOR = 10
"""How many times an account's attempts a whole network has: an office shares one address."""
ACCOUNT_FACTOR = 10
"""How many times the attempts of one network an account has from all of them: to use these up takes as many networks."""
LIFTED = timedelta(days=1)
"""How long it is remembered how often an account's locks were lifted; far longer than what is counted meanwhile."""
_UNCOUNTED = 10**6
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
        """Before a password is looked at, so that attempts made at once are counted too.

        The network's comes first: it bounds how many counters anybody can have made. The account's wide one comes last, so that
        a network that has used up its narrow one takes nothing from it."""
        network = _network(address)
        self._spend(_all_of(network), self._attempts * NETWORK_FACTOR, self._window)
        self._spend(self._one_of(email, network), self._attempts, self._window)
        self._spend(_account(email), self._attempts * ACCOUNT_FACTOR, self._window)

    def login_succeeded(self, email: str, address: str) -> None:
        """Failed attempts of the account before a success are forgotten; those of the network are not, but the success itself is
        not counted against it."""
        network = _network(address)
        with _refusing():
            self._limits.reset(self._one_of(email, network))
            self._limits.reset(_account(email))
            self._limits.give_back(_all_of(network))

    def password(self, user_id: UUID) -> None:
        """Before one's current password is looked at, within one's session: apart from logins, which anybody can use up."""
        self._spend(_own(user_id), self._attempts, self._window)

    def password_proven(self, user_id: UUID) -> None:
        """Failed attempts before a success are forgotten."""
        with _refusing():
            self._limits.reset(_own(user_id))

    def password_set(self, email: str) -> None:
        """Whoever set it has shown another way to be the user, or is the operator: attempts that failed before are forgotten, from
        whatever networks. It was set already, so that a store that does not answer changes nothing."""
        try:
            self._limits.reset(_account(email))
            # Who knows which networks have counters? From now on others are counted.
            self._limits.hit(_lifted(email), limit=_UNCOUNTED, window=max(LIFTED, 2 * self._window))
        except LimitsUnavailable:
            log.warning("attempts to log in were not forgotten after a password was set: the store of limits is away")

    def reset(self, email: str, address: str) -> None:
        """Before a reset mail is asked for: nobody's mailbox is flooded."""
        self._spend(f"reset:network:{_network(address)}", RESETS * NETWORK_FACTOR, RESET_WINDOW)
        self._spend(f"reset:account:{_digest(email)}", RESETS, RESET_WINDOW)

    def token(self, address: str) -> None:
        """Before a token from a mail is tried."""
        self._spend(f"token:network:{_network(address)}", self._attempts * NETWORK_FACTOR, self._window)

    def _one_of(self, email: str, network: str) -> str:
        with _refusing():
            times = _UNCOUNTED - self._limits.peek(_lifted(email), limit=_UNCOUNTED).remaining
        return f"login:from:{_digest(email)}:{times}:{network}"

    def _spend(self, key: str, limit: int, window: timedelta) -> None:
        with _refusing():
            verdict = self._limits.hit(key, limit=limit, window=window)
        if not verdict.allowed:
            raise _refused(verdict)


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except LimitsUnavailable as error:
        raise _unavailable() from error


def _refused(verdict: Verdict) -> TooManyRequests:
    seconds = max(1, math.ceil(verdict.retry_after.total_seconds()))
    return TooManyRequests(f"Too many attempts. Try again in {_told(seconds)}.", headers={"Retry-After": str(seconds)})


def _told(seconds: int) -> str:
    return f"{math.ceil(seconds / 60)} minutes" if seconds > MOST_SECONDS else f"{seconds} second{'s' * (seconds != 1)}"


def _unavailable() -> Unavailable:
    return Unavailable("Attempts can't be counted just now, so none is allowed. Try again shortly.")


def _account(email: str) -> str:
    return f"login:account:{_digest(email)}"


def _lifted(email: str) -> str:
    return f"login:lifted:{_digest(email)}"


def _all_of(network: str) -> str:
    return f"login:network:{network}"


def _own(user_id: UUID) -> str:
    return f"password:user:{user_id}"


def _network(address: str) -> str:
    """An IPv4 address, or the /64 that an IPv6 customer has at least; hashed, since only equality matters."""
    found = parsed(address)
    if found is None:
        return _digest(address)
    prefix = 32 if found.version == 4 else 64
    return _digest(str(ipaddress.ip_network((found, prefix), strict=False)))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
