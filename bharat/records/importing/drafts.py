"""A row of the file as what would be written: values by attribute, names still to be looked up, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bharat.records.csv_cells import restored
from bharat.records.importing.columns import CUSTOM, Column, Plan
from bharat.records.importing.options import ImportOptions
from bharat.records.importing.references import Name
from bharat.records.importing.source import Row, fault_of
from bharat.records.importing.values import parse


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a row: the column, empty when it is the row as a whole, and the reason."""

    column: str
    reason: str


@dataclass(slots=True)
class Draft:
    """`values` holds stored values, `custom` JSON values, `names` the references that are not looked up yet."""

    row: Row
    values: dict[str, Any] = field(default_factory=dict)
    custom: dict[str, Any] = field(default_factory=dict)
    names: dict[str, Name] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)


class Drafter:
    """Reads rows by a plan. `money` holds the (amount, currency) names of the record type."""

    def __init__(self, plan: Plan, money: Sequence[tuple[str, str]], options: ImportOptions) -> None:
        self._options = options
        self._width = plan.width
        self._aliases = plan.aliases
        self._money = money
        filled = {column.target.name for column in plan.columns}
        self._defaults = {target.name: options.defaults[word] for word, target in plan.defaults.items()}
        self._columns: list[Column] = [
            *plan.columns,
            *(Column(-1, word, target) for word, target in plan.defaults.items() if target.name not in filled),
        ]
        self._headers: dict[str, str] = {}
        for column in self._columns:
            self._headers.setdefault(column.target.name, column.header)

    def column(self, name: str) -> str:
        """What the file calls the attribute `name`; the attribute's own name when no column fills it."""
        return self._headers.get(name, name)

    def draft(self, row: Row) -> Draft:
        """Every cell is looked at, so that all faults of a row are told at once."""
        found = Draft(row)
        if len(row.cells) != self._width:
            reason = f"the row has {len(row.cells)} cells where the header has {self._width}"
            found.faults.append(Fault("", reason))
            return found
        for column in self._columns:
            try:
                self._take(found, column, row.cells[column.position] if column.position >= 0 else "")
            except ValueError as error:
                found.faults.append(Fault(column.header, str(error)))
        for amount, currency in self._money:
            self._complete(found, amount, currency)
        return found

    def _take(self, draft: Draft, column: Column, cell: str) -> None:
        if fault := fault_of(cell):
            raise ValueError(fault)
        target = column.target
        text = cell.strip()
        text = self._aliases.get(target.name, {}).get(text, text)
        if not text or text in self._options.nulls:
            cell = text = self._defaults.get(target.name, "")
        elif text != cell.strip():
            cell = text
        if target.to is not None and text:
            draft.names[target.name] = Name(restored(text).strip())
            return
        value = parse(target.kind, cell, self._options) if text else None
        if target.name.startswith(CUSTOM):
            draft.custom[target.name.removeprefix(CUSTOM)] = None if value is None else target.kind.give(value)
        else:
            draft.values[target.name] = value

    def _complete(self, draft: Draft, amount: str, currency: str) -> None:
        """Amount and currency are both there or both absent."""
        if amount not in draft.values:
            return
        if draft.values[amount] is None:
            draft.values[currency] = None
        elif draft.values.get(currency) is None:
            if self._options.currency is None:
                reason = "the amount has no currency: say one for the whole file, or give it a column"
                draft.faults.append(Fault(self.column(amount), reason))
            draft.values[currency] = self._options.currency
