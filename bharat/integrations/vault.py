"""Secrets at rest: AES-256-GCM (NIST SP 800-38D) under keys derived from the platform's secrets.

An envelope is `v1:<key id>:<base64url of nonce, ciphertext and tag>`. The nonce is 96 random bits, fit for 2**32 values under one key
(SP 800-38D, 8.3). What the value belongs to is authenticated with it: in another row, field or organisation it does not decrypt.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

import msgspec

from bharat.contracts.integrations import SecretUnreadable
from bharat.integrations.tables import WEBHOOK

_VERSION = "v1"
_NONCE = 12
_PURPOSE, _IDENTITY = "integrations.secrets", "integrations.key-id"


class Derives(Protocol):
    """A secret of the platform, from which a key for each purpose is derived (HKDF, RFC 5869)."""

    def derive(self, purpose: str) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Place:
    """What a secret belongs to. `kind` and `field` are those of `integration_secrets`."""

    organisation_id: UUID
    integration: str
    kind: str
    field: str

    @property
    def associated(self) -> bytes:
        """The associated data: a JSON list, which can be read in one way only."""
        return msgspec.json.encode([str(self.organisation_id), self.integration, self.kind, self.field])

    def __str__(self) -> str:
        what = "a signing secret of the webhook" if self.kind == WEBHOOK else f"the secret {self.field!r}"
        return f"{what} of the integration {self.integration!r}"


class Vault:
    """Encrypts with the first of the platform's secrets, and decrypts with any."""

    def __init__(self, secrets: Sequence[Derives]) -> None:
        self._keys: dict[str, bytes] = {}
        for secret in secrets:
            self._keys.setdefault(secret.derive(_IDENTITY)[:8].hex(), secret.derive(_PURPOSE))
        self.newest = next(iter(self._keys))
        """The id of the key that is encrypted with."""

    @property
    def key_ids(self) -> tuple[str, ...]:
        """Of every key that is configured, the newest first."""
        return tuple(self._keys)

    def seal(self, place: Place, text: str) -> str:
        """The envelope of a secret."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # 30 ms that most commands need not wait for

        nonce = os.urandom(_NONCE)
        sealed = AESGCM(self._keys[self.newest]).encrypt(nonce, text.encode(), place.associated)
        return f"{_VERSION}:{self.newest}:{base64.urlsafe_b64encode(nonce + sealed).decode()}"

    def open(self, place: Place, envelope: str) -> str:
        """The secret again. Raises `SecretUnreadable`."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        version, _, rest = envelope.partition(":")
        key_id, _, encoded = rest.partition(":")
        if version != _VERSION:
            raise _unreadable(place, "it was written by another version of Bharat; upgrade this one")
        key = self._keys.get(key_id)
        if key is None:
            raise _unreadable(
                place,
                f"it was encrypted with the key {key_id[:16]}, which neither secret_key nor previous_secrets gives; add the secret "
                "that was secret_key then to previous_secrets (BHARAT_PREVIOUS_SECRETS)",
            )
        try:
            raw = base64.b64decode(encoded, altchars=b"-_", validate=True)
            return AESGCM(key).decrypt(raw[:_NONCE], raw[_NONCE:], place.associated).decode()
        except (InvalidTag, ValueError, binascii.Error):
            raise _unreadable(place, "it was damaged, or moved here from elsewhere") from None


def key_id_of(envelope: str) -> str:
    """The id of the key that an envelope names."""
    return envelope.split(":", 2)[1]


def _unreadable(place: Place, reason: str) -> SecretUnreadable:
    way = "rotate it" if place.kind == WEBHOOK else "have an administrator set it again"
    return SecretUnreadable(f"{str(place)[0].upper()}{str(place)[1:]} can't be read: {reason}; or {way}.")
