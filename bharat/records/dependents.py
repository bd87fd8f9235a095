"""Who refers to a record: deleting it is refused while live records do, where the reference says `restrict`."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa

from bharat.contracts.database import Unit
from bharat.contracts.errors import Conflict
from bharat.records.attributes import Attribute
from bharat.records.resource import Resource


class Dependents:
    """The references to one type, from all types."""

    def __init__(self, resource: Resource, resources: Sequence[Resource]) -> None:
        self._label = resource.label
        self._from: list[tuple[Resource, Attribute]] = [
            (other, attribute)
            for other in resources
            for attribute in other.attributes
            if attribute.to == resource.name and attribute.restricts
        ]
        self._statement: sa.Select[tuple[object, ...]] = sa.select(
            *(
                sa.select(sa.literal(1))
                .select_from(other.table)
                .where(
                    attribute.column == sa.bindparam("target", type_=sa.Uuid),
                    other.table.c.deleted_at.is_(None),
                )
                .limit(1)
                .scalar_subquery()
                .label(f"used{number}")
                for number, (other, attribute) in enumerate(self._from)
            )
        )

    def refuse_if_any(self, unit: Unit, id: UUID) -> None:
        """Raise `Conflict` naming the types that refer to the record; not which records: not everyone may see them."""
        if not self._from:
            return
        used = unit.rows(self._statement, {"target": id})[0]
        if names := sorted({other.label for (other, _), one in zip(self._from, used, strict=True) if one is not None}):
            raise Conflict(f"The {self._label} can't be deleted while a {' and a '.join(names)} refers to it.")
