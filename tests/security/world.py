"""Two organisations full of marked data, and everybody who calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from falcon import testing

from bharat.accounts.inviting import invite
from bharat.accounts.keys import add_key
from bharat.accounts.logins import Caller as CalledFrom
from bharat.accounts.logins import begin_session
from bharat.accounts.passwords import Passwords
from bharat.accounts.seeding import create_organisation, create_user, find_or_create_team
from bharat.contracts.database import Unit
from bharat.contracts.principal import SYSTEM, Actor, ActorKind, Role
from bharat.contracts.records import (
    AnyField,
    Boolean,
    Choice,
    Date,
    Instant,
    Integer,
    Money,
    Number,
    RecordType,
    Reference,
    Text,
)
from bharat.data import new_id
from bharat.records.collection import Records
from bharat.records.custom_fields import custom_fields
from tests.fixtures.application import Site
from tests.security.secrets import SEALED, Secret, Secrets, phone
from tests.security.stored import Stored
from tests.security.table import PLACES

PASSWORD = "a lantern above the harbour"
_HASH = Passwords().hash(PASSWORD)
CUSTOM = "mark"
DOORBELL = "/api/v1/integrations/doorbell"

PEOPLE: Mapping[str, tuple[str, Role, str | None]] = {
    "admin": ("acme", Role.ADMIN, None),
    "manager": ("acme", Role.MANAGER, "North"),
    "agent": ("acme", Role.AGENT, "North"),
    "colleague": ("acme", Role.AGENT, "North"),
    "other": ("acme", Role.AGENT, "South"),
    "viewer": ("acme", Role.VIEWER, None),
    "foreign": ("globex", Role.ADMIN, None),
    "foreign_agent": ("globex", Role.AGENT, "North"),
}
OWNERS = {"own": "agent", "colleague": "colleague", "other": "other", "foreign": "foreign_agent"}
KEYS = {
    "team_key": ("manager", ["*:read"]),
    "write_key": ("manager", ["*:write", "*:delete"]),
    "export_key": ("manager", ["*:export"]),
    "visits_key": ("admin", ["site_visits:read"]),
}

VALUES: Mapping[str, Mapping[str, Any]] = {}
"""Record type -> field -> value, for a type whose rules refuse what is generated from its fields."""


@dataclass(frozen=True)
class Row:
    """A record. `number` tells its amounts, a power of two each, so that a sum tells whose amounts are in it."""

    type: str
    place: str
    deleted: bool
    id: UUID
    word: str
    number: int


@dataclass
class World:
    """The data, and ways to make more of it that a probe may spoil."""

    site: Site
    secrets: Secrets = field(default_factory=Secrets)
    organisations: dict[str, UUID] = field(default_factory=dict)
    people: dict[str, UUID] = field(default_factory=dict)
    teams: dict[tuple[str, str], UUID] = field(default_factory=dict)
    rows: dict[str, list[Row]] = field(default_factory=dict)
    credentials: dict[str, dict[str, str]] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)
    _numbers: int = 0

    @property
    def kit(self) -> Any:
        return self.site.app.records

    @property
    def types(self) -> Sequence[Records]:
        """Every record type, those that others refer to first."""
        return _sorted(self.kit.all)

    @property
    def policies(self) -> dict[str, str]:
        return {one.resource.name: one.resource.type.access.value for one in self.kit.all}

    @property
    def plurals(self) -> dict[str, str]:
        return {one.resource.name: one.resource.plural for one in self.kit.all}

    def organisation_of(self, place: str) -> str:
        return "globex" if place == "foreign" else "acme"

    def live(self, type: str, place: str) -> Row:
        """The row of this place that is there to stay."""
        return next(row for row in self.rows[type] if row.place == place and not row.deleted)

    def writing(self, organisation: str, person: str | None = None) -> Any:
        actor = Actor(ActorKind.USER, self.people[person]) if person else SYSTEM
        return self.site.app.database.write(self.organisations[organisation], actor)

    def body(self, type: RecordType, place: str, word: str, number: int, *, minimal: bool = False) -> dict[str, Any]:
        """A record's fields, made up from their declarations; `minimal` leaves out what may be left out. Optional dates and
        choices are left out always: those are what rules are about."""
        found: dict[str, Any] = {}
        for one in type.fields:
            optional = not one.required
            if one.read_only or (optional and (minimal or isinstance(one, Date | Instant | Choice))):
                continue
            value = VALUES.get(type.name, {}).get(one.name, self._value(one, type, place, word, number))
            if value is None:
                continue
            found[one.name] = value
            if isinstance(one, Money):
                found[f"{one.name}_currency"] = "EUR"
        if not minimal:
            found["custom"] = {CUSTOM: word}
        return found

    def _value(self, one: AnyField, type: RecordType, place: str, word: str, number: int) -> Any:
        match one:
            case Text():
                return {"email": f"{word}@example.com", "url": f"https://{word}.example/", "phone": phone(word)}.get(
                    one.format, f"{word} {one.name}"[: one.max_length]
                )
            case Integer():
                return max(one.minimum, min(one.maximum, 1))
            case Number() | Money():
                return str(2**number)
            case Boolean():
                return one.default if one.default is not None else True
            case Date():
                return date(2026, 1, 1).isoformat()
            case Instant():
                return "2026-01-01T00:00:00Z"
            case Choice():
                return one.default or one.options[0]
            case Reference(to="user"):
                return str(self.people[OWNERS[place]])
            case Reference(to="team"):
                return str(self._team_of(place))
            case Reference():
                return None if one.to == type.name or one.to not in self.rows else str(self.live(one.to, place).id)

    def _team_of(self, place: str) -> UUID:
        organisation, _, team = PEOPLE[OWNERS[place]]
        assert team is not None
        return self.teams[organisation, team]

    def new_row(self, type: str, place: str, *, deleted: bool = False, minimal: bool = False) -> Row:
        """Another record of this place."""
        records = self.kit.records(type)
        organisation = self.organisation_of(place)
        secret = Secret("deleted row" if deleted else "row", organisation, place, type)
        word = self.secrets.word(secret)
        self._numbers = self._numbers % 40 + 1
        with self.writing(organisation, OWNERS[place]) as unit:
            row = self._write(unit, records, place, word, self._numbers, deleted, minimal)
        self.secrets.learn(row.id, secret)
        return row

    def _write(
        self, unit: Unit, records: Records, place: str, word: str, number: int, deleted: bool, minimal: bool
    ) -> Row:
        body = self.body(records.resource.type, place, word, number, minimal=minimal)
        if records.resource.owned:
            body |= {"owner_id": str(self.people[OWNERS[place]]), "team_id": str(self._team_of(place))}
        made = records.writer.create(unit, None, body)
        if deleted:
            records.writer.delete(unit, None, made["id"], None)
        return Row(records.resource.name, place, deleted, made["id"], word, number)

    def new_person(
        self, organisation: str, role: Role = Role.AGENT, *, login: bool = False
    ) -> tuple[UUID, str, str | None]:
        """A user that a probe may spoil: its id, its mark, and its address when it can log in."""
        word = self.secrets.word(Secret("person", organisation))
        address = f"{self.secrets.word(Secret('address', organisation))}@example.com" if login else None
        with self.writing(organisation) as unit:
            id = create_user(
                unit, name=f"{word} somebody", role=role, email=address, password_hash=_HASH if login else None
            )
        self.secrets.learn(id, Secret("person", organisation))
        return id, word, address

    def new_team(self, organisation: str) -> tuple[UUID, str]:
        word = self.secrets.word(Secret("team", organisation))
        with self.writing(organisation) as unit:
            id = find_or_create_team(unit, f"{word} team")
        self.secrets.learn(id, Secret("team", organisation))
        return id, word

    def new_key(self, person: str, scopes: Sequence[str] = ("*",)) -> tuple[UUID, str]:
        """A key of somebody: its id and its text."""
        organisation = PEOPLE[person][0]
        word = self.secrets.word(Secret("key", organisation, person=person))
        with self.writing(organisation) as unit:
            id, text = add_key(unit, self.people[person], name=word, scopes=scopes)
        self.secrets.learn(id, Secret("key", organisation, person=person))
        return id, text

    def new_invitation(self, organisation: str, *, named: bool = True) -> tuple[UUID, str]:
        word = self.secrets.word(Secret("invitation", organisation))
        with self.writing(organisation) as unit:
            id = invite(
                self.site.app.accounts, unit, email=f"{word}@example.com", role=Role.AGENT, name=word if named else None
            )
        self.secrets.learn(id, Secret("invitation", organisation))
        return id, word

    def new_custom_field(self, organisation: str) -> UUID:
        word = self.secrets.word(Secret("setting", organisation))
        return self._define(organisation, self.types[0].resource.name, word, word)

    def _define(self, organisation: str, type: str, name: str, label: str) -> UUID:
        id = new_id()
        with self.writing(organisation) as unit:
            row = {
                "id": id, "record_type": type, "name": name, "label": label, "kind": "text", "required": False,
                "options": [], "version": 1, "created_at": unit.at, "updated_at": unit.at,
            }  # fmt: skip
            unit.execute(custom_fields.insert(), row)
        self.secrets.learn(id, Secret("setting", organisation))
        return id

    def set_up_doorbell(self, organisation: str) -> None:
        """The settings of the sample's integration."""
        word = self.secrets.word(Secret("integration", organisation))
        administrator = {"acme": "admin", "globex": "foreign"}[organisation]
        body = {"api_token": SEALED, "door": f"{word} door"}
        answer = self.call(administrator, "PUT", DOORBELL, json=body, headers={"If-Match": "*"})
        assert answer.status_code == 200, answer.text

    def open_doorbell(self, organisation: str) -> tuple[str, str]:
        """Its webhook, with a new secret alone: where it is called, and the secret."""
        administrator = {"acme": "admin", "globex": "foreign"}[organisation]
        answer = self.call(administrator, "POST", f"{DOORBELL}/webhook", json={"previous_valid_for": 0})
        assert answer.status_code == 201, answer.text
        return answer.json["url"].removeprefix(self.site.app.public_url), answer.json["secret"]

    def session(self, organisation: str, user_id: UUID, person: str = "") -> tuple[str, str]:
        """Log in without a password: the cookie's value and the session's handle."""
        word = self.secrets.word(Secret("session", organisation, person=person))
        called_from = CalledFrom("192.0.2.1", word, "test-request")
        token, session = begin_session(
            self.site.app.accounts,
            self.organisations[organisation],
            user_id,
            self._epoch(organisation, user_id),
            called_from,
        )
        self.secrets.learn(session.handle, Secret("session", organisation, person=person))
        return token, session.handle

    def _epoch(self, organisation: str, user_id: UUID) -> int:
        from bharat.accounts.tables import users

        reader = self.site.app.database.read(self.organisations[organisation])
        return int(reader.scalar(sa.select(users.c.epoch).where(users.c.id == user_id)))

    def call(self, caller: str, method: str, path: str, **more: Any) -> testing.Result:
        headers = {**self.credentials.get(caller, {}), **more.pop("headers", {})}
        return self.site.client.simulate_request(method, path, headers=headers, **more)

    def fingerprint(self) -> tuple[Any, ...]:
        """What is stored: equal means that nothing was written."""
        return self._stored.now()

    def __post_init__(self) -> None:
        _fill(self)
        self._stored = Stored(self.site)


def _fill(world: World) -> None:
    for slug in ("acme", "globex"):
        word = world.secrets.word(Secret("organisation", slug))
        world.organisations[slug] = create_organisation(
            world.site.app.database, f"{word} {slug}", slug=slug, actor=SYSTEM
        )
        world.secrets.learn(world.organisations[slug], Secret("organisation", slug))
        for team in ("North", "South"):
            mark = world.secrets.word(Secret("team", slug))
            with world.writing(slug) as unit:
                world.teams[slug, team] = find_or_create_team(unit, f"{team} {mark}")
            world.secrets.learn(world.teams[slug, team], Secret("team", slug))
    for name, (slug, role, team_name) in PEOPLE.items():
        mark = world.words[name] = world.secrets.word(Secret("person", slug))
        address = world.secrets.word(Secret("address", slug, person=name))
        team_id = world.teams[slug, team_name] if team_name else None
        with world.writing(slug) as unit:
            world.people[name] = create_user(
                unit,
                name=f"{mark} {name}",
                role=role,
                team_id=team_id,
                email=f"{address}@example.com",
                password_hash=_HASH,
            )
        world.secrets.learn(world.people[name], Secret("person", slug))
        world.new_key(name)
        token, _ = world.session(slug, world.people[name], name)
        world.credentials[name] = {"Cookie": f"bharat_session={token}"}
    for name, (owner, scopes) in KEYS.items():
        try:
            world.site.app.permissions.check_scopes(scopes)
        except Exception:
            scopes = ["users:import"]  # the type it is about is not enabled
        world.credentials[name] = {"Authorization": f"Bearer {world.new_key(owner, scopes)[1]}"}
    for slug in world.organisations:
        world.new_invitation(slug)
        for records in world.types:
            label = world.secrets.word(Secret("setting", slug))
            world._define(slug, records.resource.name, CUSTOM, label)
    for records in world.types:
        name = records.resource.name
        world.rows[name] = []
        made = [world.new_row(name, place, deleted=deleted) for place in PLACES for deleted in (False, True)]
        world.rows[name] = made
    _refer_to_what_is_hidden(world)
    if "doorbell" in world.site.app.integrations.declared:
        for slug in world.organisations:
            world.set_up_doorbell(slug)
            world.open_doorbell(slug)


def _refer_to_what_is_hidden(world: World) -> None:
    """The agent has a record that refers to one it can't see: the id is in its own record, the title is not for it."""
    for records in world.types:
        for one in records.resource.type.fields:
            if not isinstance(one, Reference) or one.to in ("user", "team", records.resource.name):
                continue
            if not (records.resource.owned and world.kit.records(one.to).resource.owned):
                continue
            hidden = world.new_row(one.to, "other", minimal=True)
            world.secrets.forget(hidden.id)
            mine = world.new_row(records.resource.name, "own", minimal=True)
            with world.writing("acme") as unit:
                records.writer.update(unit, None, mine.id, {one.name: str(hidden.id)}, None)
            return


def _sorted(all: Sequence[Records]) -> list[Records]:
    left = {one.resource.name: one for one in all}
    found: list[Records] = []
    while left:
        ready = [one for one in left.values() if not _targets(one) & left.keys() - {one.resource.name}]
        if not ready:
            raise AssertionError(f"the record types {sorted(left)} refer to each other in a ring")
        for one in ready:
            found.append(left.pop(one.resource.name))
    return found


def _targets(records: Records) -> set[str]:
    return {one.to for one in records.resource.type.fields if isinstance(one, Reference)}
