"""One record type at work: its shape, its reads and its writes."""

from __future__ import annotations

from dataclasses import dataclass

from bharat.records.queries import Queries
from bharat.records.resource import Resource
from bharat.records.writer import Writer


@dataclass(frozen=True, slots=True)
class Records:
    """All records of a type."""

    resource: Resource
    queries: Queries
    writer: Writer
