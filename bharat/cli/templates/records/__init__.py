"""What the plugin hands over to Bharat: a record type, a route and a job."""

from __future__ import annotations

from collections.abc import Sequence

from bharat import hookimpl
from bharat.contracts.records import RecordType
from bharat.contracts.route import Route
from bharat.contracts.work import JobSpec

from bharat.cli.templates.records.done import WRITE_DOWN
from bharat.cli.templates.records.entries import ENTRY
from bharat.cli.templates.records.summary import SUMMARY


@hookimpl
def bharat_record_types() -> Sequence[RecordType]:
    return [ENTRY]


@hookimpl
def bharat_routes() -> Sequence[Route]:
    return [SUMMARY]


@hookimpl
def bharat_jobs() -> Sequence[JobSpec]:
    return [WRITE_DOWN]
