"""`Content-Digest` (RFC 9530)."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256, sha512
from types import SimpleNamespace
from typing import Any

import pytest

from bharat.contracts.digests import announced_sha256
from bharat.contracts.errors import Malformed

DIGEST = sha256(b"content")
SHA256 = f"sha-256=:{b64encode(DIGEST.digest()).decode()}:"
SHA512 = f"sha-512=:{b64encode(sha512(b'content').digest()).decode()}:"


def request(header: str | None) -> Any:
    return SimpleNamespace(header={"Content-Digest": header}.get)


@pytest.mark.parametrize("header", [SHA256, f" {SHA256} ", f"{SHA512}, {SHA256}", f"{SHA256},{SHA512}"])
def test_a_sha256_is_read(header: str) -> None:
    assert announced_sha256(request(header)) == DIGEST.hexdigest()


@pytest.mark.parametrize("header", [None, "", "  ", SHA512, "md5=:AAAA:"])
def test_without_one_there_is_none(header: str | None) -> None:
    assert announced_sha256(request(header)) is None


@pytest.mark.parametrize(
    "header",
    [
        DIGEST.hexdigest(), f"sha-256={DIGEST.hexdigest()}", "sha-256=::", "sha-256=:AAAA:", "sha-256=:A:", f"{SHA256};",
        f"{SHA256},", "sha-256=:ä:", "SHA-256=:AAAA:", "x" * 100_000,
    ],
)  # fmt: skip
def test_anything_else_is_malformed(header: str) -> None:
    with pytest.raises(Malformed, match="Content-Digest"):
        announced_sha256(request(header))
