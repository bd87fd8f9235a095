"""Import and export of a record type over HTTP: CSV in, CSV out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from itertools import chain
from typing import IO

from bharat.contracts.database import Unit
from bharat.contracts.route import Needs, Request, Response, Route, Stream
from bharat.data.scratch import scratch_file
from bharat.data.turns import give_way
from bharat.records.collection import Records
from bharat.records.export import export_selected
from bharat.records.importing import Counts, CsvFile, Importer, ImportOptions, Rejected
from bharat.records.importing.answers import ImportResult, result_of
from bharat.records.importing.query import PARAMETERS, options_of
from bharat.records.kit import Kit
from bharat.records.selection import Grammar

CSV = "text/csv"
MAX_BYTES = 5 * 1024 * 1024
MAX_ROWS = 5000
"""A request is one transaction, and on SQLite one writer: larger files are for `bharat import`."""
MOST_TOLD = 100
"""Rejected rows whose faults are told."""

_CHUNK = 64 * 1024


class Transfer:
    """The handlers of one type."""

    def __init__(self, kit: Kit, records: Records) -> None:
        self._kit = kit
        self._resource = records.resource
        self._queries = records.queries

    def import_(self, request: Request) -> ImportResult:
        """The rows that can be imported are, in one transaction; the others are told with line, column and reason. A file may
        have up to 5000 rows and 5 MB: `bharat import` takes any size. Give a `key`, and sending a file again changes
        nothing; an `Idempotency-Key` does not apply. While another import of the organisation runs, the answer is 503."""
        options = options_of(request.raw_query, max_rows=MAX_ROWS)
        rejected: list[Rejected] = []

        def tell(row: Rejected) -> None:
            if len(rejected) < MOST_TOLD:
                rejected.append(row)

        importer = Importer(self._kit, self._resource.name, request.principal, options)
        # All of it is received before the transaction begins: a slow sender must not keep others from writing.
        with scratch_file() as file:
            for chunk in request.stream():
                file.write(chunk)
            file.seek(0)
            csv_file = CsvFile(_chunks(file), encoding=options.encoding, delimiter=options.delimiter)
            with self._kit.imports.enter(request.principal.organisation_id):
                counts = _in_one(request.unit, importer, csv_file, tell, options)
        return result_of(counts, rejected, dry_run=options.dry_run)

    def export(self, request: Request) -> Response:
        """Every field is a column, custom fields too; beside the id of what a record refers to stands its title. What a
        spreadsheet would run as a formula has an apostrophe before it, which an import takes off again."""
        principal = request.principal
        self._queries.visibility(principal, "export")
        chunks = export_selected(self._kit, self._resource.name, request.reader, principal, request.raw_query)
        # The first lines are read before the answer begins: what is refused then is a problem, not a file that breaks off.
        first = next(chunks, b"")
        return Response(
            chunks=chain((first,), chunks),
            content_type=f"{CSV}; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{self._resource.plural}.csv"'},
        )

    def routes(self) -> Sequence[Route]:
        plural = self._resource.plural
        words = plural.replace("_", " ")
        return [
            Route(
                method="POST",
                path=f"/api/v1/{plural}/import",
                handler=self.import_,
                access=Needs(f"{plural}:import"),
                summary=f"Import {words} from a CSV file",
                tag=plural,
                operation_id=f"import_{plural}",
                body=Stream((CSV,), MAX_BYTES),
                parameters=PARAMETERS,
                returns=ImportResult,
                errors=(409,),
            ),
            Route(
                method="GET",
                path=f"/api/v1/{plural}/export",
                handler=self.export,
                access=Needs(f"{plural}:export"),
                summary=f"Export {words} as a CSV file",
                tag=plural,
                operation_id=f"export_{plural}",
                parameters=Grammar(self._resource, page=False).parameters(),
                returns=Stream((CSV,)),
            ),
        ]


class _TakeBack(Exception):
    """Ends a dry run's savepoint."""


def _in_one(
    unit: Unit, importer: Importer, file: CsvFile, tell: Callable[[Rejected], None], options: ImportOptions
) -> Counts:
    """The whole import inside the request's unit; a dry run is taken back at its end."""
    if not options.dry_run:
        return importer.run(file, lambda: nullcontext(unit), rejected=tell, turn=give_way)
    counts = None
    try:
        with unit.savepoint():
            counts = importer.run(file, lambda: nullcontext(unit), rejected=tell, turn=give_way)
            raise _TakeBack
    except _TakeBack:
        assert counts is not None
        return counts


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK):
        yield chunk


def transfer_routes(kit: Kit, records: Records) -> Sequence[Route]:
    """The endpoints of one record type."""
    return Transfer(kit, records).routes()
