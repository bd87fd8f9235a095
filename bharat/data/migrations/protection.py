"""Row-level security: the database's own copy of the tenancy rule, as an Alembic operation.

`op.invoke(ProtectTable("deals"))` in a revision enables a policy that shows and takes only rows of the organisation in the
connection's setting; with no setting there are no rows. The policy reads the setting in a sub-select: evaluated once a
statement, and not by the planner, whose estimate for "no organisation" would be no rows and a bad plan.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations import MigrateOperation, Operations, ops

from bharat.data.tables import tenancy_of

_ORGANISATION = "(SELECT nullif(current_setting('bharat.organisation', true), '')::uuid)"
_PLATFORM = "(SELECT current_setting('bharat.platform', true)) = 'on'"


class ProtectTable(MigrateOperation):
    """Enable row-level security on a table of organisations' data. On SQLite a no-op: it has no roles to protect from."""

    def __init__(self, table: str, *, platform_access: bool = False) -> None:
        self.table = table
        self.platform_access = platform_access

    def reverse(self) -> MigrateOperation:
        return ops.ExecuteSQLOp("SELECT 1")


@Operations.implementation_for(ProtectTable)
def _protect(operations: Operations, operation: ProtectTable) -> None:
    if operations.get_bind().dialect.name != "postgresql":
        return
    table = sa.sql.quoted_name(operation.table, True)
    rule = f"organisation_id = {_ORGANISATION}"
    if operation.platform_access:
        rule = f"{rule} OR {_PLATFORM}"
    operations.execute(f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY')
    operations.execute(f'CREATE POLICY tenancy ON "{table}" USING ({rule}) WITH CHECK ({rule})')


@renderers.dispatch_for(ProtectTable)
def _render(context: AutogenContext, operation: ProtectTable) -> str:
    more = ", platform_access=True" if operation.platform_access else ""
    context.imports.add("from bharat.data.migrations import ProtectTable")
    return f'op.invoke(ProtectTable("{operation.table}"{more}))'


def protect_new_tables(script: Any, metadata: sa.MetaData) -> None:
    """Follow each CREATE TABLE of organisations' data in a generated revision with its protection."""
    for directive in script.upgrade_ops_list:
        for position in range(len(directive.ops) - 1, -1, -1):
            operation = directive.ops[position]
            if not isinstance(operation, ops.CreateTableOp):
                continue
            table = metadata.tables[operation.table_name]
            if tenancy_of(table) == "organisation":
                access = bool(table.info.get("platform_access"))
                directive.ops.insert(position + 1, ProtectTable(table.name, platform_access=access))
