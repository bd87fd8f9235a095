"""PostgreSQL: old enough, in UTF-8, under a role that row-level security binds, and every table of organisations' data under it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import sqlalchemy as sa

from bharat.contracts.check import Finding, Status
from bharat.contracts.distance import examine_distance
from bharat.contracts.platform import Clock
from bharat.data.role import role_fault
from bharat.data.schema import Schema
from bharat.data.tables import tenancy_of

OLDEST = 15
"""The oldest major version that Bharat is tested on."""
_NAMED = 5
"""Tables that a finding names; of more it says how many there are."""


def examine_postgresql(connection: sa.Connection, schema: Schema | None, clock: Clock) -> Iterator[Finding]:
    """`schema` is `None` where the plugins, and so the tables, aren't known."""

    def ask() -> datetime:
        now: datetime = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
        return now

    yield from examine_distance(ask, clock, "PostgreSQL")
    yield _version(connection)
    yield _encoding(connection)
    yield _role(connection)
    if schema is not None:
        yield _row_security(connection, schema)


def _version(connection: sa.Connection) -> Finding:
    number, told = connection.exec_driver_sql(
        "SELECT current_setting('server_version_num')::int, current_setting('server_version')"
    ).one()
    if number // 10000 < OLDEST:
        return Finding(
            Status.FAILED, f"PostgreSQL {told}", f"upgrade the server to version {OLDEST} or newer", "version"
        )
    return Finding(Status.OK, f"PostgreSQL {told}", about="version")


def _encoding(connection: sa.Connection) -> Finding:
    encoding = connection.exec_driver_sql("SELECT current_setting('server_encoding')").scalar_one()
    return (
        Finding(Status.OK, "texts are kept as UTF-8", about="encoding") if encoding == "UTF8" else no_unicode(encoding)
    )


def no_unicode(encoding: str) -> Finding:
    """The finding for a database in another encoding than UTF-8."""
    return Finding(
        Status.FAILED,
        f"the database keeps its texts as {encoding}",
        "make the database anew with ENCODING 'UTF8' and move the data",
        "encoding",
    )


def _role(connection: sa.Connection) -> Finding:
    name = connection.exec_driver_sql("SELECT current_user").scalar_one()
    if fault := role_fault(connection):
        return Finding(
            Status.FAILED,
            f"row-level security does not bind the role {name!r} of DATABASE_URL: {fault}",
            "make the application's role with `bharat database role` and let DATABASE_URL name it; the owner's URL is "
            "BHARAT_DATABASE__MIGRATION_URL",
            "role",
        )
    return Finding(Status.OK, f"the role {name!r} owns no table and bypasses no policy", about="role")


def _row_security(connection: sa.Connection, schema: Schema) -> Finding:
    wanted = {table.name for table in schema.metadata.tables.values() if tenancy_of(table) == "organisation"}
    rows = connection.execute(
        sa.text(
            "SELECT relname, relrowsecurity AND EXISTS (SELECT 1 FROM pg_policy WHERE polrelid = pg_class.oid) AS protected "
            "FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace "
            "WHERE nspname = current_schema() AND relkind IN ('r', 'p')"
        )
    ).all()
    there = {row.relname: row.protected for row in rows if row.relname in wanted}
    bare = sorted(name for name, protected in there.items() if not protected)
    if bare:
        return Finding(
            Status.FAILED,
            f"row-level security is off for {_listed(bare)}",
            "enable it again as the revisions of the tables' plugin do (`ProtectTable`), and find out who switched it off",
            "row-security",
        )
    return Finding(Status.OK, f"row-level security is on for {len(there)} tables", about="row-security")


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
