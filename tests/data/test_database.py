"""Units of work and reads."""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa

from bharat.contracts.principal import SYSTEM
from bharat.data import BharatDatabase
from bharat.data.audit import audit_entries, audit_row, write_audit


def test_what_a_unit_writes_is_read_afterwards(database: BharatDatabase, organisation_id: UUID) -> None:
    with database.write(organisation_id, SYSTEM) as unit:
        write_audit(unit, audit_row(unit, database.clock.now(), "x.created", "x", None, {}))
    assert database.read(organisation_id).scalar(sa.select(audit_entries.c.action)) == "x.created"
