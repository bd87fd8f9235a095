"""What the other tests here compare before and after a refused call does tell a write, on both databases."""

from __future__ import annotations

from bharat.contracts.principal import Role
from tests.fixtures.application import Site
from tests.security.stored import Stored


def test_a_record_made_changed_and_deleted_is_noticed_each_time(crm: Site) -> None:
    admin = crm.user(crm.organisation("acme"), Role.ADMIN)
    stored = Stored(crm)
    seen = [stored.now()]
    company = admin.post("/api/v1/companies", {"name": "Acme"}).json["id"]
    seen.append(stored.now())
    admin.patch(f"/api/v1/companies/{company}", {"name": "Acme Ltd"})
    seen.append(stored.now())
    admin.delete(f"/api/v1/companies/{company}")
    seen.append(stored.now())
    assert len(set(seen)) == 4


def test_reading_changes_nothing(crm: Site) -> None:
    admin = crm.user(crm.organisation("acme"), Role.ADMIN)
    stored = Stored(crm)
    before = stored.now()
    assert admin.get("/api/v1/companies").status_code == 200
    assert stored.now() == before
