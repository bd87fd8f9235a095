"""Entries: a record type with two rules. It has its table, REST endpoints, import, export and audit trail from this alone.

After every change of the fields, `bharat makemigration new_plugin` writes the next revision."""

from __future__ import annotations

from bharat.contracts.errors import FieldFault, Invalid
from bharat.contracts.records import Change, Choice, Date, RecordType, Text
from bharat.work import enqueue

from bharat.cli.templates.records.done import WRITE_DOWN


def _done_has_an_outcome(change: Change) -> None:
    if change.after("state") == "done" and change.after("outcome") is None:
        raise Invalid("What is done has an outcome.", faults=[FieldFault("/outcome", "is needed once it is done")])


def _write_down_what_is_done(change: Change) -> None:
    """In the transaction of the change: the job runs if and only if the change was committed."""
    was_done = change.before is not None and change.before["state"] == "done"
    if change.after("state") == "done" and not was_done:
        enqueue(change.unit, WRITE_DOWN, {"entry": str(change.id)})


ENTRY = RecordType(
    name="new_plugin_entry",
    plural="new_plugin",
    title="subject",
    label="Entry",
    fields=(
        Text("subject", required=True, max_length=200, search=True),
        Choice("state", options=("open", "done"), default="open", indexed=True),
        Date("due_on", indexed=True),
        Text("outcome", multiline=True, max_length=10_000),
    ),
    before_save=(_done_has_an_outcome,),
    after_save=(_write_down_what_is_done,),
    description="Something to be done, by when, and what came of it.",
)
