"""Contacts: the people of companies."""

from __future__ import annotations

from bharat.contracts.records import RecordType, Reference, Text

CONTACT = RecordType(
    name="contact",
    plural="contacts",
    title="name",
    files=True,
    label="Contact",
    description="A person you know, usually at a company.",
    fields=(
        Text("name", required=True, indexed=True, search=True),
        Text("email", max_length=254, format="email", indexed=True, search=True),
        Text("phone", max_length=50, format="phone"),
        Text("job_title", max_length=100),
        Reference("company_id", to="company", indexed=True),
        Text("description", max_length=10_000, multiline=True),
    ),
)
