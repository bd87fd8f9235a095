"""A sales desk: the CRM on an application of its own, and people to use it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

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
