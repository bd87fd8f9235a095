"""`Importer`: a CSV file into records, batch by batch, each batch a transaction of its own.

The file is read as a stream and rows that name a later row of their own type (a company its parent) are put aside in a
temporary file for another pass: memory does not grow with the file. What can't be imported is told row by row and does not
hold up the others. With a key, importing a file again changes nothing: an unchanged row is not written at all.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from itertools import islice
from typing import IO
from uuid import UUID

from bharat.accounts.teams import add_team
from bharat.contracts.database import Unit
from bharat.contracts.errors import FieldFault, Invalid, TooLarge
from bharat.contracts.principal import Principal
from bharat.data.scratch import scratch_file
from bharat.records.attributes import Attribute
from bharat.records.collection import Records
from bharat.records.custom_fields import Definitions
from bharat.records.importing.batch import Batches, Done, Reference
from bharat.records.importing.columns import Plan, Target, Targets, bind
from bharat.records.importing.drafts import Drafter, Fault
from bharat.records.importing.matching import Matcher
from bharat.records.importing.options import ImportOptions
from bharat.records.importing.references import Names, scope_of
from bharat.records.importing.source import CsvFile, Row
from bharat.records.kit import Kit
from bharat.records.tables import TEAM, USER

MOST_PASSES = 30
"""How deep rows of one file may build on each other, when they stand in the worst order."""

MOST_PARAMETERS = 30_000
"""In one statement; SQLite takes 32,766."""

Units = Callable[[], AbstractContextManager[Unit]]


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that was not imported, with its cells as they stand in the file."""

    line: int
    cells: Sequence[str]
    faults: Sequence[Fault]


@dataclass(slots=True)
class Counts:
    """What became of the rows."""

    rows: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    skipped_columns: list[str] = field(default_factory=list)

    def add(self, done: Done) -> None:
        self.created += done.counts.get("created", 0)
        self.updated += done.counts.get("updated", 0)
        self.unchanged += done.counts.get("unchanged", 0)
        self.rejected += done.counts.get("rejected", 0)


class Importer:
    """Imports files into one record type for one principal; `None` is the system, which reaches everything."""

    def __init__(self, kit: Kit, name: str, principal: Principal | None, options: ImportOptions) -> None:
        self._kit = kit
        self._records = kit.records(name)
        self._principal = principal
        self._options = options

    def run(
        self,
        file: CsvFile,
        units: Units,
        *,
        rejected: Callable[[Rejected], None],
        progress: Callable[[Counts], None] = lambda _: None,
        turn: Callable[[], None] | None = None,
    ) -> Counts:
        """Import the rows. `units` opens a unit of work for each batch; `turn` is called before each row, to let others run.

        Raises `Invalid` when columns or options fit no field, before anything is written; `CsvError` when the file breaks
        off being CSV, `Forbidden`, `Unavailable`: batches written before stay."""
        visibility = self._records.queries.visibility(self._principal, "import")
        with units() as unit:
            custom = Definitions.load(unit, self._records.resource.name).kinds
        resource = self._records.resource
        targets = Targets(resource.name, resource.attributes, custom)
        plan = bind(file.header, targets, self._options)
        drafter = Drafter(plan, resource.money, self._options)
        key = plan.key or (("id",) if any(column.target.name == "id" for column in plan.columns) else ())
        self._check_key(plan, key)
        matcher = Matcher(resource, key, self._principal, visibility) if key else None
        batches = Batches(self._records, self._principal, drafter, matcher, self._references(plan), turn)
        counts = Counts(skipped_columns=list(plan.skipped))
        rows: Generator[Row] = self._counted(file, counts, turn)
        for number in range(1, MOST_PASSES + 1):
            last = number == MOST_PASSES
            with closing(rows):
                later, moved = self._pass(batches, drafter, rows, units, counts, rejected, progress, last=last)
            if later is None:
                break
            rows = _read_back(later)
            if not moved:
                # Nothing came that these rows wait for: another pass says so of each.
                self._pass(batches, drafter, rows, units, counts, rejected, progress, last=True)
                break
        return counts

    def _pass(
        self,
        batches: Batches,
        drafter: Drafter,
        rows: Iterator[Row],
        units: Units,
        counts: Counts,
        rejected: Callable[[Rejected], None],
        progress: Callable[[Counts], None],
        *,
        last: bool,
    ) -> tuple[IO[str] | None, bool]:
        """Once through `rows`: those put off for another pass, if any, and whether any row was dealt with."""
        later = None
        moved = False
        while batch := list(islice(rows, self._options.batch)):
            with units() as unit:
                done = batches.write(unit, [drafter.draft(row) for row in batch], last=last)
            counts.add(done)
            for draft in done.rejected:
                rejected(Rejected(draft.row.line, draft.row.cells, draft.faults))
            for draft in done.deferred:
                later = later or _set_aside()
                later.write(json.dumps([draft.row.line, draft.row.cells]) + "\n")
            moved = moved or len(done.deferred) < len(batch)
            progress(counts)
        return later, moved

    def _counted(self, file: CsvFile, counts: Counts, turn: Callable[[], None] | None) -> Generator[Row]:
        most = self._options.max_rows
        for row in file:
            if turn is not None:
                turn()
            counts.rows += 1
            if most is not None and counts.rows > most:
                raise TooLarge(f"The file has more than {most} rows; split it, or import it with `bharat import`.")
            yield row

    def _check_key(self, plan: Plan, key: Sequence[str]) -> None:
        filled = {column.target.name for column in plan.columns} | {target.name for target in plan.defaults.values()}
        if len(key) * self._options.batch > MOST_PARAMETERS:
            raise _invalid(
                "batch", f"a batch of {self._options.batch} rows is too large for a key of {len(key)} fields"
            )
        for name in key:
            if name not in self._records.resource.by_name:
                raise _invalid("key", f"{name} can't be a key; use a field of {self._records.resource.name} itself")
            if name not in filled:
                raise _invalid("key", f"the key {name} is filled by no column; map one to it")

    def _references(self, plan: Plan) -> list[Reference]:
        targets = [*(column.target for column in plan.columns), *plan.defaults.values()]
        filled: dict[str, Target] = {}
        for target in targets:
            if target.to is not None:
                filled.setdefault(target.name, target)
        there = {name: self._records.resource.by_name[name] for name in filled}
        found = [self._reference(target, there, plan) for target in filled.values()]
        return sorted(found, key=lambda reference: reference.within is not None)

    def _reference(self, target: Target, there: Mapping[str, Attribute], plan: Plan) -> Reference:
        to = target.to
        assert to is not None
        records = None if to in (USER, TEAM) else self._kit.records(to)
        resource = records.resource if records else None
        within = scope_of(resource, there)
        names = Names(to, target.by, resource, self._kit.permissions, self._principal, within)
        create = self._creation(to, records) if target.name in plan.create_missing else None
        return Reference(target.name, names, within, create)

    def _creation(self, to: str, records: Records | None) -> Callable[[Unit, str], UUID]:
        principal = self._principal
        if records is not None:
            writer, title = records.writer, records.resource.type.title
            return lambda unit, text: UUID(str(writer.create(unit, principal, {title: text})["id"]))
        if to == USER:
            raise _invalid("create_missing", "users are not made from a name in passing; import them first")
        if principal is not None:
            self._kit.permissions.require(principal, "teams:write")
        return lambda unit, text: add_team(unit, name=text)


def _set_aside() -> IO[str]:
    """A file without a name, gone when it is closed: it is read back in the next pass."""
    file: IO[str] = scratch_file("w+", encoding="utf-8")
    return file


def _read_back(later: IO[str]) -> Generator[Row]:
    with later:
        later.seek(0)
        for line in later:
            number, cells = json.loads(line)
            yield Row(number, cells)


def _invalid(option: str, detail: str) -> Invalid:
    return Invalid(detail, faults=[FieldFault(f"?{option}", detail)])
