"""A job: an entry that is done is written down as a file. It may run twice, and then writes the same file again."""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa
from bharat.contracts.work import GiveUp, JobContext, JobSpec


def _write_down(context: JobContext) -> None:
    from bharat.cli.templates.records.tables import entries  # which are made of the entries, whose rule enqueues this

    entry = UUID(context.payload["entry"])
    found = context.app.database.read(context.organisation_id).row(
        sa.select(entries.c.subject, entries.c.outcome).where(entries.c.id == entry)
    )
    if found is None:
        raise GiveUp(f"The entry {entry} is no more.")
    text = f"{found.subject}\n\n{found.outcome}\n"
    context.app.storage.put(f"new_plugin/{entry}.txt", [text.encode()], content_type="text/plain")


WRITE_DOWN = JobSpec(kind="new_plugin.write_down", run=_write_down, summary="Write down what is done")
