"""The CRM: companies, contacts, products, pipelines, deals and the pipeline report, as a plugin of Bharat."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from bharat import hookimpl
from bharat.contracts.application import Application
from bharat.contracts.migration import Migrations
from bharat.contracts.records import RecordType
from bharat.contracts.route import Route
from bharat_crm.demo import fill_demo
from bharat_crm.record_types import RECORD_TYPES
from bharat_crm.reports import ROUTES
from bharat_crm.stage_history import metadata

if TYPE_CHECKING:
    import click


@hookimpl
def bharat_record_types() -> Sequence[RecordType]:
    return RECORD_TYPES


@hookimpl
def bharat_routes() -> Sequence[Route]:
    return ROUTES


@hookimpl
def bharat_migrations() -> Migrations:
    return Migrations(plugin="crm", folder=Path(__file__).parent / "migrations", metadata=metadata)


@hookimpl
def bharat_commands() -> Sequence[click.Command]:
    from bharat_crm.commands import pipeline

    return [pipeline]


@hookimpl
def bharat_demo(app: Application, organisation_id: UUID, admin_id: UUID) -> None:
    fill_demo(app, organisation_id, admin_id)
