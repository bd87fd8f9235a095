"""The table of roles, and what narrows it."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from bharat.accounts.permissions import VERBS, Permissions, reaches, viewer_parameters, visible_rows
from bharat.contracts.errors import Forbidden, Invalid
from bharat.contracts.permission import PermissionCheck
from bharat.contracts.principal import Principal, Role, Visibility
from bharat.contracts.records import AccessPolicy

ALL, TEAM, OWN, NONE = Visibility.ALL, Visibility.TEAM, Visibility.OWN, Visibility.NONE
POLICIES = {"deals": AccessPolicy.OWNED, "tags": AccessPolicy.SHARED, "products": AccessPolicy.REFERENCE}
deals = sa.Table(
    "deals",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("owner_id", sa.Uuid),
    sa.Column("team_id", sa.Uuid),
)

# What each role reaches: admin, manager, agent, viewer.
TABLE = {
    "deals:read": (ALL, TEAM, OWN, ALL),
    "deals:export": (ALL, TEAM, OWN, ALL),
    "deals:write": (ALL, TEAM, OWN, NONE),
    "deals:delete": (ALL, TEAM, OWN, NONE),
    "deals:import": (ALL, TEAM, OWN, NONE),
    "tags:read": (ALL, ALL, ALL, ALL),
    "tags:export": (ALL, ALL, ALL, ALL),
    "tags:write": (ALL, ALL, ALL, NONE),
    "tags:import": (ALL, ALL, ALL, NONE),
    "tags:delete": (ALL, ALL, NONE, NONE),
    "products:read": (ALL, ALL, ALL, ALL),
    "products:export": (ALL, ALL, ALL, ALL),
    "products:write": (ALL, ALL, NONE, NONE),
    "products:import": (ALL, ALL, NONE, NONE),
    "products:delete": (ALL, ALL, NONE, NONE),
    "users:read": (ALL, ALL, ALL, ALL),
    "users:write": (ALL, NONE, NONE, NONE),
    "teams:write": (ALL, NONE, NONE, NONE),
    "audit:read": (ALL, NONE, NONE, NONE),
    "settings:write": (ALL, NONE, NONE, NONE),
    "unheard:read": (NONE, NONE, NONE, NONE),
}


def who(role: Role, *scopes: str, teams: tuple[UUID, ...] = (), key: bool = False) -> Principal:
    limited = frozenset(scopes) if scopes or key else None
    return Principal(organisation_id=uuid4(), user_id=uuid4(), role=role, team_ids=teams, scopes=limited)


@pytest.mark.parametrize(("permission", "expected"), TABLE.items())
def test_each_role_reaches_what_the_table_says(permission: str, expected: tuple[Visibility, ...]) -> None:
    permissions = Permissions(POLICIES)
    resource, verb = permission.split(":")
    assert tuple(permissions.visibility(who(role), resource, verb) for role in Role) == expected
    for role, visibility in zip(Role, expected, strict=True):
        assert permissions.allows(who(role), permission) is (visibility is not NONE)


@pytest.mark.parametrize(
    ("scopes", "permission", "allowed"),
    [
        (("deals:read",), "deals:read", True),
        (("deals:read",), "deals:write", False),
        (("deals:read",), "tags:read", False),
        (("*:read",), "tags:read", True),
        (("*:read",), "tags:write", False),
        (("*",), "tags:write", True),
        (("*",), "users:write", False),
        ((), "deals:read", False),
    ],
)
def test_scopes_narrow_a_key_and_never_widen_its_owners_role(
    scopes: tuple[str, ...], permission: str, allowed: bool
) -> None:
    principal = who(Role.AGENT, *scopes, key=True)
    permissions = Permissions(POLICIES)
    assert permissions.allows(principal, permission) is allowed
    if not allowed:
        with pytest.raises(Forbidden):
            permissions.require(principal, permission)


def test_a_check_refuses_with_its_reason_and_can_t_allow() -> None:
    closed = PermissionCheck(
        name="closed", allows=lambda _, wanted: wanted != "deals:write", reason="Books are closed."
    )
    generous = PermissionCheck(name="generous", allows=lambda *_: True, reason="")
    permissions = Permissions(POLICIES, [generous, closed])
    with pytest.raises(Forbidden, match="Books are closed"):
        permissions.require(who(Role.ADMIN), "deals:write")
    permissions.require(who(Role.ADMIN), "deals:read")
    assert not permissions.allows(who(Role.VIEWER), "tags:write")


def test_a_record_type_does_not_take_over_what_the_platform_decides() -> None:
    permissions = Permissions({"users": AccessPolicy.SHARED})
    assert not permissions.allows(who(Role.AGENT), "users:write")


def test_every_verb_of_every_policy_is_in_the_table() -> None:
    known = Permissions(POLICIES).known
    assert {f"{plural}:{verb}" for plural in POLICIES for verb in VERBS} <= known


def test_the_row_filter_keeps_own_and_team_rows() -> None:
    team, other = uuid4(), uuid4()
    manager, agent = who(Role.MANAGER, teams=(team,)), who(Role.AGENT, teams=(team,))
    rows = {
        1: (manager.user_id, None),
        2: (agent.user_id, other),
        3: (uuid4(), team),
        4: (uuid4(), other),
        5: (None, None),
    }
    permissions = Permissions(POLICIES)
    engine = sa.create_engine("sqlite://")
    with engine.begin() as connection:
        deals.create(connection)
        connection.execute(
            deals.insert(), [{"id": id, "owner_id": owner, "team_id": of} for id, (owner, of) in rows.items()]
        )

        def seen(principal: Principal) -> list[int]:
            criterion = permissions.row_filter(principal, deals, "deals", "read")
            statement = sa.select(deals.c.id).order_by(deals.c.id)
            found = connection.execute(statement if criterion is None else statement.where(criterion))
            visibility = permissions.visibility(principal, "deals", "read")
            prepared = visible_rows(deals, visibility)
            again = connection.execute(
                statement if prepared is None else statement.where(prepared), viewer_parameters(principal, visibility)
            )
            ids = list(found.scalars())
            assert list(again.scalars()) == ids
            assert ids == [
                id for id, (owner, of) in rows.items() if reaches(principal, visibility, owner_id=owner, team_id=of)
            ]
            return ids

        assert seen(manager) == [1, 3]
        assert seen(agent) == [2]
        assert seen(who(Role.MANAGER)) == []
        assert seen(who(Role.ADMIN)) == seen(who(Role.VIEWER)) == [1, 2, 3, 4, 5]
    engine.dispose()


def test_no_rows_at_all_is_forbidden() -> None:
    with pytest.raises(Forbidden):
        Permissions(POLICIES).row_filter(who(Role.VIEWER), deals, "deals", "write")


def test_scopes_are_checked_by_name_and_every_wrong_one_is_named() -> None:
    permissions = Permissions(POLICIES)
    assert permissions.check_scopes(["deals:read", "*:export", "*"]) == {"deals:read", "*:export", "*"}
    with pytest.raises(Invalid) as refused:
        permissions.check_scopes(["deals:read", "deals:fly", "*:fly"])
    assert [fault.path for fault in refused.value.faults] == ["/scopes/1", "/scopes/2"]
