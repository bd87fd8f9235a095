"""Sessions and keys become principals; what ended does not."""

from __future__ import annotations

import time
from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa

from bharat.accounts.authentication import Authenticator
from bharat.accounts.tables import api_keys, ended_sessions, teams, users
from bharat.accounts.tokens import hash_of, new_key
from bharat.contracts.errors import Unavailable
from bharat.contracts.principal import SYSTEM, Role
from bharat.contracts.sessions import NewSession, SessionsUnavailable, handle_of
from bharat.data import BharatDatabase, new_id
from bharat.local.sessions import DatabaseSessions
from tests.fixtures.busy import busy_writing


@pytest.fixture
def sessions(database: BharatDatabase) -> DatabaseSessions:
    return DatabaseSessions(database)


@pytest.fixture
def authenticator(database: BharatDatabase, sessions: DatabaseSessions) -> Authenticator:
    return Authenticator(database, sessions)


@pytest.fixture
def user_id(database: BharatDatabase, organisation_id: UUID) -> UUID:
    return add_user(database, organisation_id)


def add_user(database: BharatDatabase, organisation_id: UUID, role: Role = Role.AGENT) -> UUID:
    now, id = database.clock.now(), new_id()
    row = {
        "id": id, "name": "Asha", "role": role.value, "active": True, "epoch": 1, "version": 1,
        "created_at": now, "updated_at": now,
    }  # fmt: skip
    with database.write(organisation_id, SYSTEM) as unit:
        unit.execute(users.insert(), row)
    return id


def add_team(database: BharatDatabase, organisation_id: UUID, name: str, lead_id: UUID | None = None) -> UUID:
    now, id = database.clock.now(), new_id()
    row = {"id": id, "name": name, "lead_id": lead_id, "version": 1, "created_at": now, "updated_at": now}
    with database.write(organisation_id, SYSTEM) as unit:
        unit.execute(teams.insert(), row)
    return id


def change_user(database: BharatDatabase, organisation_id: UUID, user_id: UUID, **values: object) -> None:
    with database.write(organisation_id, SYSTEM) as unit:
        assert unit.execute(users.update().where(users.c.id == user_id).values(**values)).rowcount == 1


def log_in(sessions: DatabaseSessions, organisation_id: UUID, user_id: UUID) -> str:
    new = NewSession(organisation_id, user_id, 1, timedelta(hours=12), timedelta(days=30))
    return sessions.create(new)[0]


def add_key(
    database: BharatDatabase, organisation_id: UUID, user_id: UUID, *scopes: str, lifetime: timedelta | None = None
) -> str:
    text, now = new_key(organisation_id), database.clock.now()
    row = {
        "id": new_id(), "user_id": user_id, "name": "script", "hint": text[-4:], "token_hash": hash_of(text),
        "scopes": list(scopes), "created_at": now, "expires_at": now + lifetime if lifetime else None,
    }  # fmt: skip
    with database.write(organisation_id, SYSTEM) as unit:
        unit.execute(api_keys.insert(), row)
    return text


def test_a_session_becomes_its_users_principal_with_the_teams_it_belongs_to_and_leads(
    database: BharatDatabase,
    sessions: DatabaseSessions,
    authenticator: Authenticator,
    organisation_id: UUID,
    user_id: UUID,
) -> None:
    own = add_team(database, organisation_id, "North")
    led = {add_team(database, organisation_id, name, user_id) for name in ("East", "West")}
    add_team(database, organisation_id, "South")
    change_user(database, organisation_id, user_id, team_id=own)
    principal = authenticator.by_session(log_in(sessions, organisation_id, user_id))
    assert principal is not None
    assert (principal.organisation_id, principal.user_id, principal.role) == (organisation_id, user_id, Role.AGENT)
    assert set(principal.team_ids) == {own, *led}
    assert len(principal.team_ids) == 3
    assert principal.scopes is None


@pytest.mark.parametrize("change", [{"epoch": 2}, {"active": False}])
def test_a_session_ends_with_the_epoch_or_the_user(
    database: BharatDatabase,
    sessions: DatabaseSessions,
    authenticator: Authenticator,
    organisation_id: UUID,
    user_id: UUID,
    change: dict[str, object],
) -> None:
    token = log_in(sessions, organisation_id, user_id)
    assert authenticator.by_session(token) is not None
    change_user(database, organisation_id, user_id, **change)
    assert authenticator.by_session(token) is None


def remember_the_end(database: BharatDatabase, organisation_id: UUID, user_id: UUID, token: str) -> None:
    row = {"user_id": user_id, "handle": handle_of(token), "keep_until": database.clock.now() + timedelta(days=30)}
    with database.write(organisation_id, SYSTEM) as unit:
        unit.execute(ended_sessions.insert(), row)


def test_a_session_that_was_ended_by_itself_is_refused_though_its_store_has_it(
    database: BharatDatabase,
    sessions: DatabaseSessions,
    authenticator: Authenticator,
    organisation_id: UUID,
    user_id: UUID,
) -> None:
    """Protected by `~was_ended(…)` in `Authenticator._by_user`."""
    ended, other = (log_in(sessions, organisation_id, user_id) for _ in range(2))
    remember_the_end(database, organisation_id, user_id, ended)
    assert sessions.load(ended) is not None
    assert authenticator.by_session(ended) is None
    assert authenticator.by_session(other) is not None


def test_mutant_that_does_not_ask_whether_it_was_ended_lets_it_in(
    database: BharatDatabase,
    sessions: DatabaseSessions,
    organisation_id: UUID,
    user_id: UUID,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bharat.accounts.authentication.was_ended", lambda handle: sa.false())
    ended = log_in(sessions, organisation_id, user_id)
    remember_the_end(database, organisation_id, user_id, ended)
    assert Authenticator(database, sessions).by_session(ended) is not None


def test_a_session_is_ended_for_its_own_user_only(
    database: BharatDatabase,
    sessions: DatabaseSessions,
    authenticator: Authenticator,
    organisation_id: UUID,
    other_organisation_id: UUID,
    user_id: UUID,
) -> None:
    token = log_in(sessions, organisation_id, user_id)
    remember_the_end(database, organisation_id, add_user(database, organisation_id), token)
    remember_the_end(database, other_organisation_id, add_user(database, other_organisation_id), token)
    assert authenticator.by_session(token) is not None


def test_whether_a_session_was_ended_takes_no_further_statement(
    database: BharatDatabase,
    sessions: DatabaseSessions,
    authenticator: Authenticator,
    organisation_id: UUID,
    user_id: UUID,
) -> None:
    session = sessions.load(log_in(sessions, organisation_id, user_id))
    assert session is not None
    run: list[str] = []
    sa.event.listen(database.engine, "before_cursor_execute", lambda *arguments: run.append(arguments[2]))
    assert authenticator.of_session(session) is not None
    assert len([statement for statement in run if "SELECT" in statement.upper()]) == 1


def test_a_session_never_opens_another_organisation(
    database: BharatDatabase,
    sessions: DatabaseSessions,
    authenticator: Authenticator,
    other_organisation_id: UUID,
    user_id: UUID,
) -> None:
    assert authenticator.by_session(log_in(sessions, other_organisation_id, user_id)) is None


def test_a_lost_session_store_is_unavailable_and_not_logged_out(database: BharatDatabase) -> None:
    class Down(DatabaseSessions):
        def load(self, token: str) -> None:
            raise SessionsUnavailable("down")

    with pytest.raises(Unavailable, match="still logged in"):
        Authenticator(database, Down(database)).by_session("anything")


def test_a_key_becomes_its_owners_principal_limited_to_its_scopes(
    database: BharatDatabase, authenticator: Authenticator, organisation_id: UUID, user_id: UUID
) -> None:
    team = add_team(database, organisation_id, "North", user_id)
    principal = authenticator.by_api_key(add_key(database, organisation_id, user_id, "deals:read"))
    assert principal is not None
    assert principal.user_id == user_id
    assert principal.role is Role.AGENT
    assert principal.scopes == frozenset({"deals:read"})
    assert principal.team_ids == (team,)
    assert principal.session is None


def test_a_key_ends_at_its_expiry_and_with_its_owner(
    database: BharatDatabase, authenticator: Authenticator, organisation_id: UUID, user_id: UUID
) -> None:
    short = add_key(database, organisation_id, user_id, "*", lifetime=timedelta(days=1))
    lasting = add_key(database, organisation_id, user_id, "*")
    database.clock.offset += timedelta(hours=23)
    assert authenticator.by_api_key(short) is not None
    database.clock.offset += timedelta(hours=2)
    assert authenticator.by_api_key(short) is None
    assert authenticator.by_api_key(lasting) is not None
    change_user(database, organisation_id, user_id, active=False)
    assert authenticator.by_api_key(lasting) is None


def test_the_use_of_a_key_is_noted_at_most_once_a_minute(
    database: BharatDatabase, authenticator: Authenticator, organisation_id: UUID, user_id: UUID
) -> None:
    key = add_key(database, organisation_id, user_id, "*")
    noted = sa.select(api_keys.c.last_used_at)
    assert database.read(organisation_id).scalar(noted) is None
    authenticator.by_api_key(key)
    first = database.read(organisation_id).scalar(noted)
    assert first is not None
    authenticator.by_api_key(key)
    assert database.read(organisation_id).scalar(noted) == first
    database.clock.offset += timedelta(seconds=61)
    authenticator.by_api_key(key)
    assert database.read(organisation_id).scalar(noted) > first


def test_no_read_waits_for_a_writer_to_note_the_use_of_a_key(
    database: BharatDatabase, authenticator: Authenticator, organisation_id: UUID, user_id: UUID
) -> None:
    key = add_key(database, organisation_id, user_id, "*")
    with busy_writing(database):
        begun = time.monotonic()
        assert authenticator.by_api_key(key) is not None
        # A writer is waited for five seconds.
        assert time.monotonic() - begun < 3
    authenticator.by_api_key(key)
    assert database.read(organisation_id).scalar(sa.select(api_keys.c.last_used_at)) is not None


@pytest.mark.parametrize("text", ["", "bh_", "bh_" + "A" * 64, "bh_" + "é" * 64, "bh_" + "=" * 64, "x" * 5000])
def test_what_is_no_key_is_refused(authenticator: Authenticator, text: str) -> None:
    assert authenticator.by_api_key(text) is None


def test_a_key_relabelled_for_another_organisation_is_refused(
    database: BharatDatabase,
    authenticator: Authenticator,
    organisation_id: UUID,
    other_organisation_id: UUID,
    user_id: UUID,
) -> None:
    key = add_key(database, organisation_id, user_id, "*")
    forged = new_key(other_organisation_id)[:25] + key[25:]
    assert authenticator.by_api_key(key) is not None
    assert authenticator.by_api_key(forged) is None
