"""The kinds of value: how each is written in JSON, stored, compared and refused.

A `Kind` serves declared fields, custom fields, query strings and imports alike, so that all four accept the same values.
What JSON Schema can say stands in `wire`, for validation and the OpenAPI document at once; `take` does the rest.

Text is trimmed and brought to Unicode NFC (UAX 15), so that two spellings of one letter are one value; control characters
are refused (line breaks and tabs pass in multi-line text), and text that is empty then is null.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import Meta

from bharat.contracts.errors import PluginError
from bharat.contracts.phrasing import END, LIKE, TOLD, phrased
from bharat.contracts.records import AnyField, Boolean, Choice, Date, Instant, Integer, Money, Number, Reference, Text
from bharat.data import ExactDecimal
from bharat.data import Instant as InstantColumn
from bharat.records.currencies import Currency

MONEY_SCALE = 4
MAX_KEYED = 400
"""Longest text, in characters, that may be unique, indexed or a title: an index entry of PostgreSQL
holds at most 2,704 bytes, and case folding can triple a text."""

ORDERED = ("eq", "ne", "gt", "gte", "lt", "lte", "in")
EXACT = ("eq", "ne", "in")


class Refused(ValueError):
    """A value that can't be stored. The message is the fault's detail."""


class Kind:
    """Base. `wire` is the type in JSON, `stored` the Python type in the database, `ops` the filters that make sense."""

    wire: Any
    stored: type
    ops: tuple[str, ...] = ORDERED
    schema: Mapping[str, Any]
    """JSON Schema of one value in a query string."""

    def column_type(self) -> sa.types.TypeEngine[Any]:
        raise NotImplementedError

    def take(self, value: Any) -> Any:
        """The stored value of a value that passed `wire`; `None` for text that is empty. Raises `Refused`."""
        return value

    def give(self, value: Any) -> Any:
        """A stored value in JSON values, as the audit trail keeps it."""
        return value

    def spelled(self, text: str) -> Any:
        """The JSON value that `text` spells in a query string; `text` itself where it spells none, to be refused."""
        return text

    def read(self, value: Any, *, text: bool = False) -> Any:
        """The stored value of an unchecked JSON value, or with `text` of its spelling in a query string. Raises `Refused`."""
        try:
            return self.take(msgspec.convert(self.spelled(value) if text else value, self.wire))
        except msgspec.ValidationError as error:
            # Everything in a query string or a file is a text: that it is one helps nobody.
            told = phrased(str(error), self.wire)
            raise Refused(told.removesuffix(", not a text") if text else told) from None


_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,18})")
_CONTROLS = r"\x00-\x1f\x7f"
_CONTROLS_BUT_LINES = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f"
# The controls of Latin 1 are named because dialects of regular expressions differ in which of them are space.
_FORMATS = {
    "email": r"[^\s@\x00-\x20\x7f-\xa0]+@[^\s@\x00-\x20\x7f-\xa0]+",
    "url": r"https?://[^\s\x00-\x20\x7f-\xa0]+",
    "phone": r"[+(]?[0-9][0-9 ()./x-]{1,38}",
}
_SHORTEST = {"email": 3, "url": 8, "phone": 2}
_FORMS_TOLD = {
    "email": "must be an e-mail address like asha@acme.example",
    "url": "must be a link that begins with http:// or https://, without spaces",
    "phone": "must be a telephone number like +91 22 1234 5678",
}
_PLAIN = "must hold no line breaks or other control characters"
_LINES_PLAIN = "must hold no control characters but line breaks and tabs"


class TextKind(Kind):
    stored = str
    ops: tuple[str, ...] = EXACT

    def __init__(
        self,
        max_length: int,
        *,
        multiline: bool = False,
        required: bool = False,
        format: Literal["plain", "email", "url", "phone"] = "plain",
    ) -> None:
        self.max_length = max_length
        if multiline:
            self.ops = ()
        controls = _CONTROLS_BUT_LINES if multiline else _CONTROLS
        if format == "plain":
            # Space, the first character that is none, and the rest: told apart so that a hostile text takes linear time.
            some = rf"[^\S{controls}]*[^\s{controls}]" if required else ""
            pattern = f"^{some}[^{controls}]*{END}"
        else:
            pattern = f"^{_FORMATS[format]}{END}" if required else f"^(?:{_FORMATS[format]})?{END}"
        shortest = 1 if required else None
        plain = _LINES_PLAIN if multiline else _PLAIN
        told = _FORMS_TOLD.get(format) or (f"must not be empty, and {plain}" if required else plain)
        self.wire = Annotated[
            str, Meta(max_length=max_length, pattern=pattern, min_length=shortest, extra={TOLD: told})
        ]
        some = rf"(?:[^\S{controls}\x7f-\xa0]|[\x80-\xa0])*[^\s\x00-\x20\x7f-\xa0]"
        form = f"{some}[^{controls}]*" if format == "plain" else _FORMATS[format]
        self.schema = {
            "type": "string",
            "minLength": _SHORTEST.get(format, 1),
            "maxLength": max_length,
            "pattern": f"^{form}{END}",
        }

    def column_type(self) -> sa.types.TypeEngine[Any]:
        return sa.String(self.max_length)

    def take(self, value: str) -> str | None:
        value = value.strip()
        if not value.isascii():
            value = unicodedata.normalize("NFC", value)
            try:
                value.encode()
            except UnicodeEncodeError:
                raise Refused("must be valid Unicode: it holds half of a surrogate pair") from None
            if len(value) > self.max_length:
                raise Refused(f"must have at most {self.max_length} characters once normalised (NFC)")
        return value or None


class IntegerKind(Kind):
    stored = int

    def __init__(self, minimum: int = -(2**53) + 1, maximum: int = 2**53 - 1) -> None:
        self.wire = Annotated[int, Meta(ge=minimum, le=maximum)]
        self.schema = {"type": "integer", "minimum": minimum, "maximum": maximum}

    def spelled(self, text: str) -> Any:
        return int(text) if _INTEGER.fullmatch(text) else text

    def column_type(self) -> sa.types.TypeEngine[Any]:
        return sa.BigInteger()


class DecimalKind(Kind):
    """An exact decimal, a JSON string. Integer digits are limited so that the scaled value fits SQLite's 64-bit integer."""

    stored = Decimal

    def __init__(self, scale: int, minimum: int | None = None) -> None:
        if not 0 <= scale <= 6:
            raise PluginError(f"a number's scale is 0 to 6 digits, not {scale}")
        self.scale = scale
        self.minimum = minimum
        digits = min(15, 18 - scale)
        sign = "-?" if minimum is None or minimum < 0 else ""
        fraction = rf"(?:\.[0-9]{{1,{scale}}})?" if scale else ""
        pattern = f"^{sign}[0-9]{{1,{digits}}}{fraction}{END}"
        self._whole = re.compile(pattern)
        self._unit = Decimal(1).scaleb(-scale)
        self.wire = Annotated[
            str,
            Meta(pattern=pattern, extra={TOLD: _decimal_told(scale, digits, bool(sign)), LIKE: _decimal_like(scale)}),
        ]
        self.schema = {"type": "string", "pattern": pattern}

    def column_type(self) -> sa.types.TypeEngine[Any]:
        return ExactDecimal(self.scale)

    def take(self, value: str) -> Decimal:
        if not self._whole.fullmatch(value):
            raise Refused("must be a decimal number")
        # Zero is added because "-0" is no other number than "0".
        number = Decimal(value).quantize(self._unit) + 0
        if self.minimum is not None and number < self.minimum:
            raise Refused(f"must be at least {self.minimum}")
        return number

    def give(self, value: Decimal) -> str:
        return str(value)


class CurrencyKind(Kind):
    stored = str
    ops = EXACT
    wire = Annotated[Currency, Meta(extra={TOLD: "must be the code of a currency in use, like EUR (ISO 4217)"})]
    schema = MappingProxyType({"$ref": "#/components/schemas/Currency"})

    def column_type(self) -> sa.types.TypeEngine[Any]:
        return sa.String(3)

    def take(self, value: Any) -> str:
        return str(value.value)


class BooleanKind(Kind):
    stored = bool
    ops = ("eq",)
    wire = bool
    schema = MappingProxyType({"type": "boolean"})

    def spelled(self, text: str) -> Any:
        return {"true": True, "false": False}.get(text, text)

    def column_type(self) -> sa.types.TypeEngine[Any]:
        return sa.Boolean()


class DateKind(Kind):
    stored = date
    wire = date
    schema = MappingProxyType({"type": "string", "format": "date"})

    def column_type(self) -> sa.types.TypeEngine[Any]:
        return sa.Date()

    def give(self, value: date) -> str:
        return value.isoformat()


class InstantKind(Kind):
    stored = datetime
    wire = Annotated[datetime, Meta(tz=True)]
    schema = MappingProxyType({"type": "string", "format": "date-time"})

    def column_type(self) -> sa.types.TypeEngine[Any]:
        return InstantColumn()

    def take(self, value: datetime) -> datetime:
        try:
            return value.astimezone(UTC)
        except OverflowError:
            raise Refused("must lie between the years 1 and 9999 in UTC") from None

    def give(self, value: datetime) -> str:
        return str(msgspec.to_builtins(value))


class ChoiceKind(Kind):
    stored = str
    ops = EXACT

    def __init__(self, options: tuple[str, ...]) -> None:
        if not options:
            raise PluginError("a choice needs at least one option")
        self.options = options
        self.wire = Literal[options]
        self.schema = {"type": "string", "enum": list(options)}

    def column_type(self) -> sa.types.TypeEngine[Any]:
        return sa.String(max(48, *map(len, self.options)))


class IdKind(Kind):
    stored = UUID
    ops = EXACT
    wire = UUID
    schema = MappingProxyType({"type": "string", "format": "uuid"})

    def column_type(self) -> sa.types.TypeEngine[Any]:
        return sa.Uuid()

    def give(self, value: UUID) -> str:
        return str(value)


def _decimal_like(scale: int) -> str:
    return f"1234.{'50'[:scale]}" if scale else "1234"


def _decimal_told(scale: int, digits: int, signed: bool) -> str:
    places = f"at most {digits} digits before the point and {scale} after it" if scale else f"at most {digits} digits"
    return f"must be a decimal like {_decimal_like(scale)}{'' if signed else ', not negative'}: {places}"


def kind_of(field: AnyField) -> Kind:
    """The kind of a declared field; of a `Money`, that of its amount."""
    match field:
        case Text():
            return TextKind(field.max_length, multiline=field.multiline, required=field.required, format=field.format)
        case Integer():
            return IntegerKind(field.minimum, field.maximum)
        case Number():
            return DecimalKind(field.scale, field.minimum)
        case Money():
            return DecimalKind(MONEY_SCALE, field.minimum)
        case Boolean():
            return BooleanKind()
        case Date():
            return DateKind()
        case Instant():
            return InstantKind()
        case Choice():
            return ChoiceKind(field.options)
        case Reference():
            return IdKind()
