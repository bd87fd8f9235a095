"""Secrets that people carry: API keys, invitations, password resets.

Each names its organisation in its own text, so it is looked up inside that organisation and under its row-level security.
Only SHA-256 of it is stored: with 256 random bits no salt or stretching is needed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from uuid import UUID

from bharat.contracts.platform import Platform

KEY_PREFIX = "bh_"
_SECRET_BYTES = 32


def new_key(organisation_id: UUID) -> str:
    """An API key: `bh_` and 64 characters. The prefix lets secret scanners find keys that leaked."""
    return KEY_PREFIX + _encode(organisation_id.bytes + secrets.token_bytes(_SECRET_BYTES))


def derived_token(platform: Platform, purpose: str, organisation_id: UUID, id: UUID) -> str:
    """The token of an invitation or reset, the same whenever it is asked for: so it needs to lie in no table and no job, and a
    mail that is sent a second time holds the same link."""
    secret = hmac.digest(platform.key(f"accounts.{purpose}"), id.bytes, "sha256")
    return _encode(organisation_id.bytes + secret)


def organisation_of(text: str, prefix: str = "") -> UUID | None:
    """The organisation that a token names, or `None` when it is no token at all. It proves nothing yet."""
    if not text.startswith(prefix) or len(text) != len(prefix) + 64 or not text.isascii():
        return None
    try:
        raw = base64.b64decode(text[len(prefix) :], altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return UUID(bytes=raw[:16])


def hash_of(text: str) -> str:
    """What is stored in place of a token: SHA-256, hex."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _encode(raw: bytes) -> str:
    # 48 bytes are 64 characters without padding.
    return base64.urlsafe_b64encode(raw).decode("ascii")
