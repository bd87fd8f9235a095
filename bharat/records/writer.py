"""Writing records: check, let the rules speak, then row, audit entry and event in the caller's unit of work.

Who may own: what a principal writes must stay within the reach of its role. An agent's records stay its own, a manager's
stay in its teams; an administrator moves them anywhere. On a type that everyone shares there are no owners.
A record's team follows its owner unless the same request names a team.

What a writer refers to must be live and visible to it; a foreign, a deleted and an invisible target get the same answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import UNSET

from bharat.accounts.permissions import reaches
from bharat.contracts.database import Unit
from bharat.contracts.errors import Conflict, FieldFault, Invalid, NotFound, Problem
from bharat.contracts.preconditions import changed_meanwhile
from bharat.contracts.principal import ActorKind, Principal
from bharat.contracts.records import Change, ChangeKind
from bharat.data import new_id
from bharat.data.audit import audit_row, write_audit
from bharat.data.row_locks import Lock
from bharat.records.attributes import CUSTOM
from bharat.records.custom_fields import Definitions
from bharat.records.dependents import Dependents
from bharat.records.integrity import problem_of
from bharat.records.kinds import Refused
from bharat.records.lookups import Lookups
from bharat.records.queries import Queries, Record
from bharat.records.resource import Resource
from bharat.records.shapes import faults_of
from bharat.work.events import emit

Values = dict[str, Any]
Versions = int | frozenset[int] | None
"""The version, or versions, that a change may be based on; `None` for whatever it is now."""

_UNAUDITED = frozenset({"id", "version", "created_at", "created_by", "updated_at", "updated_by"})


class Writer:
    """The writes of one type. With `principal` `None` the system writes: it reaches everything, rules still hold."""

    def __init__(self, resource: Resource, queries: Queries, lookups: Lookups, dependents: Dependents) -> None:
        self._resource = resource
        self._queries = queries
        self._lookups = lookups
        self._dependents = dependents
        table = resource.table
        self._update = table.update().where(
            table.c.id == sa.bindparam("ID", type_=sa.Uuid),
            table.c.version == sa.bindparam("VERSION", type_=sa.Integer),
        )

    def create(
        self, unit: Unit, principal: Principal | None, body: Any, *, verb: str = "write", at_once: bool = True
    ) -> Record:
        """Write a new record and return it. `body` is the type's create struct, or a mapping of JSON values.

        Raises `Invalid` with every fault, `Conflict` for a duplicate, `Forbidden`, and whatever a rule raises. What only the
        database finds, a duplicate above all, is raised by what the unit does next where the row need not be written `at_once`;
        so it saves a round trip."""
        visibility = self._queries.visibility(principal, verb)
        resource = self._resource
        values, faults, custom = self._taken(body, resource.shapes.create)
        owner = values.get("owner_id")
        if resource.owned and "owner_id" not in values and principal is not None:
            owner = values["owner_id"] = principal.user_id
        asks_team = resource.owned and "team_id" not in values and owner is not None
        references = _references(resource, values)
        if principal is not None and references.get("owner_id") == principal.user_id:
            # Who is writing exists.
            del references["owner_id"]
        found = self._lookups.find(unit, principal, references, team_of=owner if asks_team else None, custom=True)
        if asks_team:
            values["team_id"] = found.owner_team
        faults += self._reference_faults(found.missing)
        custom_values, custom_faults = (
            self._custom(unit, {}, custom or {}, new=True) if (custom or found.custom_required) else ({}, [])
        )
        faults += custom_faults
        if principal is not None and resource.owned and not found.missing & {"owner_id", "team_id"}:
            faults += _reach_faults(
                reaches(principal, visibility, owner_id=values.get("owner_id"), team_id=values.get("team_id")),
                values,
                body,
                principal,
            )
        faults += self._money_faults(values)
        if faults:
            raise Invalid("The record has fields that can't be accepted.", faults=faults)
        values[CUSTOM] = custom_values
        id = new_id()
        for attribute in resource.own:
            values.setdefault(attribute.name, None)
        self._rules(unit, principal, "create", id, None, values, resource.type.before_save)
        by = _who(unit, principal)
        record: Record = {
            **values, "id": id, "version": 1, "created_at": unit.at, "created_by": by, "updated_at": unit.at,
            "updated_by": by, "deleted_at": None,
        }  # fmt: skip
        self._check_required(record)
        unit.append(resource.table, {**record, **resource.derived(record)}, refused=self._refused)
        if at_once:
            unit.flush()
        self._told(unit, "created", record, {name: [None, value] for name, value in self._audited(record).items()})
        self._rules(unit, principal, "create", id, None, record, resource.type.after_save)
        return {name: record[name] for name in resource.names}

    def update(
        self,
        unit: Unit,
        principal: Principal | None,
        id: UUID,
        body: Any,
        version: Versions,
        *,
        verb: str = "write",
    ) -> Record:
        """Merge `body` (RFC 7396) into the record and return it. A change of nothing writes nothing.

        Raises `NotFound`, `PreconditionFailed` for another version, and what `create` raises."""
        # With a version the UPDATE compares and sets; without one the row is held from here on.
        before = self._current(unit, principal, id, version, verb, lock="change" if version is None else None)
        visibility = self._queries.visibility(principal, verb)
        resource = self._resource
        given, faults, custom = self._taken(body, resource.shapes.update)
        values = {name: value for name, value in given.items() if value != before[name]}
        for amount, currency in resource.money:
            if amount in values and values[amount] is None and currency not in given and before[currency] is not None:
                values[currency] = None
        references = _references(resource, values)
        owner = values.get("owner_id")
        asks_team = owner is not None and "team_id" not in given
        if references or asks_team:
            found = self._lookups.find(unit, principal, references, team_of=owner if asks_team else None)
            faults += self._reference_faults(found.missing)
            if asks_team and found.owner_team != before["team_id"]:
                values["team_id"] = found.owner_team
        if custom:
            merged, custom_faults = self._custom(unit, before[CUSTOM], custom)
            faults += custom_faults
            if merged != before[CUSTOM]:
                values[CUSTOM] = merged
        if principal is not None and ("owner_id" in values or "team_id" in values) and not faults:
            after = {**before, **values}
            stays = reaches(principal, visibility, owner_id=after["owner_id"], team_id=after["team_id"])
            faults += _reach_faults(stays, values, body, principal)
        faults += self._money_faults({**before, **values})
        if faults:
            raise Invalid("The record has fields that can't be accepted.", faults=faults)
        if not values:
            return before
        self._rules(unit, principal, "update", id, before, values, resource.type.before_save)
        values = {name: value for name, value in values.items() if value != before[name]}
        if not values:
            return before
        return self._changed(unit, principal, "update", "updated", before, values)

    def delete(
        self, unit: Unit, principal: Principal | None, id: UUID, version: Versions, *, verb: str = "delete"
    ) -> Record:
        """Hide the record; it can be restored. Raises `Conflict` while live records refer to it with `restrict`."""
        before = self._current(unit, principal, id, version, verb, lock="delete")
        self._dependents.refuse_if_any(unit, id)
        values: Values = {"deleted_at": unit.at}
        self._rules(unit, principal, "delete", id, before, values, self._resource.type.before_save)
        return self._changed(unit, principal, "delete", "deleted", before, values)

    def restore(self, unit: Unit, principal: Principal | None, id: UUID, *, verb: str = "delete") -> Record:
        """Bring a deleted record back; one that is not deleted stays as it is.

        Raises `Conflict` when another live record has taken a unique value, or what it refers to is deleted."""
        before = self._queries.one(unit, principal, id, verb=verb, deleted=None, lock="change")
        if before is None:
            raise _nothing(self._resource)
        if before["deleted_at"] is None:
            return before
        references = {
            name: id for name, id in _references(self._resource, before).items() if name not in ("owner_id", "team_id")
        }
        missing = self._lookups.find(unit, None, references).missing
        if missing:
            raise Conflict(
                f"The {self._resource.label} refers to what is deleted; restore that first.",
                faults=[FieldFault(f"/{name}", "refers to a deleted record") for name in sorted(missing)],
            )
        values: Values = {"deleted_at": None}
        self._rules(unit, principal, "restore", id, before, values, self._resource.type.before_save)
        return self._changed(unit, principal, "restore", "restored", before, values)

    def _current(
        self, unit: Unit, principal: Principal | None, id: UUID, version: Versions, verb: str, *, lock: Lock | None
    ) -> Record:
        found = self._queries.one(unit, principal, id, verb=verb, lock=lock)
        if found is None:
            raise _nothing(self._resource)
        based_on = {version} if isinstance(version, int) else version
        if based_on is not None and found["version"] not in based_on:
            raise changed_meanwhile(self._resource.label)
        return found

    def _taken(
        self, body: Any, shape: type[msgspec.Struct]
    ) -> tuple[Values, list[FieldFault], Mapping[str, Any] | None]:
        """The stored values that a body sets, by name, and its custom values."""
        if not isinstance(body, shape):
            try:
                body = msgspec.convert(dict(body), shape)
            except msgspec.ValidationError:
                raise Invalid("The record has fields that can't be accepted.", faults=faults_of(shape, body)) from None
        values: Values = {}
        faults: list[FieldFault] = []
        for attribute in self._resource.writable:
            value = getattr(body, attribute.name)
            if value is UNSET:
                continue
            if value is not None:
                try:
                    value = attribute.kind.take(value)
                except Refused as refused:
                    faults.append(FieldFault(f"/{attribute.name}", str(refused)))
                    continue
                if value is None and attribute.required:
                    faults.append(FieldFault(f"/{attribute.name}", "must not be empty"))
                    continue
            values[attribute.name] = value
        custom = body.custom
        return values, faults, None if custom is UNSET else custom

    def _custom(
        self, unit: Unit, before: Mapping[str, Any], given: Mapping[str, Any], *, new: bool = False
    ) -> tuple[Values, list[FieldFault]]:
        definitions = Definitions.load(unit, self._resource.name)
        values, faults = definitions.merged(before, given)
        if new:
            known = {fault.path for fault in faults}
            faults += [fault for fault in definitions.missing(values) if fault.path not in known]
        return values, faults

    def _money_faults(self, values: Mapping[str, Any]) -> list[FieldFault]:
        faults = []
        for amount, currency in self._resource.money:
            if (values.get(amount) is None) != (values.get(currency) is None):
                lacking, present = (amount, currency) if values.get(amount) is None else (currency, amount)
                faults.append(FieldFault(f"/{lacking}", f"is required together with {present}"))
        return faults

    def _reference_faults(self, missing: frozenset[str]) -> list[FieldFault]:
        return [
            FieldFault(f"/{name}", f"there is no such {str(self._resource.by_name[name].to).replace('_', ' ')}")
            for name in sorted(missing)
        ]

    def _check_required(self, record: Record) -> None:
        faults = [
            FieldFault(f"/{each.name}", "is required")
            for each in self._resource.attributes
            if each.required and record[each.name] is None
        ]
        if faults:
            raise Invalid("The record lacks fields that must have a value.", faults=faults)

    def _rules(
        self,
        unit: Unit,
        principal: Principal | None,
        kind: ChangeKind,
        id: UUID,
        before: Record | None,
        values: Values,
        rules: Any,
    ) -> None:
        if rules:
            change = Change(self._resource.name, kind, id, before, values, unit, principal)
            for rule in rules:
                rule(change)

    def _changed(
        self, unit: Unit, principal: Principal | None, kind: ChangeKind, event: str, before: Record, values: Values
    ) -> Record:
        id = before["id"]
        by = _who(unit, principal)
        record = {**before, **values, "version": before["version"] + 1, "updated_at": unit.at, "updated_by": by}
        self._check_required(record)
        written = {**values, "version": record["version"], "updated_at": unit.at, "updated_by": by}
        new, old = self._resource.derived(record), self._resource.derived(before)
        written.update((name, value) for name, value in new.items() if value != old[name])
        result = self._execute(unit, self._update, {**written, "ID": id, "VERSION": before["version"]})
        if result.rowcount != 1:
            raise changed_meanwhile(self._resource.label)
        given = self._resource.given
        changes = {name: [given(name, before[name]), given(name, value)] for name, value in values.items()}
        self._told(unit, event, record, changes)
        if rules := self._resource.type.after_save:
            self._rules(unit, principal, kind, id, before, values, rules)
        return record

    def _audited(self, record: Record) -> Values:
        given = self._resource.given
        return {
            name: given(name, value)
            for name, value in record.items()
            if name not in _UNAUDITED and value is not None and value != {}
        }

    def _told(self, unit: Unit, event: str, record: Record, changes: Mapping[str, Any]) -> None:
        name = self._resource.name
        write_audit(unit, audit_row(unit, unit.at, f"{name}.{event}", name, record["id"], changes))
        data: Values = {"version": record["version"], "changed": list(changes)}
        if self._resource.owned:
            for key in ("owner_id", "team_id"):
                data[key] = None if record[key] is None else str(record[key])
        emit(unit, f"{name}.{event}", name, record["id"], data)

    def _execute(self, unit: Unit, statement: Any, parameters: Values) -> sa.CursorResult[Any]:
        try:
            return unit.execute(statement, parameters)
        except sa.exc.IntegrityError as error:
            raise self._refused(error) or error from None

    def _refused(self, error: sa.exc.IntegrityError) -> Problem | None:
        return problem_of(error, self._resource)


def _references(resource: Resource, values: Mapping[str, Any]) -> dict[str, UUID]:
    return {each.name: values[each.name] for each in resource.references if values.get(each.name) is not None}


def _reach_faults(stays: bool, values: Mapping[str, Any], body: Any, principal: Principal) -> list[FieldFault]:
    if stays:
        return []
    name = "owner_id" if values.get("owner_id") != principal.user_id else "team_id"
    return [FieldFault(f"/{name}", f"would put the record out of the reach of your role, {principal.role.value}")]


def _who(unit: Unit, principal: Principal | None) -> UUID | None:
    if principal is not None:
        return principal.user_id
    return unit.actor.id if unit.actor.kind is ActorKind.USER else None


def _nothing(resource: Resource) -> NotFound:
    return NotFound(f"There is no such {resource.label}, or none that you may see.")
