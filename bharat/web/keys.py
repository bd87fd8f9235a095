"""The platform's secret and the keys derived from it."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from bharat.contracts.errors import ConfigError

FILE = "secret.key"


class PlatformKey:
    """Derives one key per purpose, so that a signature made for one thing is worth nothing for another."""

    def __init__(self, secret: bytes) -> None:
        self._extracted = hmac.digest(b"bharat", secret, hashlib.sha256)

    @classmethod
    def of(cls, configured: str | None, home: Path) -> PlatformKey:
        """From the configuration, else from the file in `home`, which is made when there is none."""
        return cls(configured.encode() if configured is not None else _from_file(home / FILE))

    def derive(self, purpose: str) -> bytes:
        """32 bytes: HKDF with SHA-256 (RFC 5869) and `purpose` as its info."""
        return hmac.digest(self._extracted, purpose.encode() + b"\x01", hashlib.sha256)


def _from_file(path: Path) -> bytes:
    """Several processes may start at once: the one whose link succeeds makes the key, the others read it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            fresh = path.with_name(f"{path.name}.{os.getpid()}")
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_urlsafe(48))
            try:
                os.link(fresh, path)
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        secret = path.read_bytes().strip()
    except OSError as error:
        raise ConfigError(
            f"the secret key can't be kept in {path} ({error.strerror}): make the folder writable or set BHARAT_SECRET_KEY"
        ) from None
    if len(secret) < 32:
        raise ConfigError(
            f"{path} holds no secret key of at least 32 characters: restore it, or remove it to log everybody out"
        )
    return secret
