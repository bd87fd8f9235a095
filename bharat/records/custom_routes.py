"""The REST endpoints of custom field definitions. Everyone reads them; administrators change them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import UNSET, Meta, UnsetType

from bharat.accounts.names import LINE, LINE_TOLD
from bharat.contracts.database import Database, Reader, Unit
from bharat.contracts.errors import Conflict, FieldFault, Invalid, NotFound
from bharat.contracts.phrasing import END, TOLD
from bharat.contracts.preconditions import IF_MATCH, asked_versions, check_version, etag
from bharat.contracts.route import Needs, Request, Response, Route
from bharat.contracts.spelling import hint
from bharat.data import new_id
from bharat.data.audit import audit_row, write_audit
from bharat.records.custom_fields import CustomKind, custom_fields
from bharat.records.kit import Kit
from bharat.records.shapes import CUSTOM_NAME, LONGEST_CUSTOM_NAME
from bharat.work.events import emit

SUBJECT = "custom_field"
PATH = "/api/v1/custom-fields"
MAX_OPTIONS = 200
MAX_FIELDS = 100
"""Most live custom fields of one record type in one organisation."""

Option = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=100,
        pattern=rf"^[^\s\x00-\x1f\x7f,]([^\x00-\x1f\x7f,]*[^\s\x00-\x1f\x7f,])?{END}",
        extra={TOLD: "must hold no commas or control characters, and no space at either end"},
    ),
]
_NAME_TOLD = "must be lower-case letters, digits and '_', a letter first, at most 48 of them"
Options = Annotated[list[Option], Meta(max_length=MAX_OPTIONS)]
Label = Annotated[str, Meta(min_length=1, max_length=100, pattern=LINE, extra={TOLD: LINE_TOLD})]


class CustomField(msgspec.Struct, frozen=True):
    """A field that the organisation added to a record type. `options` are the words of a `choice`, else empty."""

    id: UUID
    record_type: str
    name: str
    label: str | None
    kind: CustomKind
    required: bool
    options: list[str]
    version: int
    created_at: datetime
    updated_at: datetime


class CustomFieldCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`name` and `kind` stay for ever. Only a `choice` has `options`, and it has at least one."""

    kept_by_bharat: ClassVar[frozenset[str]] = frozenset({"id", "version", "created_at", "updated_at"})

    record_type: Annotated[str, Meta(max_length=48, pattern=rf"^[a-z][a-z0-9_]{{0,47}}{END}")]
    name: Annotated[str, Meta(max_length=LONGEST_CUSTOM_NAME, pattern=CUSTOM_NAME, extra={TOLD: _NAME_TOLD})]
    kind: CustomKind
    label: Label | None = None
    required: bool = False
    options: Options = []


class CustomFieldUpdate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is left out stays. An option that is taken away stays in the records that hold it."""

    label: Label | UnsetType | None = UNSET
    required: bool | UnsetType = UNSET
    options: Options | UnsetType = UNSET


class CustomFieldList(msgspec.Struct, frozen=True):
    items: list[CustomField]


class CustomFieldQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`record_type`: only the fields of this type."""

    record_type: Annotated[str, Meta(min_length=1, max_length=48)] | None = None


_COLUMNS = [custom_fields.c[name] for name in CustomField.__struct_fields__]
_LIVE = sa.select(*_COLUMNS).where(custom_fields.c.deleted_at.is_(None))
_BY_ID = _LIVE.where(custom_fields.c.id == sa.bindparam("field", type_=sa.Uuid))
_HELD = _BY_ID.with_for_update()
_ALL = _LIVE.order_by(custom_fields.c.record_type, custom_fields.c.name)
_OF_TYPE = _ALL.where(custom_fields.c.record_type == sa.bindparam("type", type_=sa.String))
_NAMED = (
    sa.select(*_COLUMNS, custom_fields.c.deleted_at)
    .where(
        custom_fields.c.record_type == sa.bindparam("type", type_=sa.String),
        custom_fields.c.name == sa.bindparam("named", type_=sa.String),
    )
    .with_for_update()
)
_INSERT = custom_fields.insert()
_UPDATE = custom_fields.update().where(custom_fields.c.id == sa.bindparam("ID", type_=sa.Uuid))


class CustomFieldEndpoints:
    def __init__(self, kit: Kit) -> None:
        self._types = frozenset(records.resource.name for records in kit.all)
        database: Database = kit.database
        self._by_id, self._all, self._of_type = (database.prepare(one) for one in (_BY_ID, _ALL, _OF_TYPE))

    def list(self, request: Request) -> CustomFieldList:
        wanted = request.query.record_type
        rows = request.reader.rows(*((self._all,) if wanted is None else (self._of_type, {"type": wanted})))
        return CustomFieldList([_field(row) for row in rows])

    def read(self, request: Request) -> Response:
        return _answer(_one(request.reader, self._by_id, request.path["id"]))

    def create(self, request: Request) -> Response:
        """A name that was deleted can be taken again with the same kind: values that records still hold come back with it."""
        body: CustomFieldCreate = request.body
        if body.record_type not in self._types:
            fault = FieldFault(
                "/record_type", f"there is no record type {body.record_type!r}{hint(body.record_type, self._types)}"
            )
            raise Invalid("This custom field can't be made.", faults=[fault])
        _check_options(body.kind, body.options)
        unit = request.unit
        values: dict[str, Any] = {
            "label": body.label, "required": body.required, "options": list(dict.fromkeys(body.options)), "updated_at": unit.at,
        }  # fmt: skip
        before = unit.row(_NAMED, {"type": body.record_type, "named": body.name})
        if before is not None:
            if before.deleted_at is None or before.kind != body.kind:
                raise _taken(body, before.kind)
            values |= {"version": before.version + 1, "deleted_at": None}
            unit.execute(_UPDATE, {"ID": before.id, **values})
            made = _field({**before._mapping, **values})
        else:
            if len(unit.rows(_OF_TYPE, {"type": body.record_type})) >= MAX_FIELDS:
                raise Conflict(f"A record type has at most {MAX_FIELDS} custom fields.")
            values |= {
                "id": new_id(), "record_type": body.record_type, "name": body.name, "kind": body.kind, "version": 1,
                "created_at": unit.at,
            }  # fmt: skip
            try:
                unit.execute(_INSERT, values)
            except sa.exc.IntegrityError:
                raise _taken(body, body.kind) from None
            made = _field(values)
        _tell(unit, "created", made, {name: [None, value] for name, value in _said(made).items()})
        response = _answer(made)
        response.headers["Location"] = f"{PATH}/{made.id}"
        return response

    def update(self, request: Request) -> Response:
        """JSON Merge Patch (RFC 7396). A change of nothing changes no version."""
        versions = asked_versions(request)
        unit, body = request.unit, request.body
        before = _one(unit, _HELD, request.path["id"])
        check_version(versions, before.version, "custom field")
        given = {name: getattr(body, name) for name in body.__struct_fields__ if getattr(body, name) is not UNSET}
        if "options" in given:
            _check_options(before.kind, given["options"])
            given["options"] = list(dict.fromkeys(given["options"]))
        changed = {name: value for name, value in given.items() if value != getattr(before, name)}
        if not changed:
            return _answer(before)
        changes = {name: [getattr(before, name), value] for name, value in changed.items()}
        changed |= {"version": before.version + 1, "updated_at": unit.at}
        unit.execute(_UPDATE, {"ID": before.id, **changed})
        after = msgspec.structs.replace(before, **changed)
        _tell(unit, "updated", after, changes)
        return _answer(after)

    def delete(self, request: Request) -> None:
        """Values that records hold stay until they are removed; they can't be set or filtered by any more."""
        versions = asked_versions(request)
        unit = request.unit
        before = _one(unit, _HELD, request.path["id"])
        check_version(versions, before.version, "custom field")
        unit.execute(_UPDATE, {"ID": before.id, "version": before.version + 1, "deleted_at": unit.at})
        _tell(unit, "deleted", before, {name: [value, None] for name, value in _said(before).items()})

    def routes(self) -> Sequence[Route]:
        read, write = Needs("settings:read"), Needs("settings:write")
        one, tag = f"{PATH}/{{id:uuid}}", "custom-fields"
        return [
            Route(
                method="GET", path=PATH, handler=self.list, access=read, summary="List custom fields", tag=tag,
                operation_id="list_custom_fields", query=CustomFieldQuery, returns=CustomFieldList,
            ),
            Route(
                method="POST", path=PATH, handler=self.create, access=write, summary="Add a custom field", tag=tag,
                operation_id="create_custom_field", body=CustomFieldCreate, returns=CustomField, status=201, errors=(409,),
            ),
            Route(
                method="GET", path=one, handler=self.read, access=read, summary="Read a custom field", tag=tag,
                operation_id="read_custom_field", returns=CustomField,
            ),
            Route(
                method="PATCH", path=one, handler=self.update, access=write, summary="Change a custom field", tag=tag,
                operation_id="update_custom_field", body=CustomFieldUpdate, parameters=(IF_MATCH,), returns=CustomField,
                errors=(412, 428),
            ),
            Route(
                method="DELETE", path=one, handler=self.delete, access=write, summary="Delete a custom field", tag=tag,
                operation_id="delete_custom_field", parameters=(IF_MATCH,), errors=(412, 428),
            ),
        ]  # fmt: skip


def _one(reader: Reader, statement: sa.Select[Any], id: UUID) -> CustomField:
    row = reader.row(statement, {"field": id})
    if row is None:
        raise NotFound("There is no such custom field.")
    return _field(row)


def _field(row: Any) -> CustomField:
    mapping = row if isinstance(row, dict) else row._mapping
    return CustomField(**{name: mapping[name] for name in CustomField.__struct_fields__})


def _answer(field: CustomField) -> Response:
    return Response(field, headers={"ETag": etag(field.version)})


def _check_options(kind: str, options: Sequence[str]) -> None:
    if (kind == "choice") != bool(options):
        detail = "a choice needs at least one option" if kind == "choice" else f"a {kind} field has no options"
        raise Invalid("This custom field can't be made.", faults=[FieldFault("/options", detail)])


def _taken(body: CustomFieldCreate, kind: str) -> Conflict:
    detail = (
        "is in use"
        if kind == body.kind
        else f"is or was in use for a {kind} field, and a name keeps its kind; choose another"
    )
    return Conflict(f"The name {body.name!r} can't be taken.", faults=[FieldFault("/name", detail)])


def _said(field: CustomField) -> dict[str, Any]:
    return {name: getattr(field, name) for name in ("record_type", "name", "kind", "label", "required", "options")}


def _tell(unit: Unit, event: str, field: CustomField, changes: dict[str, Any]) -> None:
    write_audit(unit, audit_row(unit, unit.at, f"{SUBJECT}.{event}", SUBJECT, field.id, changes))
    data = {"record_type": field.record_type, "name": field.name, "version": field.version}
    emit(unit, f"{SUBJECT}.{event}", SUBJECT, field.id, data)
