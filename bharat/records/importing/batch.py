"""One batch of rows: look up what they name, find what is there already, write what differs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

import sqlalchemy as sa

from bharat.contracts.database import Unit
from bharat.contracts.errors import Conflict, Invalid, NotFound, PreconditionFailed, Problem
from bharat.contracts.principal import Principal
from bharat.records.attributes import CUSTOM
from bharat.records.collection import Records
from bharat.records.importing.buffered import BufferedUnit, Refusal
from bharat.records.importing.drafts import Draft, Drafter, Fault
from bharat.records.importing.matching import Key, Matcher
from bharat.records.importing.references import Name, Names, Unresolved
from bharat.records.queries import Record

Outcome = Literal["created", "updated", "unchanged", "rejected", "deferred"]

_ROWS_OWN = (Invalid, Conflict, NotFound, PreconditionFailed)
"""What one row may be refused for; anything else (no permission, no database) ends the import."""


@dataclass(slots=True)
class Done:
    """What became of a batch: how many rows of each outcome, those refused and those put off."""

    counts: dict[Outcome, int] = field(default_factory=dict)
    rejected: list[Draft] = field(default_factory=list)
    deferred: list[Draft] = field(default_factory=list)

    def count(self, outcome: Outcome) -> None:
        self.counts[outcome] = self.counts.get(outcome, 0) + 1


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference that the file fills. `within` is the other reference that its names are unique within; `create` makes a
    missing target from its name, when that was asked for."""

    name: str
    names: Names
    within: str | None = None
    create: Callable[[Unit, str], UUID] | None = None


class Batches:
    """Writes batches of one import. `references` come in an order in which each follows the one it is `within`."""

    def __init__(
        self,
        records: Records,
        principal: Principal | None,
        drafter: Drafter,
        matcher: Matcher | None,
        references: Sequence[Reference],
        turn: Callable[[], None] | None = None,
    ) -> None:
        self._resource = records.resource
        self._writer = records.writer
        self._principal = principal
        self._drafter = drafter
        self._matcher = matcher
        self._references = references
        self._turn = turn

    def write(self, unit: Unit, drafts: Sequence[Draft], *, last: bool) -> Done:
        """Write what can be written. A row that names a record of its own type which is not there yet waits until the others
        of the batch are written; if it is none of these it is put off, since it may come later in the file, and on the `last`
        pass it is refused."""
        done = Done()
        waiting: Sequence[Draft] = drafts
        while True:
            waiting, written = self._step(unit, waiting, done, last=False)
            # A level of a group with each step: a pass for each would end before the deepest that the rules allow.
            if not waiting or not written:
                break
        if last and waiting:
            waiting, _ = self._step(unit, waiting, done, last=True)
        for draft in waiting:
            draft.values = {}
            done.deferred.append(draft)
        return done

    def _step(self, unit: Unit, drafts: Sequence[Draft], done: Done, *, last: bool) -> tuple[Sequence[Draft], bool]:
        """Write the rows whose names are all there: those that still wait, and whether any other was written."""
        for reference in self._references:
            self._resolve(unit, reference, drafts, last=last)
        ready: list[Draft] = []
        waiting: list[Draft] = []
        for draft in drafts:
            if draft.faults:
                self._reject(done, draft)
            elif draft.names:
                waiting.append(draft)
            else:
                ready.append(draft)
        rejected = len(done.rejected)
        self._together(unit, ready, done)
        return waiting, len(done.rejected) - rejected < len(ready)

    def _resolve(self, unit: Unit, reference: Reference, drafts: Iterable[Draft], *, last: bool) -> None:
        asked: list[tuple[Draft, Name]] = []
        for draft in drafts:
            if (name := draft.names.get(reference.name)) is not None:
                scope = draft.values.get(reference.within) if reference.within else None
                asked.append((draft, Name(name.text, scope)))
        reference.names.find(unit, [name for _, name in asked])
        for draft, name in asked:
            try:
                draft.values[reference.name] = self._id(unit, reference, name)
                del draft.names[reference.name]
            except Unresolved as error:
                if error.missing and reference.names.to == self._resource.name and not last:
                    continue
                draft.faults.append(Fault(self._drafter.column(reference.name), str(error)))
            except _ROWS_OWN as problem:
                draft.faults.append(Fault(self._drafter.column(reference.name), problem.detail))

    def _id(self, unit: Unit, reference: Reference, name: Name) -> UUID:
        try:
            return reference.names.resolve(name)
        except Unresolved as error:
            if not error.missing or reference.create is None:
                raise
            with unit.savepoint():
                made = reference.create(unit, name.text)
            reference.names.learn(unit, [name])
            return made

    def _together(self, unit: Unit, drafts: Sequence[Draft], done: Done) -> None:
        """All in a few statements; when the database refuses one of them, each row alone, to tell which it was."""
        keys = [self._matcher.key_of(draft.values) if self._matcher else None for draft in drafts]
        there = self._matcher.find(unit, [key for key in keys if key is not None]) if self._matcher else {}
        trial = Done()
        faults = [list(draft.faults) for draft in drafts]
        try:
            with unit.savepoint():
                buffered = BufferedUnit(unit)
                self._each(buffered, drafts, keys, {key: list(found) for key, found in there.items()}, trial)
                buffered.flush()
        except (Refusal, sa.exc.IntegrityError, _Entangled):
            trial = Done()
            for draft, before in zip(drafts, faults, strict=True):
                draft.faults = before
            self._each(unit, drafts, keys, there, trial)
        for outcome, number in trial.counts.items():
            done.counts[outcome] = done.counts.get(outcome, 0) + number
        done.rejected += trial.rejected

    def _each(
        self,
        unit: Unit,
        drafts: Sequence[Draft],
        keys: Sequence[Key | None],
        there: dict[Key, list[Record]],
        done: Done,
    ) -> None:
        for draft, key in zip(drafts, keys, strict=True):
            if self._turn is not None:
                self._turn()
            try:
                found = self._existing(key, there)
                if isinstance(unit, BufferedUnit):
                    outcome, record = self._buffered(unit, draft, found)
                else:
                    with unit.savepoint():
                        outcome, record = self._one(unit, draft, found)
            except _ROWS_OWN as problem:
                draft.faults += self._told(problem)
                self._reject(done, draft)
                continue
            except sa.exc.IntegrityError:
                if isinstance(unit, BufferedUnit):
                    raise
                draft.faults.append(Fault("", "the database refused the row: it contradicts what is stored"))
                self._reject(done, draft)
                continue
            if key is not None:
                there[key] = [record]
            done.count(outcome)

    def _existing(self, key: Key | None, there: Mapping[Key, Sequence[Record]]) -> Record | None:
        if self._matcher is None:
            return None
        if key is None:
            if self._matcher.optional:
                return None
            raise Invalid("the key is empty")
        found = there.get(key, ())
        if len(found) > 1:
            raise Conflict(f"{len(found)} {self._resource.label.lower()} records have this key; use their ids")
        return found[0] if found else None

    def _buffered(self, unit: BufferedUnit, draft: Draft, found: Record | None) -> tuple[Outcome, Record]:
        unit.begin_row()
        try:
            return self._one(unit, draft, found)
        except _ROWS_OWN:
            if unit.row_was_run:
                # Part of this row is in the database with others: only a row by row run can take it back alone.
                raise _Entangled from None
            unit.forget_row()
            raise

    def _one(self, unit: Unit, draft: Draft, found: Record | None) -> tuple[Outcome, Record]:
        values = draft.values
        if found is None:
            if "id" in values and values["id"] is not None:
                raise NotFound("there is no record with this id; leave the id empty to create one")
            body = self._body(values, draft.custom, None)
            record = self._writer.create(unit, self._principal, body, verb="import", at_once=False)
            return "created", record
        changed = {name: value for name, value in values.items() if name != "id" and found[name] != value}
        custom = {name: value for name, value in draft.custom.items() if found[CUSTOM].get(name) != value}
        if not changed and not custom:
            return "unchanged", found
        body = self._body(changed, custom, found)
        record = self._writer.update(unit, self._principal, found["id"], body, found["version"], verb="import")
        return ("unchanged" if record["version"] == found["version"] else "updated"), record

    def _body(self, values: Mapping[str, Any], custom: Mapping[str, Any], found: Record | None) -> dict[str, Any]:
        """As the JSON that the writer takes. A new record leaves out what is empty, so that defaults apply."""
        body = {
            name: self._resource.given(name, value)
            for name, value in values.items()
            if name != "id" and (found is not None or value is not None)
        }
        given = {name: value for name, value in custom.items() if found is not None or value is not None}
        if given:
            body[CUSTOM] = given
        return body

    def _told(self, problem: Problem) -> list[Fault]:
        """A problem as faults of columns; what names no field is told of the row."""
        found = [
            Fault(self._drafter.column(fault.path.removeprefix("/").replace("/", ".")), fault.detail)
            for fault in problem.faults
        ]
        return found or [Fault("", problem.detail)]

    def _reject(self, done: Done, draft: Draft) -> None:
        done.count("rejected")
        done.rejected.append(draft)


class _Entangled(Exception):
    """A row failed after part of it was run together with others."""
