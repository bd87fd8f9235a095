"""The file of rejected rows: where, which column, why, and the row itself, ready to be corrected and imported again.

Its first three columns begin with `#`, which an import passes over."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from typing import IO

from bharat.records.csv_cells import neutral, restored
from bharat.records.importing.importer import Rejected

REASON_COLUMNS = ("#line", "#column", "#reason")


class RejectedRows:
    """Writes rejected rows as CSV to a text file opened with `newline=""` and `errors="surrogateescape"`, so that bytes which
    could not be read come out as they were."""

    def __init__(self, file: IO[str], header: Sequence[str]) -> None:
        self._writer = csv.writer(file)
        self._told_before = {position for position, name in enumerate(header) if name in REASON_COLUMNS}
        self._writer.writerow([*REASON_COLUMNS, *self._without(header)])

    def add(self, rejected: Rejected) -> None:
        columns = "; ".join(fault.column for fault in rejected.faults)
        reasons = "; ".join(fault.reason for fault in rejected.faults)
        # A cell that a spreadsheet would run is marked as in an export; an import takes the mark off again.
        told = (str(rejected.line), columns, reasons, *map(restored, self._without(rejected.cells)))
        self._writer.writerow([neutral(cell) for cell in told])

    def _without(self, cells: Sequence[str]) -> list[str]:
        """The cells without the reasons of an earlier import of the same rows."""
        return [cell for position, cell in enumerate(cells) if position not in self._told_before]
