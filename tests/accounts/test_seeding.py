"""What the command line, the demo and imports build on; and forgetting what ended."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa

from bharat.accounts.seeding import (
    create_organisation,
    create_user,
    find_or_create_team,
    find_or_create_user,
    find_organisation,
    slug_of,
)
from bharat.accounts.sweeping import sweep
from bharat.accounts.tables import api_keys, ended_sessions, invitations, password_resets, teams, users
from bharat.contracts.errors import Conflict, Invalid
from bharat.contracts.principal import SYSTEM, Role
from bharat.data import BharatDatabase
from bharat.data.audit import audit_entries
from bharat.data.clock import OffsetClock
from bharat.local.sessions import sessions
from tests.accounts.site import Site


def count(database: BharatDatabase, organisation_id: UUID, table: sa.Table) -> int:
    return int(database.read(organisation_id).scalar(sa.select(sa.func.count()).select_from(table)))


def test_an_organisation_is_made_once_per_slug(database: BharatDatabase) -> None:
    made = create_organisation(database, "Acme Ltd", actor=SYSTEM)
    assert find_organisation(database, "acme-ltd") == made
    with pytest.raises(Conflict):
        create_organisation(database, "ACME ltd", actor=SYSTEM)
    with pytest.raises(Invalid):
        create_organisation(database, "!!!", actor=SYSTEM)


@pytest.mark.parametrize(
    ("name", "slug"), [("Acme Ltd.", "acme-ltd"), ("Åsa & Söner", "asa-soner"), ("---", ""), ("x" * 80, "x" * 63)]
)
def test_a_slug_is_made_of_letters_and_digits(name: str, slug: str) -> None:
    assert slug_of(name) == slug


def test_importing_the_same_people_again_changes_nothing(database: BharatDatabase, organisation_id: UUID) -> None:
    def load() -> None:
        with database.write(organisation_id, SYSTEM) as unit:
            lead = find_or_create_user(unit, "Melvin Marxen", role=Role.MANAGER)
            team = find_or_create_team(unit, "Melvin Marxen", lead_id=lead, region="West")
            find_or_create_user(unit, "Melvin Marxen", role=Role.MANAGER, team_id=team)
            find_or_create_user(unit, "Darcel Schlecht", team_id=team)

    load()
    reader = database.read(organisation_id)
    before = [reader.rows(sa.select(table).order_by(table.c.id)) for table in (users, teams, audit_entries)]
    load()
    assert [reader.rows(sa.select(table).order_by(table.c.id)) for table in (users, teams, audit_entries)] == before
    assert len(before[0]) == 2
    assert before[1][0].lead_id == before[0][0].id


def test_a_batch_that_fails_leaves_nothing(database: BharatDatabase, organisation_id: UUID) -> None:
    def load() -> None:
        with database.write(organisation_id, SYSTEM) as unit:
            for name in ("One", "Two"):
                create_user(unit, name=name, email="one@acme.example")

    with pytest.raises(Conflict):
        load()
    assert count(database, organisation_id, users) == 0


def test_a_conflict_inside_a_batch_can_be_passed_over(database: BharatDatabase, organisation_id: UUID) -> None:
    with database.write(organisation_id, SYSTEM) as unit:
        create_user(unit, name="One", email="one@acme.example")
        with pytest.raises(Conflict):
            create_user(unit, name="Two", email="one@acme.example")
        create_user(unit, name="Three")
    assert count(database, organisation_id, users) == 2


def test_an_address_logs_into_one_organisation_only(
    database: BharatDatabase, organisation_id: UUID, other_organisation_id: UUID
) -> None:
    with database.write(organisation_id, SYSTEM) as unit:
        create_user(unit, name="One", email="one@acme.example", password_hash="x")
    with pytest.raises(Conflict), database.write(other_organisation_id, SYSTEM) as unit:
        create_user(unit, name="One", email="one@acme.example", password_hash="x")
    assert count(database, other_organisation_id, users) == 0


def test_a_logout_is_remembered_as_long_as_its_session_could_live(site: Site, clock: OffsetClock) -> None:
    site.browser("agent@acme.example").post("/logout")
    clock.offset += site.app.accounts.policy.session_absolute
    sweep(site.app)
    assert count(site.app.database, site.acme, ended_sessions) == 1
    clock.offset += timedelta(days=1, seconds=1)
    sweep(site.app)
    assert count(site.app.database, site.acme, ended_sessions) == 0


def test_what_ended_is_forgotten_and_what_lives_stays(site: Site, clock: OffsetClock) -> None:
    admin = site.browser("admin@acme.example")
    site.browser().post("/password-resets", {"email": "agent@acme.example"})
    admin.post("/invitations", {"email": "new@acme.example", "name": "N"})
    until = (clock.now() + timedelta(days=1)).isoformat()
    admin.post("/api-keys", {"name": "short", "scopes": ["*"], "expires_at": until})
    lasting = admin.post("/api-keys", {"name": "lasting", "scopes": ["*"]}).json["key"]
    site.work()
    database = site.app.database
    assert sweep(site.app) == 0
    clock.offset += timedelta(days=45)
    assert sweep(site.app) > 0
    assert [count(database, site.acme, table) for table in (password_resets, invitations, api_keys)] == [0, 0, 1]
    assert database.read(None).rows(sa.select(sessions.c.token_hash)) == []
    assert site.script(lasting).get("/me").status_code == 200
