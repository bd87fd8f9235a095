"""The questions about files, for each record type that takes some: who reaches a record reaches its files, and nobody else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from bharat.records.files.attached import Attached
from bharat.records.files.tables import FileState, content_key, record_files, thumbnail_key
from tests.security.record_probes import MISSING, RecordProbes
from tests.security.table import PLACES
from tests.security.walk import Expected, Probe
from tests.security.world import Row, World


class FileProbes(RecordProbes):
    """The probes of the files of one type's records. The name and the bytes of a file are marked as its record's."""

    def all(self) -> Mapping[str, Callable[[str], Iterator[Probe]]]:
        name = self.type.name
        return {
            f"list_{name}_files": lambda caller: self._shown(f"list_{name}_files", caller, ""),
            f"read_{name}_file": lambda caller: self._shown(f"read_{name}_file", caller, "/{}"),
            f"download_{name}_file": lambda caller: self._shown(f"download_{name}_file", caller, "/{}/content"),
            f"show_{name}_thumbnail": lambda caller: self._shown(f"show_{name}_thumbnail", caller, "/{}/thumbnail"),
            f"link_{name}_file": lambda caller: self._shown(f"link_{name}_file", caller, "/{}/link"),
            f"upload_{name}_file": self.upload,
            f"begin_{name}_upload": self.begin,
            f"complete_{name}_upload": lambda caller: self._changed(
                f"complete_{name}_upload", caller, "POST", "/complete", FileState.AWAITING
            ),
            f"delete_{name}_file": lambda caller: self._changed(
                f"delete_{name}_file", caller, "DELETE", "", FileState.READY
            ),
        }

    def _shown(self, operation: str, caller: str, path: str) -> Iterator[Probe]:
        for row in self.static:
            visible = row.place in self.reach(caller, "read") and not row.deleted
            yield self._one(operation, caller, row, visible, f"/files{path.format(self._file(row))}", "read")
        if "{}" in path and "own" in self.reach(caller, "read"):
            # The file of another record is none of this one's, whoever may see both.
            mine, other = self.world.live(self.type.name, "own"), self.world.new_row(self.type.name, "own")
            suffix = f"/files{path.format(self._file(mine))}"
            yield self._probe(operation, caller, "GET", f"{self.base}/{other.id}{suffix}", "read", expected="hidden")

    def _file(self, row: Row) -> UUID:
        """The file of a row that is there to stay."""
        query = sa.select(record_files.c.id).where(record_files.c.record_id == row.id).order_by(record_files.c.id)
        reader = self.world.site.app.database.read(self.world.organisations[self.world.organisation_of(row.place)])
        found: UUID | None = reader.scalar(query)
        return found or self._add(row, FileState.READY)

    def _add(self, row: Row, state: FileState) -> UUID:
        app, organisation = self.world.site.app, self.world.organisation_of(row.place)
        more: dict[str, Any] = {"size": 1, "upload": "0-" + "0" * 32, "thumbnail": True}
        with self.world.writing(organisation) as unit:
            file = Attached(self.type.name, app.database).add(
                unit, row.id, name=row.word, content_type="text/plain", state=state, **more
            )
        for key in (content_key, thumbnail_key):
            app.storage.put(key(self.world.organisations[organisation], file), [row.word.encode()])
        return file

    def upload(self, caller: str) -> Iterator[Probe]:
        for place in PLACES:
            word = self._word(caller, place)
            more = {"raw": word.encode(), "query": f"name={word}", "headers": {"Content-Type": "text/plain"}}
            yield from self._added(f"upload_{self.type.name}_file", caller, place, "/files", **more)

    def begin(self, caller: str) -> Iterator[Probe]:
        for place in PLACES:
            body = {"name": self._word(caller, place), "size": 1}
            yield from self._added(f"begin_{self.type.name}_upload", caller, place, "/files/uploads", body=body)

    def _added(self, operation: str, caller: str, place: str, suffix: str, **more: Any) -> Iterator[Probe]:
        row = self.world.live(self.type.name, place)
        expected: Expected = "allowed" if place in self.reach(caller, "write") else "hidden"
        yield self._probe(
            operation, caller, "POST", f"{self.base}/{row.id}{suffix}", "write", expected=expected,
            like=self._missing(operation, caller, "POST", suffix, "write", **more), **more,
        )  # fmt: skip

    def _changed(self, operation: str, caller: str, method: str, suffix: str, state: FileState) -> Iterator[Probe]:
        for place in PLACES:
            row = self.world.live(self.type.name, place)
            self._file(row)  # that which stays comes first
            suffixes = f"/files/{self._add(row, state)}{suffix}", f"/files/{MISSING}{suffix}"
            expected: Expected = "allowed" if place in self.reach(caller, "write") else "hidden"
            yield self._probe(
                operation, caller, method, f"{self.base}/{row.id}{suffixes[0]}", "write", expected=expected,
                like=self._missing(operation, caller, method, suffixes[1], "write"),
            )  # fmt: skip


def file_probes(world: World) -> dict[str, Callable[[str], Iterator[Probe]]]:
    """Operation id -> the probes of a caller, for every record type that takes files."""
    found: dict[str, Callable[[str], Iterator[Probe]]] = {}
    for records in world.types:
        if records.resource.type.files:
            found.update(FileProbes(world, records).all())
    return found
