"""The file of rejected rows: where, which column, why, and the row itself, ready to be corrected and imported again.

Its first three columns begin with `#`, which an import passes over."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import IO

from bharat.records.csv_cells import neutral, restored
from bharat.records.importing.importer import Rejected
from bharat.records.importing.source import CsvFile

REASON_COLUMNS = ("#line", "#column", "#reason")


def holds_rejected_rows(header: Sequence[str]) -> bool:
    """Whether a file with this header was written by `RejectedRows`."""
    return tuple(header[: len(REASON_COLUMNS)]) == REASON_COLUMNS


class RejectedRows:
    """Writes rejected rows of `source` to a binary file, in its encoding and with its delimiter, so that the options which
    fitted that file fit this one; bytes that could not be read come out as they were. Close it to have all of it written."""

    def __init__(self, file: IO[bytes], source: CsvFile) -> None:
        # Only UTF-8 lets unreadable bytes through; elsewhere a reason alone may hold what the encoding has no sign for.
        errors = "surrogateescape" if source.encoding == "utf-8" else "backslashreplace"
        self._text = io.TextIOWrapper(file, encoding=source.encoding, errors=errors, newline="")
        self._writer = csv.writer(self._text, delimiter=source.delimiter)
        self._told_before = {position for position, name in enumerate(source.header) if name in REASON_COLUMNS}
        self._writer.writerow([*REASON_COLUMNS, *self._without(source.header)])

    def close(self) -> None:
        self._text.close()

    def add(self, rejected: Rejected) -> None:
        columns = "; ".join(fault.column for fault in rejected.faults)
        reasons = "; ".join(fault.reason for fault in rejected.faults)
        # A cell that a spreadsheet would run is marked as in an export; an import takes the mark off again.
        told = (str(rejected.line), columns, reasons, *map(restored, self._without(rejected.cells)))
        self._writer.writerow([neutral(cell) for cell in told])

    def _without(self, cells: Sequence[str]) -> list[str]:
        """The cells without the reasons of an earlier import of the same rows."""
        return [cell for position, cell in enumerate(cells) if position not in self._told_before]
