"""Values that must not be seen: wrapped so that a log line, a traceback or an error can't show them by accident."""

from __future__ import annotations

import hmac
import re

MASK = "********"

_PASSWORD = re.compile(r"(?P<start>[A-Za-z][A-Za-z0-9+.\-]*://[^:/@?#\s]*):(?P<secret>.*)@", re.DOTALL)
_PARAMETER = re.compile(r"(?P<start>[?&][^=&]*(?:pass|secret|token|key|sig)[^=&]*=)[^&#]*", re.IGNORECASE)
_SAFE_SCHEMES = ("sqlite", "postgres", "redis", "valkey", "unix")


class Secret:
    """A secret of the core's configuration. `str`, `repr` and formatting show a mask; only `reveal()` gives the value."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return f"Secret({MASK!r})"

    def __str__(self) -> str:
        return MASK

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash(self._value)


class HiddenText(str):
    """The text of a provider's secret option: an ordinary `str` to the driver that needs it, masked in every `repr`,
    hence in the `repr` of the options that hold it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(MASK)


def without_password(text: str) -> str:
    """`text` with the password of a URL and its secret-looking query parameters masked; other text is returned as it is.

    Everything up to the last `@` is masked, so a password that holds an unescaped `@` or `/` does not show in part."""
    if "://" not in text:
        return text
    return _PARAMETER.sub(rf"\g<start>{MASK}", _PASSWORD.sub(rf"\g<start>:{MASK}@", text))


def shown(value: object, *, secret: bool = False) -> str:
    """A value as people may see it. A secret is a mask, except that a URL of a database or store keeps its host: those are
    asked for most, and hide only their password."""
    if isinstance(value, Secret):
        value, secret = value.reveal(), True
    if value is None or value == "":
        return "" if value is None else '""'
    if value == ():
        return "[]"
    if secret:
        return without_password(value) if isinstance(value, str) and value.startswith(_SAFE_SCHEMES) else MASK
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple | set | frozenset):
        return "[" + ", ".join(shown(item) for item in value) + "]"
    return without_password(str(value))
