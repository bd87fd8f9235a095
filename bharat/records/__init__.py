"""The record kit: declare a record type once and get table, REST, OpenAPI, filters, events, custom fields and audit.

This is what plugins import to declare record types and to read and write records in handlers, jobs and reports.
"""

from __future__ import annotations

from collections.abc import Sequence

from bharat.contracts.records import (
    AccessPolicy,
    Boolean,
    Change,
    Choice,
    Date,
    Instant,
    Integer,
    Money,
    Number,
    RecordType,
    Reference,
    Rule,
    Text,
)
from bharat.contracts.work import CronEntry, JobSpec
from bharat.hookspecs import hookimpl
from bharat.records.collection import Records
from bharat.records.kit import Kit, kit_of

__all__ = [
    "AccessPolicy",
    "Boolean",
    "Change",
    "Choice",
    "Date",
    "Instant",
    "Integer",
    "Kit",
    "Money",
    "Number",
    "RecordType",
    "Records",
    "Reference",
    "Rule",
    "Text",
    "kit_of",
]


@hookimpl
def bharat_jobs() -> Sequence[JobSpec]:
    from bharat.records.files.jobs import COMPLETE, REMOVE, SWEEP, THUMBNAIL

    return [COMPLETE, REMOVE, THUMBNAIL, SWEEP]


@hookimpl
def bharat_cron() -> Sequence[CronEntry]:
    from bharat.records.files.jobs import DAILY

    return [DAILY]
