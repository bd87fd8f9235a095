"""The CRM on an application of its own, and people to use it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from bharat.contracts.principal import Actor, ActorKind, Role
from bharat_crm.default_pipeline import ensure_default_pipeline
from tests.fixtures.application import Caller, Site


@dataclass(frozen=True)
class Desk:
    """A sales desk with the default pipeline: an administrator, two teams, each with a manager and an agent, and a viewer."""

    site: Site
    organisation_id: UUID
    admin: Caller
    manager: Caller
    agent: Caller
    other_manager: Caller
    other_agent: Caller
    viewer: Caller
    stages: dict[str, str]
    """Stage ids by name."""

    def create(self, plural: str, by: Caller | None = None, **values: Any) -> dict[str, Any]:
        """A record made through the API."""
        answer = (by or self.admin).post(f"/api/v1/{plural}", values)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json
        return found

    def deal(self, name: str = "Deal", by: Caller | None = None, **values: Any) -> dict[str, Any]:
        if "stage" in values:
            values["stage_id"] = self.stages[values.pop("stage")]
        return self.create("deals", by, name=name, **values)

    def move(self, deal: dict[str, Any], stage: str, **values: Any) -> dict[str, Any]:
        answer = self.admin.patch(f"/api/v1/deals/{deal['id']}", {"stage_id": self.stages[stage], **values})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json
        return found


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
