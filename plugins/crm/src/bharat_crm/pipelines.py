"""Pipelines and their stages: the ways that deals go."""

from __future__ import annotations

from bharat.contracts.records import AccessPolicy, Boolean, Choice, Integer, RecordType, Reference, Text

OPEN, WON, LOST = "open", "won", "lost"

PIPELINE = RecordType(
    name="pipeline",
    plural="pipelines",
    title="name",
    label="Pipeline",
    description="A way that deals go, from the first stage to won or lost.",
    access=AccessPolicy.REFERENCE,
    fields=(
        Text("name", required=True, unique=True),
        Integer("position", required=True, minimum=0, default=0, description="Order among the pipelines."),
        Boolean("is_default", required=True, default=False, description="Whether deals that name no pipeline go here."),
    ),
)

STAGE = RecordType(
    name="stage",
    plural="stages",
    title="name",
    label="Stage",
    description="A step of a pipeline. A stage whose outcome is won or lost closes the deals that enter it.",
    access=AccessPolicy.REFERENCE,
    fields=(
        Text("name", required=True, max_length=100),
        Reference("pipeline_id", to="pipeline", required=True, indexed=True),
        Integer("position", required=True, minimum=0, default=0, description="Order within the pipeline."),
        Choice("outcome", (OPEN, WON, LOST), required=True, default=OPEN),
        Integer(
            "probability", minimum=0, maximum=100, description="Chance of winning a deal that is here, in percent."
        ),
    ),
    unique_together=(("pipeline_id", "name"),),
)
