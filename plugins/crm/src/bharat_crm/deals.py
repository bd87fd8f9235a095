"""Deals: what is being sold to whom, for how much, and how far it has come."""

from __future__ import annotations

from bharat.contracts.records import Choice, Date, Money, RecordType, Reference, Text
from bharat_crm.pipelines import LOST, OPEN, WON

DEAL = RecordType(
    name="deal",
    plural="deals",
    title="name",
    files=True,
    label="Deal",
    description="A chance to sell: its amount, its company and product, and its stage in a pipeline.",
    fields=(
        Text("name", required=True, indexed=True, search=True),
        Reference("company_id", to="company", indexed=True),
        Reference("contact_id", to="contact", indexed=True),
        Reference("product_id", to="product", indexed=True),
        Reference("pipeline_id", to="pipeline", indexed=True, description="Absent: the stage's, else the default one."),
        Reference("stage_id", to="stage", indexed=True, description="Absent: the first open one of the pipeline."),
        Choice(
            "status",
            (OPEN, WON, LOST),
            required=True,
            default=OPEN,
            read_only=True,
            description="The outcome of its stage.",
        ),
        Money("amount", minimum=0, description="What the deal is worth; once closed, what it brought."),
        Date("engaged_on", description="When the conversation began."),
        Date("closed_on", indexed=True, description="When it was won or lost; set by its stage unless stated."),
        Text("external_id", max_length=100, unique=True, description="Its name in another system, for imports."),
        Text("description", max_length=10_000, multiline=True),
    ),
)
