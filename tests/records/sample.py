"""Record types with every kind of field, as a plugin would declare them, and people to use them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID

from bharat.accounts.permissions import Permissions
from bharat.accounts.tables import teams, users
from bharat.contracts.errors import FieldFault, Invalid
from bharat.contracts.principal import SYSTEM, Principal, Role
from bharat.contracts.records import (
    AccessPolicy,
    Boolean,
    Change,
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
from bharat.data import BharatDatabase, new_id
from bharat.plugins import Owned
from bharat.records import Kit


def closes(change: Change) -> None:
    """A won deal gets the day it was closed; a lost one needs a reason."""
    if change.kind in ("create", "update") and change.after("stage") == "won" and change.after("closed_on") is None:
        change.values["closed_on"] = change.unit.at.date()
    if change.after("stage") == "lost" and not change.after("reason"):
        raise Invalid("A lost deal needs a reason.", faults=[FieldFault("/reason", "is required when a deal is lost")])


COMPANY = RecordType(
    name="company",
    plural="companies",
    title="name",
    access=AccessPolicy.SHARED,
    fields=(
        Text("name", required=True, unique=True, search=True),
        Integer("employees", minimum=0),
        Money("revenue"),
        Reference("parent", to="company", on_delete="keep"),
    ),
)

DEAL = RecordType(
    name="deal",
    plural="deals",
    title="name",
    fields=(
        Text("name", required=True, search=True),
        Choice("stage", options=("open", "won", "lost"), required=True, default="open", indexed=True),
        Money("amount", minimum=0, indexed=True),
        Number("probability", scale=2),
        Integer("score", indexed=True),
        Boolean("hot", default=False),
        Date("close_date", indexed=True),
        Instant("called_at"),
        Text("reason", max_length=2000, multiline=True, search=True),
        Text("email", format="email", max_length=254, unique=True),
        Reference("company", to="company"),
        Reference("deal_before", to="deal", on_delete="keep"),
        Date("closed_on", read_only=True),
    ),
    before_save=(closes,),
)

PRODUCT = RecordType(
    name="product",
    plural="products",
    title="name",
    access=AccessPolicy.REFERENCE,
    fields=(Text("name", required=True), Text("series"), Number("price", scale=4)),
    unique_together=(("series", "name"),),
)

TYPES = [Owned("sample", type) for type in (COMPANY, DEAL, PRODUCT)]


@dataclass(frozen=True, slots=True)
class People:
    """Two teams of one organisation, and one of each role: the manager leads the east, where the agent works."""

    organisation_id: UUID
    east: UUID
    west: UUID
    admin: Principal
    manager: Principal
    agent: Principal
    stranger: Principal
    """An agent in the west."""
    viewer: Principal


def people_of(database: BharatDatabase, organisation_id: UUID) -> People:
    now = database.clock.now()
    east, west = new_id(), new_id()
    stamps = {"version": 1, "created_at": now, "updated_at": now}
    with database.write(organisation_id, SYSTEM) as unit:
        for id, name in ((east, "East"), (west, "West")):
            unit.execute(teams.insert(), {"id": id, "name": name, **stamps})

        def person(name: str, role: Role, team: UUID | None) -> Principal:
            id = new_id()
            unit.execute(
                users.insert(),
                {"id": id, "name": name, "role": role.value, "active": True, "team_id": team, "epoch": 1, **stamps},
            )
            return Principal(organisation_id, id, role, (team,) if team else ())

        people = People(
            organisation_id,
            east,
            west,
            person("Ada", Role.ADMIN, None),
            person("Mina", Role.MANAGER, east),
            person("Asha", Role.AGENT, east),
            person("Wim", Role.AGENT, west),
            person("Vera", Role.VIEWER, None),
        )
        unit.execute(teams.update().where(teams.c.id == east).values(lead_id=people.manager.user_id))
    return people


def kit_of(database: BharatDatabase, key: bytes = b"k" * 32) -> Kit:
    permissions = Permissions({owned.item.plural: owned.item.access for owned in TYPES})
    return Kit(TYPES, Kit.metadata(TYPES), database=database, permissions=permissions, key=key)


def scoped_to(principal: Principal, *scopes: str) -> Principal:
    """The principal of an API key with these scopes."""
    return replace(principal, scopes=frozenset(scopes), api_key_id=new_id())
