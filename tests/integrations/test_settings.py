"""What administrators set up, each organisation for itself."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import sqlalchemy as sa

from bharat.contracts.errors import PluginError
from bharat.contracts.integrations import SecretUnreadable, SettingsUnfit
from bharat.contracts.principal import Role
from bharat.integrations.tables import integration_secrets, integration_settings
from tests.integrations.desk import DESK, TOKEN, Desk

LIST = "/api/v1/integrations"


def test_what_is_installed_is_listed_and_whether_it_is_set_up(desk: Desk) -> None:
    def states() -> dict[str, bool]:
        return {one["name"]: one["set_up"] for one in desk.acme.get(LIST).json["items"]}

    assert states() == {"help_desk": False, "repository": False, "silent": False}
    desk.set_up()
    assert states() == {"help_desk": True, "repository": False, "silent": False}
    assert [one["set_up"] for one in desk.globex.get(LIST).json["items"]] == [False, False, False]


def test_a_secret_is_told_as_set_with_its_last_change_and_never_shown(desk: Desk) -> None:
    answer = desk.set_up()
    state = answer.json
    assert state["settings"] == {"url": "https://desk.example", "retries": 2}
    assert state["secrets"]["second_token"] == {"set": False, "changed_at": None, "changed_by": None}
    assert state["secrets"]["token"]["set"] is True
    assert state["secrets"]["token"]["changed_by"] == str(desk.acme.user_id)
    for path in (LIST, DESK, "/api/v1/audit"):
        assert TOKEN not in desk.acme.get(path).text
    assert TOKEN not in answer.text


def test_a_plugin_reads_the_settings_with_the_secret_and_the_type(desk: Desk) -> None:
    assert desk.settings() is None
    desk.set_up()
    found = desk.settings()
    assert (found.url, found.token, found.second_token, found.retries) == ("https://desk.example", TOKEN, None, 2)
    assert type(found).__name__ == "DeskSettings"
    assert TOKEN not in repr(found)
    assert desk.settings(desk.globex) is None


def test_settings_are_read_in_a_unit_of_work_too(desk: Desk) -> None:
    from bharat.contracts.principal import SYSTEM

    desk.set_up()
    with desk.app.database.write(desk.acme.organisation_id, SYSTEM) as unit:
        found: Any = desk.app.integrations.settings(unit, "help_desk")
    assert found.token == TOKEN


def test_an_integration_that_nobody_declares_is_an_error(desk: Desk) -> None:
    reader = desk.app.database.read(desk.acme.organisation_id)
    with pytest.raises(PluginError, match="'helpdesk'; there are: help_desk, repository, silent"):
        desk.app.integrations.settings(reader, "helpdesk")


def test_a_secret_that_is_left_out_stays_and_one_that_is_null_goes(desk: Desk) -> None:
    desk.put({"url": "https://desk.example", "token": TOKEN, "second_token": "another-token"})
    desk.put({"url": "https://other.example"})
    assert (desk.settings().url, desk.settings().token, desk.settings().second_token) == (
        "https://other.example",
        TOKEN,
        "another-token",
    )
    answer = desk.put({"url": "https://other.example", "second_token": None})
    assert answer.json["secrets"]["second_token"]["set"] is False
    assert (desk.settings().token, desk.settings().second_token) == (TOKEN, None)


def test_every_field_that_is_wrong_is_told_and_no_secret_with_it(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        answer = desk.put({"url": "short", "token": "hunter2", "retries": 9, "colour": "red", "second_token": 17})
    assert answer.status_code == 422
    assert sorted(fault["path"] for fault in answer.json["errors"]) == [
        "/colour", "/retries", "/second_token", "/token", "/url",
    ]  # fmt: skip
    assert "hunter2" not in answer.text + caplog.text
    assert desk.settings() is None


def test_a_required_secret_that_was_never_set_is_asked_for(desk: Desk) -> None:
    answer = desk.put({"url": "https://desk.example"})
    assert (answer.status_code, answer.json["errors"]) == (422, [{"path": "/token", "detail": "is required"}])


def test_a_plugins_own_check_that_repeats_a_secret_is_not_repeated(desk: Desk) -> None:
    answer = desk.put({"url": "https://desk.example", "token": TOKEN, "second_token": TOKEN})
    assert answer.status_code == 422
    assert TOKEN not in answer.text
    assert answer.json["errors"][0]["detail"] == "the values do not go together"


def test_a_change_names_the_version_it_is_based_on(desk: Desk) -> None:
    body = {"url": "https://desk.example", "token": TOKEN}
    assert desk.acme.call("PUT", DESK, json=body).status_code == 428
    assert desk.acme.get(DESK).headers["ETag"] == '"1"'
    first = desk.put(body, version=1)
    assert (first.status_code, first.headers["ETag"]) == (200, '"2"')
    assert desk.put(body, version=1).status_code == 412
    assert desk.put({**body, "retries": 3}, version=2).json["version"] == 3


def test_a_change_of_nothing_changes_no_version(desk: Desk) -> None:
    desk.set_up()
    assert desk.put({"url": "https://desk.example"}).json["version"] == 2
    assert len(desk.audit()) == 1


def test_deleted_settings_are_gone_and_a_version_is_never_given_twice(desk: Desk) -> None:
    desk.set_up()
    assert desk.acme.delete(DESK, version=1).status_code == 412
    assert desk.acme.delete(DESK, version=2).status_code == 204
    assert desk.settings() is None
    assert desk.acme.delete(DESK).status_code == 404
    reader = desk.app.database.read(desk.acme.organisation_id)
    assert reader.rows(sa.select(integration_secrets.c.id)) == []
    assert desk.put({"url": "https://desk.example"}).json["errors"] == [{"path": "/token", "detail": "is required"}]
    assert desk.set_up().json["version"] == 4


@pytest.mark.parametrize("role", [Role.MANAGER, Role.AGENT, Role.VIEWER])
def test_only_administrators_may(desk: Desk, role: Role) -> None:
    somebody = desk.site.user(desk.acme.organisation_id, role)
    assert somebody.get(LIST).status_code == 403
    assert somebody.get(DESK).status_code == 403
    assert desk.put({"url": "https://desk.example", "token": TOKEN}, somebody).status_code == 403
    assert somebody.delete(DESK).status_code == 403
    for method in ("GET", "POST", "DELETE"):
        assert somebody.call(method, f"{DESK}/webhook", json={}).status_code == 403


def test_an_api_key_needs_the_scope(desk: Desk) -> None:
    reads = desk.site.user(desk.acme.organisation_id, Role.ADMIN, scopes=("integrations:read",))
    assert reads.get(DESK).status_code == 200
    assert desk.put({"url": "https://desk.example", "token": TOKEN}, reads).status_code == 403


def test_the_audit_trail_tells_what_changed_and_of_a_secret_that_it_did(desk: Desk) -> None:
    desk.set_up()
    desk.put({"url": "https://other.example", "token": "a-newer-token"})
    desk.acme.delete(DESK)
    made, changed, deleted = desk.audit()
    assert (made.action, made.changes["token"]) == ("integration.created", [None, "changed"])
    assert changed.changes["url"] == ["https://desk.example", "https://other.example"]
    assert changed.changes["token"] == ["set", "changed"]
    assert (deleted.action, deleted.changes["token"]) == ("integration.deleted", ["set", None])
    assert made.changes["integration.name"] == ["help_desk", "help_desk"]
    for entry in (made, changed, deleted):
        assert TOKEN not in str(entry.changes)
        assert "a-newer-token" not in str(entry.changes)


def test_settings_that_fit_no_more_are_an_error_that_says_what_to_do(desk: Desk) -> None:
    desk.set_up()
    _store_plain(desk, {"retries": 99})
    with pytest.raises(
        SettingsUnfit, match=r"'help_desk'.*url is required; retries must be at most 5.*PUT /api/v1"
    ) as told:
        desk.settings()
    assert TOKEN not in str(told.value)
    assert desk.acme.get(DESK).json["settings"] == {"retries": 99}


def test_what_became_a_secret_is_not_shown_and_not_read_as_it_was_stored(desk: Desk) -> None:
    desk.set_up()
    _store_plain(desk, {"url": "https://desk.example", "token": "kept-before-it-was-secret", "retries": 1})
    assert "kept-before" not in desk.acme.get(DESK).text
    assert desk.settings().token == TOKEN


def test_a_secret_that_cant_be_read_is_told_with_the_remedy_and_never_empty(desk: Desk) -> None:
    desk.set_up()
    _set_envelope(desk, "v1:0123456789abcdef:AAAA")
    with pytest.raises(SecretUnreadable, match=r"'token' of the integration 'help_desk'.*previous_secrets"):
        desk.settings()
    kept = desk.put({"url": "https://other.example"})
    assert kept.json["errors"] == [{"path": "/token", "detail": "is stored and can't be read any more; send it again"}]
    desk.set_up()
    assert desk.settings().token == TOKEN


@pytest.mark.parametrize("envelope", ["v2:x:y", "", "v1", "v1::", "v1:{key}:", "v1:{key}:not base64!", "v1:{key}:AAAA"])
def test_whatever_stands_in_place_of_an_envelope_is_refused(desk: Desk, envelope: str) -> None:
    desk.set_up()
    _set_envelope(desk, envelope.format(key=desk.app.integrations.vault.newest))
    with pytest.raises(SecretUnreadable, match="help_desk"):
        desk.settings()


def test_secrets_of_any_text_come_back_as_they_were(desk: Desk) -> None:
    for token in ("ünïcödé-\u2603-\U0001f600", " spaces and\nbreaks ", "x" * 200):
        desk.put({"url": "https://desk.example", "token": token})
        assert desk.settings().token == token


def test_the_same_secret_is_never_encrypted_to_the_same_text(desk: Desk) -> None:
    desk.put({"url": "https://desk.example", "token": TOKEN, "second_token": "another-token"})
    before = _envelopes(desk)
    desk.put({"url": "https://desk.example", "token": TOKEN, "second_token": "another-token"})
    assert len({*before, *_envelopes(desk)}) == 4


def test_a_secret_has_a_form_of_its_own_in_the_api_document(desk: Desk) -> None:
    document = desk.site.client.simulate_get("/openapi.json").json
    body = document["paths"][DESK]["put"]["requestBody"]["content"]["application/json"]["schema"]
    schema = document["components"]["schemas"][body["$ref"].rpartition("/")[2]]
    assert schema["required"] == ["url"]
    assert set(schema["properties"]) == {"url", "token", "second_token", "retries"}


def _store_plain(desk: Desk, plain: dict[str, Any]) -> None:
    from bharat.contracts.principal import SYSTEM

    with desk.app.database.write(desk.acme.organisation_id, SYSTEM) as unit:
        unit.execute(integration_settings.update().values(plain=plain))


def _set_envelope(desk: Desk, envelope: str) -> None:
    from bharat.contracts.principal import SYSTEM

    with desk.app.database.write(desk.acme.organisation_id, SYSTEM) as unit:
        unit.execute(integration_secrets.update().values(envelope=envelope))


def _envelopes(desk: Desk) -> list[str]:
    reader = desk.app.database.read(desk.acme.organisation_id)
    return [row.envelope for row in reader.rows(sa.select(integration_secrets.c.envelope))]
