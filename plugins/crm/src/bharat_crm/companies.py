"""Companies and the groups they form."""

from __future__ import annotations

from bharat.contracts.records import Integer, Money, RecordType, Reference, Text

COMPANY = RecordType(
    name="company",
    plural="companies",
    title="name",
    files=True,
    label="Company",
    description="An organisation you sell to, buy from or work with.",
    fields=(
        Text("name", required=True, indexed=True, search=True),
        Reference("parent_id", to="company", indexed=True, description="The company that this one belongs to."),
        Text("sector", max_length=100, indexed=True),
        Text("website", max_length=500, format="url"),
        Text("phone", max_length=50, format="phone"),
        Money("revenue", description="Of one year."),
        Integer("employees", minimum=0),
        Integer("year_founded", minimum=1, maximum=9999),
        Text("office_location", max_length=200),
        Text("description", max_length=10_000, multiline=True),
    ),
)
