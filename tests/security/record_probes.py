"""The questions about records, made up from the declaration of a record type: a type that a plugin adds needs nothing here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import partial
from operator import is_
from typing import Any
from urllib.parse import quote, urlencode
from uuid import UUID

from falcon import testing

from bharat.contracts.records import Money, Reference, Text
from bharat.records.collection import Records
from tests.security.secrets import Secret
from tests.security.table import PLACES, Places, home, reach
from tests.security.walk import Expected, Probe
from tests.security.world import CUSTOM, OWNERS, Row, World

MISSING = UUID("01900000-0000-7000-8000-000000000001")
ANY = {"If-Match": "*"}


class RecordProbes:
    """The probes of one type."""

    def __init__(self, world: World, records: Records) -> None:
        self.world = world
        self.type = records.resource.type
        self.records = records
        self.base = f"/api/v1/{self.type.plural}"
        self.static = world.rows[self.type.name]
        self.answering = (f"update_{self.type.name}", f"restore_{self.type.name}")
        """Operations that change a record and answer with it: for those who may read it too."""

    def all(self) -> Mapping[str, Callable[[str], Iterator[Probe]]]:
        """Operation id -> its probes for a caller."""
        name, plural = self.type.name, self.type.plural
        return {
            f"list_{plural}": self.list,
            f"total_{plural}": self.totals,
            f"export_{plural}": self.export,
            f"read_{name}": self.read,
            f"list_{name}_history": self.history,
            f"create_{name}": self.create,
            f"update_{name}": self.update,
            f"delete_{name}": self.delete,
            f"restore_{name}": self.restore,
            f"bulk_{plural}": self.bulk,
            f"import_{plural}": self.import_,
        }

    def reach(self, caller: str, verb: str) -> Places:
        return reach(caller, self.type.access.value, self.type.plural, verb)

    def _ids(self, places: Places, *, deleted: bool = False) -> frozenset[str]:
        return frozenset(str(row.id) for row in self.static if row.place in places and row.deleted is deleted)

    def _probe(self, operation: str, caller: str, method: str, path: str, verb: str, **more: Any) -> Probe:
        expected: Expected = more.pop("expected", "allowed")
        if caller == "nobody":
            expected = "unknown caller"
        elif not self.reach(caller, verb) or (operation in self.answering and not self.reach(caller, "read")):
            expected = "denied"
        if expected not in ("hidden", "refused"):
            more.pop("like", None)
        return Probe(operation=operation, caller=caller, method=method, path=path, expected=expected, **more)

    # What shows many.

    def _questions(self) -> Iterator[tuple[str, Callable[[Row], bool]]]:
        """Filters, each with the rows that it finds."""
        ids = ",".join(str(row.id) for row in self.static)
        yield f"id.in={ids}", lambda row: True
        title = self.type.title
        for asked in self.static:
            if asked.deleted or asked.place == "own":
                continue
            field = next(one for one in self.type.fields if one.name == title)
            assert isinstance(field, Text)
            one = partial(is_, asked)
            yield f"id={asked.id}", one
            yield f"{title}={quote(f'{asked.word} {title}')}", one
            yield f"{title}.prefix={asked.word}", one
            yield f"custom.{CUSTOM}={asked.word}", one
            if self.records.resource.searchable:
                yield f"q={asked.word}", one
            if self.records.resource.owned:
                owner = self.world.people[OWNERS[asked.place]]
                yield f"id.in={ids}&owner_id={owner}", lambda row, place=asked.place: row.place == place  # type: ignore[misc]

    def _asked(self, caller: str, verb: str) -> Iterator[tuple[str, Callable[[Row], bool], bool]]:
        """The questions about live and about deleted rows; one alone where all of them are refused alike."""
        for deleted in (False, True):
            reached = self.reach(caller, verb) and self.reach(caller, "delete" if deleted else verb)
            for question, found in self._questions():
                yield question, found, deleted
                if not reached:
                    break

    def _many(self, operation: str, caller: str, path: str, verb: str, more: str = "") -> Iterator[Probe]:
        among = frozenset(str(row.id) for row in self.static)
        for question, found, deleted in self._asked(caller, verb):
            which = self.reach(caller, "delete" if deleted else verb)
            rows = frozenset(
                str(row.id) for row in self.static if row.place in which and row.deleted is deleted and found(row)
            )
            query = f"{question}{more}{'&deleted=true' if deleted else ''}"
            yield self._probe(
                operation, caller, "GET", path, verb, query=query, rows=rows, among=among, deleted=deleted,
                    expected="allowed" if which else "denied",
                )  # fmt: skip

    def list(self, caller: str) -> Iterator[Probe]:
        operation = f"list_{self.type.plural}"
        yield from self._many(operation, caller, self.base, "read", "&limit=200")
        yield self._probe(operation, caller, "GET", self.base, "read", query="limit=200")
        yield self._probe(operation, caller, "GET", self.base, "read", query=f"sort={self.type.title}&limit=200")
        ids = ",".join(str(row.id) for row in self.static)
        reached = len(self._ids(self.reach(caller, "read")))

        def counted(answer: testing.Result) -> str | None:
            if answer.status_code == 200 and answer.json["total"] != reached:
                return f"it counted {answer.json['total']} rows of {reached}"
            return None

        query = f"id.in={ids}&limit=1&total=true"
        yield self._probe(operation, caller, "GET", self.base, "read", query=query, then=counted)
        yield from self._others_cursor(operation, caller, f"id.in={ids}&limit=1")

    def _others_cursor(self, operation: str, caller: str, query: str) -> Iterator[Probe]:
        """A cursor made for one person shows another what that one may see; from another organisation it is none."""
        for giver in ("admin", "foreign"):
            given = self.world.call(giver, "GET", self.base, query_string=query)
            cursor = given.json.get("next_cursor")
            if cursor is None:
                continue
            same = home(giver) == home(caller)
            last = str(given.json["items"][-1]["id"])
            rows = frozenset(one for one in self._ids(self.reach(caller, "read")) if one < last)
            rest = query.replace("limit=1", "limit=200")
            yield self._probe(
                operation,
                caller,
                "GET",
                self.base,
                "read",
                query=f"{query}&cursor={cursor}",
                expected="allowed" if same else "refused",
            )
            if same:
                yield self._probe(
                    operation, caller, "GET", self.base, "read", query=f"{rest}&cursor={cursor}", rows=rows,
                    among=self._ids(frozenset(PLACES)),
                )  # fmt: skip

    def totals(self, caller: str) -> Iterator[Probe]:
        operation, path = f"total_{self.type.plural}", f"{self.base}/totals"
        money = next((one.name for one in self.type.fields if isinstance(one, Money)), None)
        for question, found, deleted in self._asked(caller, "read"):
            which = self.reach(caller, "delete" if deleted else "read")
            rows = [row for row in self.static if row.place in which and row.deleted is deleted and found(row)]
            yield self._probe(
                    operation, caller, "GET", path, "read", query=f"{question}{'&deleted=true' if deleted else ''}",
                    expected="allowed" if which else "denied", then=lambda answer, rows=rows: _added(answer, rows, money),
                )  # fmt: skip

    def export(self, caller: str) -> Iterator[Probe]:
        operation, path = f"export_{self.type.plural}", f"{self.base}/export"
        yield from self._many(operation, caller, path, "export")
        yield self._probe(operation, caller, "GET", path, "export")

    # What shows one.

    def _missing(self, operation: str, caller: str, method: str, suffix: str, verb: str, **more: Any) -> Probe:
        return self._probe(operation, caller, method, f"{self.base}/{MISSING}{suffix}", verb, expected="hidden", **more)

    def _one(self, operation: str, caller: str, row: Row, visible: bool, suffix: str, verb: str, **more: Any) -> Probe:
        """A GET of a row; hidden unless `visible`."""
        like = self._missing(operation, caller, "GET", suffix, verb, **more)
        known = "If-None-Match" in more.get("headers", {})
        expected: Expected = "hidden" if not visible else "unchanged" if known else "allowed"
        return self._probe(
            operation,
            caller,
            "GET",
            f"{self.base}/{row.id}{suffix}",
            verb,
            expected=expected,
            like=like,
            deleted=row.deleted,
            **more,
        )

    def read(self, caller: str) -> Iterator[Probe]:
        operation = f"read_{self.type.name}"
        yield self._missing(operation, caller, "GET", "", "read")
        for row in self.static:
            visible = row.place in self.reach(caller, "read") and not row.deleted
            yield self._one(operation, caller, row, visible, "", "read")
            yield self._one(operation, caller, row, visible, "", "read", headers={"If-None-Match": "*"})
            either = self.reach(caller, "delete")
            if either or caller == "nobody":
                yield self._one(operation, caller, row, row.place in either, "", "read", query="deleted=true")
            else:
                path = f"{self.base}/{row.id}"
                yield self._probe(operation, caller, "GET", path, "read", query="deleted=true", expected="denied")

    def history(self, caller: str) -> Iterator[Probe]:
        operation = f"list_{self.type.name}_history"
        for row in self.static:
            visible = row.place in self.reach(caller, "delete" if row.deleted else "read")
            yield self._one(operation, caller, row, visible, "/history", "read")

    # What changes one. Each probe gets a row of its own.

    def _change(
        self,
        operation: str,
        caller: str,
        method: str,
        suffix: str,
        verb: str,
        deleted: bool,
        *,
        custom: bool = False,
        **more: Any,
    ) -> Iterator[Probe]:
        # Someone who may look but not write is told so, whatever the row.
        for place in PLACES:
            row = self.world.new_row(self.type.name, place, deleted=deleted)
            if deleted and place in self.reach(caller, verb):
                self.world.secrets.forget(row.word, row.id)
            if custom:
                more["body"] = {"custom": {CUSTOM: self._word(caller, place)}}
            like = self._missing(operation, caller, method, suffix, verb, **more)
            yield self._probe(
                operation, caller, method, f"{self.base}/{row.id}{suffix}", verb, like=like, deleted=True,
                expected="allowed" if place in self.reach(caller, verb) else "hidden", **more,
            )  # fmt: skip

    def _word(self, caller: str, place: str | None = None) -> str:
        """A mark to write: of a row of this place, else of one that the caller makes."""
        place = place or {"foreign": "foreign", "agent": "own"}.get(caller, "colleague")
        return self.world.secrets.word(Secret("row", self.world.organisation_of(place), place, self.type.name))

    def update(self, caller: str) -> Iterator[Probe]:
        operation = f"update_{self.type.name}"
        yield from self._change(operation, caller, "PATCH", "", "write", False, headers=ANY, custom=True)
        # A wrong version must not tell that there is a row.
        for place in PLACES:
            row = self.world.live(self.type.name, place)
            wrong: dict[str, Any] = {
                "body": {"custom": {CUSTOM: self._word(caller, place)}},
                "headers": {"If-Match": '"99"'},
            }
            like = self._missing(operation, caller, "PATCH", "", "write", **wrong)
            expected: Expected = "refused" if place in self.reach(caller, "write") else "hidden"
            yield self._probe(
                operation, caller, "PATCH", f"{self.base}/{row.id}", "write", expected=expected,
                like=like if expected == "hidden" else None, **wrong,
            )  # fmt: skip
        yield from self._owners(operation, caller)

    def _owners(self, operation: str, caller: str) -> Iterator[Probe]:
        """Nobody gives a row away to where it can't be reached, nor to another organisation."""
        written = self.reach(caller, "write")
        if not self.records.resource.owned or not written:
            return
        for place in PLACES:
            row = self.world.new_row(self.type.name, min(written), minimal=True)
            self.world.secrets.forget(row.word, row.id)  # it changes hands
            owner = str(self.world.people[OWNERS[place]])
            like = self._probe(
                operation,
                caller,
                "PATCH",
                f"{self.base}/{row.id}",
                "write",
                body={"owner_id": str(MISSING)},
                headers=ANY,
                expected="refused",
            )
            foreign = self.world.organisation_of(place) != home(caller)
            yield self._probe(
                operation, caller, "PATCH", f"{self.base}/{row.id}", "write", body={"owner_id": owner}, headers=ANY,
                expected="allowed" if place in written else "refused", like=like if foreign else None,
            )  # fmt: skip

    def delete(self, caller: str) -> Iterator[Probe]:
        yield from self._change(f"delete_{self.type.name}", caller, "DELETE", "", "delete", False, headers=ANY)

    def restore(self, caller: str) -> Iterator[Probe]:
        yield from self._change(f"restore_{self.type.name}", caller, "POST", "/restore", "delete", True)

    def bulk(self, caller: str) -> Iterator[Probe]:
        operation, path = f"bulk_{self.type.plural}", f"{self.base}/bulk"

        def asked(part: str, id: UUID, place: str) -> dict[str, Any]:
            one: dict[str, Any] = {"id": str(id), "version": 1}
            return {
                part: [{**one, "changes": {"custom": {CUSTOM: self._word(caller, place)}}} if part == "update" else one]
            }

        for part, verb in (("update", "write"), ("delete", "delete")):
            for place in PLACES:
                row = self.world.new_row(self.type.name, place)
                reached = place in self.reach(caller, verb) and bool(self.reach(caller, "write"))
                denied = bool(self.reach(caller, "write")) and not self.reach(caller, verb)
                like = self._probe(
                    operation, caller, "POST", path, "write", body=asked(part, MISSING, place), expected="refused"
                )
                yield self._probe(
                    operation, caller, "POST", path, "write", body=asked(part, row.id, place), like=like,
                    expected="allowed" if reached else "denied" if denied else "refused",
                )  # fmt: skip
        yield self._probe(
            operation, caller, "POST", path, "write", body={"create": [self._minimal(caller, self._word(caller))]},
            expected=self._made(caller),
        )  # fmt: skip
        if not self.records.resource.owned:
            return
        written = self.reach(caller, "write")
        for place in PLACES if written else ():
            owner = str(self.world.people[OWNERS[place]])
            mine = self.world.new_row(self.type.name, min(written), minimal=True)
            self.world.secrets.forget(mine.word, mine.id)  # it changes hands
            given = {"id": str(mine.id), "version": 1, "changes": {"owner_id": owner}}
            made = {**self._minimal(caller, self._word(caller, place)), "owner_id": owner}
            for body, allowed in (({"update": [given]}, "allowed"), ({"create": [made]}, self._made(caller))):
                yield self._probe(
                    operation, caller, "POST", path, "write", body=body, expected=allowed if place in written else "refused",
                )  # fmt: skip

    # What makes new ones.

    def _minimal(self, caller: str, word: str) -> dict[str, Any]:
        place = "foreign" if caller == "foreign" else "own"
        return self.world.body(self.type, place, word, 1, minimal=True)

    def _made(self, caller: str) -> Expected:
        """What comes of creating a record: who can't read what it must refer to is told that it is not there."""
        for one in self.type.fields:
            if isinstance(one, Reference) and one.required and one.to not in ("user", "team"):
                target = self.world.kit.type(one.to)
                if not reach(caller, target.access.value, target.plural, "read"):
                    return "refused"
        return "allowed"

    def create(self, caller: str) -> Iterator[Probe]:
        operation = f"create_{self.type.name}"
        # Who makes a record is told what a rule has it refer to: its id alone, whether or not it may be read.
        chosen: frozenset[str] = frozenset()
        if not self.reach(caller, "read"):
            targets = [one.to for one in self.type.fields if isinstance(one, Reference) and one.to in self.world.rows]
            rows = [row for to in targets for row in self.world.rows[to]]
            chosen = frozenset(str(row.id) for row in rows if row.place != "foreign" and not row.deleted)

        def make(expected: Expected, place: str | None = None, **fields: Any) -> Probe:
            body = {**self._minimal(caller, self._word(caller, place)), **fields}
            return self._probe(
                operation, caller, "POST", self.base, "write", body=body, expected=expected, tells=chosen
            )

        yield make(self._made(caller))
        place = "foreign" if caller == "foreign" else "own"
        if "own" in self.reach(caller, "read") or caller == "foreign":
            full = self.world.body(self.type, place, self._word(caller), 1)
            yield self._probe(operation, caller, "POST", self.base, "write", body=full)
        for one in self.type.fields:
            if isinstance(one, Reference) and one.to not in ("user", "team") and not one.read_only:
                target = self.world.kit.type(one.to)
                for row in self.world.rows[one.to]:
                    seen = reach(caller, target.access.value, target.plural, "read")
                    expected: Expected = "allowed" if row.place in seen and not row.deleted else "refused"
                    probe = make(expected, **{one.name: str(row.id)})
                    body = {**probe.body, one.name: str(MISSING)}
                    yield _with_like(
                        probe, self._probe(operation, caller, "POST", self.base, "write", body=body, expected="refused")
                    )
            elif isinstance(one, Reference) and not one.read_only:
                yield from self._foreign_person(make, one.name, one.to, caller)
        if self.records.resource.owned:
            for place in PLACES:
                owner = str(self.world.people[OWNERS[place]])
                yield make(
                    self._made(caller) if place in self.reach(caller, "write") else "refused", place, owner_id=owner
                )
            yield from self._foreign_person(make, "owner_id", "user", caller)
            yield from self._foreign_person(make, "team_id", "team", caller)

    def _foreign_person(self, make: Callable[..., Probe], field: str, to: str, caller: str) -> Iterator[Probe]:
        abroad = "acme" if caller == "foreign" else "globex"
        person = "agent" if abroad == "acme" else "foreign_agent"
        id = self.world.people[person] if to == "user" else self.world.teams[abroad, "North"]
        probe = make("refused", **{field: str(id)})
        like = self._probe(
            probe.operation,
            caller,
            "POST",
            self.base,
            "write",
            body={**probe.body, field: str(MISSING)},
            expected="refused",
        )
        yield _with_like(probe, like)

    def import_(self, caller: str) -> Iterator[Probe]:
        operation, path = f"import_{self.type.plural}", f"{self.base}/import"
        title = self.type.title
        csv = {"Content-Type": "text/csv"}

        def file(**cells: str) -> bytes:
            plain = self._minimal(caller, self._word(caller))
            for one in self.type.fields:
                if isinstance(one, Reference) and one.name in plain:
                    plain[one.name] = (
                        f"{self.world.live(one.to, 'foreign' if caller == 'foreign' else 'own').word} {self.world.kit.type(one.to).title}"
                    )
            cells = {**{name: str(value) for name, value in plain.items()}, **cells}
            return f"{','.join(cells)}\n{','.join(cells.values())}\n".encode()

        yield self._probe(operation, caller, "POST", path, "import", raw=file(), headers=csv, then=_imported)
        for place in PLACES:
            row = self.world.new_row(self.type.name, place)
            self.world.secrets.forget(row.word)  # the import writes it into another row, if it does not find this one
            reached = place in self.reach(caller, "import")
            yield self._probe(
                operation, caller, "POST", path, "import", query="key=" + title, headers=csv,
                raw=file(**{title: f"{row.word} {title}", f"custom.{CUSTOM}": self._word(caller, place if reached else None)}),
                then=lambda answer, row=row, reached=reached: self._kept(answer, row, changed=reached),
            )  # fmt: skip
        if self.records.resource.owned:
            team = self.world.secrets.word(Secret("team", home(caller) or "acme"))
            yield self._probe(
                operation, caller, "POST", path, "import", query="create_missing=team_id", raw=file(team_id=team), headers=csv,
                expected="allowed" if caller in ("admin", "foreign") else "denied", then=_imported,
            )  # fmt: skip
        for one in self.type.fields:
            if not isinstance(one, Reference) or one.read_only or one.to in ("user", "team"):
                continue
            target = self.world.kit.type(one.to)
            for row in self.world.rows[one.to]:
                seen = row.place in reach(caller, target.access.value, target.plural, "read") and not row.deleted
                raw = file(**{one.name: f"{row.word} {target.title}"})
                unknown = self.world.secrets.word(Secret("row", "acme", "nowhere", one.to))
                query = urlencode({"dry_run": "true"})
                like = self._probe(
                    operation,
                    caller,
                    "POST",
                    path,
                    "import",
                    query=query,
                    raw=raw.replace(row.word.encode(), unknown.encode()),
                    headers=csv,
                )
                yield self._probe(
                    operation, caller, "POST", path, "import", query=query, raw=raw, headers=csv,
                    then=lambda answer, seen=seen, like=like, row=row, unknown=unknown: None if seen else _same_rejection(
                        self.world, like, answer, row.word, unknown
                    ),
                )  # fmt: skip

    def _kept(self, answer: testing.Result, row: Row, *, changed: bool) -> str | None:
        if answer.status_code < 400 and not changed and answer.json["created"] != 1:
            return f"it tells that there is a row which the caller may not reach: {answer.text[:300]}"
        organisation = self.world.organisations[self.world.organisation_of(row.place)]
        reader = self.world.site.app.database.read(organisation)
        found = self.records.queries.one(reader, None, row.id, deleted=None)
        assert found is not None
        if found["version"] != 1 and not changed:
            return "it changed a row that the caller may not reach"
        return None


def _same_rejection(world: World, like: Probe, answer: testing.Result, word: str, unknown: str) -> str | None:
    if answer.status_code >= 400:
        return None
    if answer.json.get("rejected", 0) != 1:
        return f"it took a reference to what the caller may not see: {answer.text[:300]}"
    missing = world.call(
        like.caller, like.method, like.path, query_string=like.query, body=like.raw, headers=like.headers
    )
    if answer.text.replace(word, unknown) != missing.text:
        return f"it says {answer.text[:300]}, and for what does not exist {missing.text[:300]}"
    return None


def _imported(answer: testing.Result) -> str | None:
    if answer.status_code < 400 and answer.json["created"] != 1:
        return f"it did not import the row: {answer.text[:300]}"
    return None


def _added(answer: testing.Result, rows: list[Row], money: str | None) -> str | None:
    if answer.status_code >= 400:
        return None
    if answer.json["count"] != len(rows):
        return f"it counted {answer.json['count']} rows of {len(rows)}"
    if money is not None:
        told = sum(Decimal(one["sum"]) for one in answer.json["sums"][money])
        if told != sum(2**row.number for row in rows):
            return f"it added up to {told}, and these rows make {sum(2**row.number for row in rows)}"
    return None


def _with_like(probe: Probe, like: Probe) -> Probe:
    return replace(probe, like=like) if probe.expected == "refused" else probe


def record_probes(world: World) -> dict[str, Callable[[str], Iterator[Probe]]]:
    """Operation id -> the probes of a caller, for the endpoints of every record type."""
    found: dict[str, Callable[[str], Iterator[Probe]]] = {}
    for records in world.types:
        found.update(RecordProbes(world, records).all())
    return found
