"""Many changes in one request: all of them or none, and every fault located in the body."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from bharat.accounts.permissions import Permissions
from bharat.contracts.database import Unit
from bharat.contracts.errors import Conflict, FieldFault, Invalid, NotFound, PreconditionFailed, Problem
from bharat.contracts.principal import Principal
from bharat.records.collection import Records
from bharat.records.queries import Record
from bharat.records.shapes import MAX_BULK, BulkResult, Reached


class Bulk:
    """Bulk changes of one type's records."""

    def __init__(self, records: Records, permissions: Permissions) -> None:
        self._writer = records.writer
        self._queries = records.queries
        self._plural = records.resource.plural
        self._permissions = permissions

    def run(self, unit: Unit, principal: Principal, body: Any) -> BulkResult:
        """Deletes first, so that what they free can be used, then updates, then creates.

        Raises `Invalid`, or `Conflict` when nothing but the stored state is against it, with the faults of all items."""
        if len(body.create) + len(body.update) + len(body.delete) > MAX_BULK:
            raise Invalid(
                "There are too many changes for one request.",
                faults=[FieldFault("", f"must hold at most {MAX_BULK} changes in all")],
            )
        if body.delete:
            self._permissions.require(principal, f"{self._plural}:delete")
        if len(ids := {one.id for part in (body.delete, body.update) for one in part}) > 1:
            self._queries.hold(unit, principal, ids)
        writer = self._writer
        attempt = _Attempt(unit)
        deleted = [
            attempt.run(f"/delete/{n}", partial(writer.delete, unit, principal, one.id, one.version))
            for n, one in enumerate(body.delete)
        ]
        updated = [
            attempt.run(
                f"/update/{n}",
                partial(writer.update, unit, principal, one.id, one.changes, one.version),
                inside="/changes",
            )
            for n, one in enumerate(body.update)
        ]
        created = [
            attempt.run(f"/create/{n}", partial(writer.create, unit, principal, one, at_once=False))
            for n, one in enumerate(body.create)
        ]
        attempt.conclude()
        return BulkResult(*([_reached(record) for record in part if record] for part in (created, updated, deleted)))


class _Attempt:
    """Runs changes one by one and gathers what is wrong with them."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self._faults: list[FieldFault] = []
        self._conflicts = True

    def run(self, at: str, change: Callable[[], Record], *, inside: str = "") -> Record | None:
        try:
            # Within its own savepoint: the next one is tried though this one failed.
            with self._unit.savepoint():
                return change()
        except (NotFound, PreconditionFailed) as problem:
            name = "id" if isinstance(problem, NotFound) else "version"
            self._conflicts = self._conflicts and isinstance(problem, PreconditionFailed)
            self._faults.append(FieldFault(f"{at}/{name}", problem.detail))
        except (Invalid, Conflict) as problem:
            self._conflicts = self._conflicts and isinstance(problem, Conflict)
            self._faults += _located(problem, f"{at}{inside}")
        return None

    def conclude(self) -> None:
        if not self._faults:
            return
        detail = "Nothing was changed, because some of the changes can't be accepted."
        raise (Conflict if self._conflicts else Invalid)(detail, faults=self._faults)


def _located(problem: Problem, at: str) -> list[FieldFault]:
    if not problem.faults:
        return [FieldFault(at, problem.detail)]
    return [FieldFault(f"{at}{fault.path}", fault.detail) for fault in problem.faults]


def _reached(record: Record) -> Reached:
    return Reached(record["id"], record["version"])
