"""Fixtures of the CRM's tests."""

from __future__ import annotations

import pytest

from bharat.contracts.principal import Actor, ActorKind, Role
from bharat_crm.default_pipeline import ensure_default_pipeline
from plugins.crm.tests.desk import Desk
from tests.fixtures.application import Site


@pytest.fixture
def desk(crm: Site) -> Desk:
    organisation_id = crm.organisation("acme")
    admin = crm.user(organisation_id, Role.ADMIN, name="Ada")
    east, west = crm.team(organisation_id, "East"), crm.team(organisation_id, "West")
    with crm.app.database.write(organisation_id, Actor(ActorKind.USER, admin.user_id)) as unit:
        ensure_default_pipeline(crm.app.records, unit, None)
    stages = admin.get("/api/v1/stages", params={"limit": "200"}).json["items"]
    return Desk(
        site=crm,
        organisation_id=organisation_id,
        admin=admin,
        manager=crm.user(organisation_id, Role.MANAGER, name="Mina", team_id=east),
        agent=crm.user(organisation_id, Role.AGENT, name="Asha", team_id=east),
        other_manager=crm.user(organisation_id, Role.MANAGER, name="Mats", team_id=west),
        other_agent=crm.user(organisation_id, Role.AGENT, name="Wim", team_id=west),
        viewer=crm.user(organisation_id, Role.VIEWER, name="Vera"),
        stages={stage["name"]: stage["id"] for stage in stages},
    )


@pytest.fixture
def deal(desk: Desk) -> str:
    """A deal of the agent."""
    return str(desk.deal("Big one", desk.agent)["id"])
