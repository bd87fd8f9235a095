"""Products: what deals are about."""

from __future__ import annotations

from bharat.contracts.records import AccessPolicy, Boolean, Money, RecordType, Text

PRODUCT = RecordType(
    name="product",
    plural="products",
    title="name",
    label="Product",
    description="Something you sell, with its list price.",
    access=AccessPolicy.REFERENCE,
    fields=(
        Text("name", required=True, unique=True, search=True),
        Text("series", max_length=100, indexed=True),
        Money("price", minimum=0, description="The list price."),
        Boolean("active", required=True, default=True, description="Whether it is still sold."),
        Text("description", max_length=10_000, multiline=True),
    ),
)
