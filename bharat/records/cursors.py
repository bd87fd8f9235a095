"""Cursors: where a page ended, signed, so that nobody can make one up, and bound to the list that it continues.

A cursor holds the sort key of the last row and not an offset: rows that come or go meanwhile neither repeat nor hide others.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Sequence
from typing import Any, NoReturn

import msgspec

from bharat.contracts.errors import FieldFault, Malformed

_MAC = 16
MAX_LENGTH = 4096


class Cursors:
    """Writes and reads cursors under one key, the same on every node."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def write(self, context: str, values: Sequence[Any]) -> str:
        """A cursor for the list that `context` describes. `values` must be JSON."""
        payload = msgspec.json.encode(values)
        return _encode(self._sign(context, payload) + payload)

    def read(self, context: str, text: str) -> list[Any]:
        """The values again. Raises `Malformed` for a cursor that was changed or belongs to another list."""
        if len(text) > MAX_LENGTH or not text.isascii():
            _refuse()
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            _refuse()
        mac, payload = raw[:_MAC], raw[_MAC:]
        # Base64 has bits that decode to nothing: only the spelling that was handed out is taken back.
        if not hmac.compare_digest(mac, self._sign(context, payload)) or _encode(raw) != text:
            _refuse()
        return msgspec.json.decode(payload, type=list[Any])

    def _sign(self, context: str, payload: bytes) -> bytes:
        return hmac.digest(self._key, context.encode() + b"\0" + payload, "sha256")[:_MAC]


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _refuse() -> NoReturn:
    detail = "is not a cursor of this list: begin again without one, and keep filters and sort while paging"
    raise Malformed("The cursor can't be used.", faults=[FieldFault("?cursor", detail)])
