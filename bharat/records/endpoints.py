"""Every endpoint of the record kit, each with its owner."""

from __future__ import annotations

from collections.abc import Sequence

from bharat.contracts.route import Route
from bharat.plugins import Owned
from bharat.records.collection import Records
from bharat.records.custom_routes import CustomFieldEndpoints
from bharat.records.files.endpoints import FileEndpoints
from bharat.records.kit import Kit
from bharat.records.routes import routes_of
from bharat.records.transfer import transfer_routes


def kit_routes(kit: Kit) -> Sequence[Owned[Route]]:
    """The endpoints of custom fields, and those of every type, owned by the plugin that declares the type."""
    own = [Owned("records", route) for route in CustomFieldEndpoints(kit).routes()]
    return own + [
        Owned(records.resource.plugin, route)
        for records in kit.all
        for route in (*routes_of(kit, records), *transfer_routes(kit, records), *_file_routes(kit, records))
    ]


def _file_routes(kit: Kit, records: Records) -> Sequence[Route]:
    return FileEndpoints(kit, records).routes() if records.resource.type.files else ()
