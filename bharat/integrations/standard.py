"""Standard Webhooks 1.0.0 (standard-webhooks/spec), symmetric signatures: HMAC-SHA-256 over `id.timestamp.body`."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import secrets as random
from collections.abc import Sequence
from datetime import timedelta

from bharat.contracts.integrations import SignedRequest

PREFIX = "whsec_"
TOLERANCE = timedelta(minutes=5)
"""How far a timestamp may be from the platform's clock, in either direction."""
FEWEST, MOST = 24, 64
"""Bytes of a secret ("Signature scheme")."""
_MADE = 32
_LONGEST_HEADER = 4096
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
# A full stop would let a part of the id be taken for the timestamp ("Signature scheme").
_ID = re.compile(r"[!-\-/-~]{1,255}")


def new_secret() -> str:
    """A secret of 256 random bits in the form of the specification."""
    return PREFIX + base64.b64encode(random.token_bytes(_MADE)).decode()


def key_of(secret: str) -> bytes | None:
    """The bytes that a secret stands for; `None` when it is not one of 24 to 64 bytes in base64 behind `whsec_`."""
    if not secret.startswith(PREFIX):
        return None
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if FEWEST <= len(key) <= MOST else None


def sign(key: bytes, id: str, timestamp: int, body: bytes) -> str:
    """One entry of the header `webhook-signature`."""
    return f"v1,{base64.b64encode(_digest(key, id, str(timestamp), body)).decode()}"


def verify(request: SignedRequest, secrets: Sequence[str]) -> str | None:
    """The webhook's id when one of the signatures is of one of the secrets and the timestamp is of now; else `None`."""
    id, timestamp, given = (
        request.header(name) or "" for name in ("webhook-id", "webhook-timestamp", "webhook-signature")
    )
    entries = [one[3:] for one in given.split(" ") if one.startswith("v1,")] if len(given) <= _LONGEST_HEADER else []
    keys = [key for key in map(key_of, secrets) if key is not None]
    right = False
    for key in keys:
        expected = base64.b64encode(_digest(key, id, timestamp, request.body))
        for entry in entries:
            # All are compared, whichever fits.
            right |= hmac.compare_digest(expected, entry.encode("utf-8", "surrogatepass"))
    return id if right and _ID.fullmatch(id) and _is_of_now(timestamp, request) else None


def _digest(key: bytes, id: str, timestamp: str, body: bytes) -> bytes:
    return hmac.digest(key, f"{id}.{timestamp}.".encode("utf-8", "surrogatepass") + body, "sha256")


def _is_of_now(timestamp: str, request: SignedRequest) -> bool:
    if not _TIMESTAMP.fullmatch(timestamp):
        return False
    return abs(request.at.timestamp() - int(timestamp)) <= TOLERANCE.total_seconds()
