"""Visits to a customer's site: a complete record type."""

from __future__ import annotations

from bharat.contracts.errors import FieldFault, Invalid
from bharat.contracts.records import Change, Choice, Date, Integer, Money, RecordType, Reference, Text


def _needs_an_outcome(change: Change) -> None:
    if change.after("closed_on") is not None and change.after("outcome") == "planned":
        raise Invalid("A visit that is over has an outcome.", faults=[FieldFault("/outcome", "can't stay planned")])


SITE_VISIT = RecordType(
    name="site_visit",
    plural="site_visits",
    title="subject",
    label="Site visit",
    fields=(
        Text("subject", required=True, max_length=200, search=True),
        Text("address", max_length=300),
        Reference("host_id", to="user"),
        Date("planned_on", required=True, indexed=True),
        Date("closed_on"),
        Choice("outcome", options=("planned", "met", "missed"), default="planned", indexed=True),
        Integer("visitors", minimum=1, maximum=500),
        Money("expenses", minimum=0),
        Text("notes", multiline=True, max_length=10_000),
    ),
    before_save=(_needs_an_outcome,),
    description="A visit to a customer's site, with what it cost and what came of it.",
)
