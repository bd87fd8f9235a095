"""Column types that mean the same on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

Document: sa.types.TypeEngine[Any] = sa.JSON(none_as_null=True).with_variant(
    postgresql.JSONB(none_as_null=True), "postgresql"
)
"""A JSON value: `jsonb` on PostgreSQL, text on SQLite."""


class Instant(TypeDecorator[datetime]):
    """A moment in UTC with microseconds. Takes and gives timezone-aware datetimes; a naive one is refused."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            return value.replace(tzinfo=UTC)
        return value if value.tzinfo is UTC else value.astimezone(UTC)


class ExactDecimal(TypeDecorator[Decimal]):
    """A decimal with `scale` digits after the point, exact in sums and comparisons on both databases.

    PostgreSQL stores `numeric(19 + scale, scale)`; SQLite has no exact decimal, so it stores the value times 10^scale
    as an integer, which bounds magnitudes to 9.2e18 / 10^scale. More digits are rounded half to even; what is not finite
    is refused. Products and averages are for Python: in SQL they would see SQLite's integer."""

    impl = sa.Numeric
    cache_ok = True

    def __init__(self, scale: int = 4) -> None:
        super().__init__(precision=19 + scale, scale=scale, asdecimal=True)
        self.scale = scale
        self._unit = Decimal(1).scaleb(-scale)
        self.largest = Decimal(2**63 - 1).scaleb(-scale)
        """The greatest magnitude accepted, the same on both databases."""

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(sa.BigInteger())
        return dialect.type_descriptor(sa.Numeric(19 + self.scale, self.scale, asdecimal=True))

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        value = Decimal(value)
        if not value.is_finite():
            raise ValueError(f"{value} is not a number that can be stored")
        if abs(value) > self.largest:
            raise ValueError(f"a decimal with {self.scale} places may not exceed {self.largest}")
        value = value.quantize(self._unit)
        return int(value.scaleb(self.scale)) if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        if value is None:
            return None
        if dialect.name == "sqlite":
            return Decimal(int(value)).scaleb(-self.scale)
        return Decimal(value)
