"""`Content-Digest` (RFC 9530): the checksum that a client sends with its bytes."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode

from bharat.contracts.errors import Malformed
from bharat.contracts.route import Parameter, Request

CONTENT_DIGEST = Parameter(
    name="Content-Digest",
    location="header",
    schema={"type": "string", "pattern": "^(sha-256=:[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=:)?$"},
    description="SHA-256 of the body, `sha-256=:<base64>:` (RFC 9530): what arrives otherwise is refused.",
)

_MEMBER = re.compile(r"\s*([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/]*={0,2}):\s*")


def announced_sha256(request: Request) -> str | None:
    """The SHA-256 that `Content-Digest` announces, as lower-case hex; `None` without the header, or when it holds only digests
    of other algorithms, which a receiver may pass over (RFC 9530, 2). Raises `Malformed` for what is no such header."""
    text = request.header("Content-Digest")
    if text is None or not text.strip():
        return None
    found = None
    for member in text.split(","):
        match = _MEMBER.fullmatch(member)
        if match is None:
            raise _malformed()
        if match[1] == "sha-256":
            try:
                digest = b64decode(match[2], validate=True)
            except binascii.Error:
                raise _malformed() from None
            if len(digest) != 32:
                raise _malformed()
            found = digest.hex()
    return found


def _malformed() -> Malformed:
    return Malformed(
        "Content-Digest must hold digests such as sha-256=:<base64 of 32 bytes>:, with commas between several (RFC 9530)."
    )
