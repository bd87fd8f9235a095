"""What an import answers, over HTTP and on the command line alike."""

from __future__ import annotations

from collections.abc import Sequence

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


def result_of(counts: Counts, shown: Sequence[Rejected], *, dry_run: bool) -> ImportResult:
    """`shown` are the rejected rows to be told of."""
    return ImportResult(
        rows=counts.rows,
        created=counts.created,
        updated=counts.updated,
        unchanged=counts.unchanged,
        rejected=counts.rejected,
        dry_run=dry_run,
        errors=[RowFault(row.line, fault.column, fault.reason) for row in shown for fault in row.faults],
        skipped_columns=counts.skipped_columns,
    )
