"""What an import answers, over HTTP and on the command line alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from bharat.records.importing.importer import Counts, Rejected


class RowFault(msgspec.Struct, frozen=True):
    """One fault of a rejected row. `column` is empty when it is the row as a whole."""

    line: int
    column: str
    reason: str


class ImportResult(msgspec.Struct, frozen=True):
    """What became of the rows. `errors` tells the first rejected ones; `skipped_columns` hold what Bharat sets itself."""

    rows: int
    created: int
    updated: int
    unchanged: int
    rejected: int
    dry_run: bool
    errors: list[RowFault]
    skipped_columns: list[str]


def import_result(counts: Counts, shown: Sequence[Rejected], *, dry_run: bool) -> dict[str, Any]:
    """As JSON values."""
    errors = [RowFault(one.line, fault.column, fault.reason) for one in shown for fault in one.faults]
    result = ImportResult(
        counts.rows,
        counts.created,
        counts.updated,
        counts.unchanged,
        counts.rejected,
        dry_run,
        errors,
        counts.skipped_columns,
    )
    found: dict[str, Any] = msgspec.to_builtins(result)
    return found
