"""Passwords: what is accepted (NIST SP 800-63B-4, 3.1.1.2; ASVS 5.0, 6.2) and how they are kept (Argon2id, RFC 9106).

A hash costs about 40 ms and 46 MiB on purpose. It runs in gevent's thread pool where there is one, so that other requests go
on, and a few at a time, so that a flood of logins can't exhaust the memory.
"""

from __future__ import annotations

import base64
import secrets
import threading
import unicodedata
from collections.abc import Callable
from typing import TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import Argon2Error, InvalidHashError
from argon2.low_level import ARGON2_VERSION

from bharat.accounts.common_passwords import COMMON
from bharat.contracts.errors import FieldFault, Invalid
from bharat.data.off_loop import off_loop

ResultT = TypeVar("ResultT")

MAX_LENGTH = 128
AT_ONCE = 4
"""Hashes computed at a time by one process."""

HASHER = PasswordHasher(time_cost=1, memory_cost=47104, parallelism=1, hash_len=32, salt_len=16, type=Type.ID)
"""OWASP Password Storage Cheat Sheet, Argon2id: m=47104 (46 MiB), t=1, p=1."""


class Passwords:
    """Checks, hashes and verifies. One per process."""

    def __init__(self, minimum: int = 12, hasher: PasswordHasher | None = None) -> None:
        self._minimum = minimum
        self._hasher = hasher or HASHER
        self._turn = threading.BoundedSemaphore(AT_ONCE)
        self._nobodys = _hash_of_nothing(self._hasher)

    def check(
        self, password: str, *, email: str | None = None, name: str | None = None, path: str = "/password"
    ) -> None:
        """Raise `Invalid` for a password that is too short, too long, well known, or the user's own name or address."""
        if fault := self._fault(_normal(password), email, name):
            raise Invalid("This password can't be accepted.", faults=[FieldFault(path, fault)])

    def hash(self, password: str) -> str:
        """The Argon2id hash with its parameters and salt, as text."""
        return self._off_loop(lambda: self._hasher.hash(_encoded(password)))

    def verify(self, password: str, kept: str | None) -> bool:
        """Whether `kept` is this password's hash. `None`, for an account that does not exist, costs the same time and is false."""
        against = kept or self._nobodys
        return self._off_loop(lambda: self._matches(against, password)) and kept is not None

    def outdated(self, kept: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(kept)

    def _matches(self, kept: str, password: str) -> bool:
        try:
            return self._hasher.verify(kept, _encoded(password))
        except (Argon2Error, InvalidHashError):
            return False

    def _fault(self, password: str, email: str | None, name: str | None) -> str | None:
        if len(password) < self._minimum:
            return f"must have at least {self._minimum} characters"
        if len(password) > MAX_LENGTH:
            return f"must have at most {MAX_LENGTH} characters"
        plain = password.casefold()
        if plain in COMMON or _is_run(plain):
            return "is among the passwords that attackers try first; choose another"
        own = {email, email.partition("@")[0] if email else None, name, name.replace(" ", "") if name else None}
        if plain in {text.casefold() for text in own if text}:
            return "must not be your own name or address"
        return None

    def _off_loop(self, work: Callable[[], ResultT]) -> ResultT:
        with self._turn:
            return off_loop(work)


def _hash_of_nothing(hasher: PasswordHasher) -> str:
    """What no password matches and costs as much to compare as any. Written, not computed: it is there from the start, and the
    first login of an unknown address takes no longer than the next."""
    parameters = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    salt, digest = (
        base64.b64encode(secrets.token_bytes(size)).decode("ascii").rstrip("=")
        for size in (hasher.salt_len, hasher.hash_len)
    )
    return f"$argon2{hasher.type.name.lower()}$v={ARGON2_VERSION}${parameters}${salt}${digest}"


def _normal(password: str) -> str:
    """One form for one password, however a keyboard composes its letters (NIST SP 800-63B-4, 3.1.1.2)."""
    return unicodedata.normalize("NFC", password)


def _encoded(password: str) -> bytes:
    return _normal(password).encode("utf-8", "surrogatepass")


def _is_run(text: str) -> bool:
    """Whether it is one to four characters repeated, or a straight walk along the alphabet, the digits or a keyboard's row."""
    if any(text == (text[:size] * len(text))[: len(text)] for size in range(1, 5)):
        return True
    return any(text in walk * 8 or text in walk[::-1] * 8 for walk in _WALKS)


_WALKS = (
    "abcdefghijklmnopqrstuvwxyz",
    "1234567890",
    "qwertyuiop",
    "asdfghjkl",
    "qwertyuiopasdfghjklzxcvbnm",
    "1q2w3e4r5t6y7u8i9o0p",
)
