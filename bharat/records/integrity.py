"""A constraint that the database found violated, as an answer that says which field and not which SQL."""

from __future__ import annotations

import sqlalchemy as sa

from bharat.contracts.errors import Conflict, FieldFault, Invalid, Problem
from bharat.records.resource import Resource


def problem_of(error: sa.exc.IntegrityError, resource: Resource) -> Problem | None:
    """`Conflict` for a duplicate, `Invalid` for a reference to what vanished meanwhile; `None` for what is a bug."""
    diagnosis = getattr(error.orig, "diag", None)
    constraint = getattr(diagnosis, "constraint_name", None)
    text = "" if constraint else str(error.orig)
    for index in resource.table.indexes:
        fields = index.info.get("fields")
        if fields and (index.name == constraint or _sqlite_names(text, resource, index)):
            return duplicate(resource, fields)
    if (constraint or "").startswith("fk_") or "FOREIGN KEY" in text:
        return Invalid("Something that this record refers to is not there any more.")
    return None


def duplicate(resource: Resource, fields: tuple[str, ...]) -> Conflict:
    said = " and ".join(fields)
    return Conflict(
        f"There is another {resource.label} with this {said}.",
        faults=[FieldFault(f"/{name}", f"another {resource.label} has this {said} already") for name in fields],
    )


def _sqlite_names(text: str, resource: Resource, index: sa.Index) -> bool:
    # "UNIQUE constraint failed: crm_contacts.organisation_id, crm_contacts.email_key"
    if not text.startswith("UNIQUE constraint failed: "):
        return False
    named = text.removeprefix("UNIQUE constraint failed: ").split(", ")
    return named == [f"{resource.table.name}.{column.name}" for column in index.columns]
