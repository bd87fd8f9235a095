"""What must hold whoever calls and whatever breaks, each with its mutant: the protection taken away, and the test failing."""

from __future__ import annotations

import hmac
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from bharat.contracts.integrations import SecretUnreadable
from bharat.contracts.principal import SYSTEM
from bharat.data import BharatDatabase
from bharat.data.engine import EngineOptions
from bharat.integrations import receiving, rotation, standard
from bharat.integrations.stored import opened, set_secret
from bharat.integrations.tables import integration_secrets, webhook_deliveries
from bharat.integrations.vault import Place, Vault
from bharat.web.keys import PlatformKey
from tests.integrations.conftest import OpenDesk
from tests.integrations.desk import DESK, TOKEN, Desk
from tests.integrations.dump import dumped, holds

ROOT = Path(__file__).parents[2]
OLD, NEW = "o" * 40, "n" * 40


# Deliveries


def a_replay_has_one_effect(desk: Desk) -> None:
    hook = desk.open()
    headers = hook.sign(b"once", id="msg_1", at=desk.now())
    for _ in range(3):
        assert desk.send(hook.path, b"once", headers).status_code == 202
    desk.work()
    assert desk.effects() == [b"once"]


def test_a_replay_has_one_effect(desk: Desk) -> None:
    a_replay_has_one_effect(desk)


def test_mutant_without_the_senders_id_a_replay_has_three_effects(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protected: `"sender_id": sender_id` in `receiving._store`, which `uq_webhook_deliveries_sender_id` holds apart."""
    store = receiving._store
    monkeypatch.setattr(receiving, "_store", lambda r, e, w, id, body: store(r, e, w, secrets.token_hex(8), body))
    with pytest.raises(AssertionError):
        a_replay_has_one_effect(desk)


def a_flipped_byte_is_refused(desk: Desk) -> None:
    hook = desk.open()
    body = b'{"amount": 100}'
    headers = hook.sign(body, id="msg_1", at=desk.now())
    for position in range(len(body)):
        flipped = body[:position] + bytes([body[position] ^ 1]) + body[position + 1 :]
        assert desk.send(hook.path, flipped, headers).status_code == 401
    assert desk.send(hook.path, body, headers).status_code == 202


def test_a_flipped_byte_is_refused(desk: Desk) -> None:
    a_flipped_byte_is_refused(desk)


def test_mutant_without_the_comparison_a_flipped_byte_is_accepted(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protected: `hmac.compare_digest` in `standard.verify`."""
    lenient = SimpleNamespace(digest=hmac.digest, compare_digest=lambda one, other: True)
    monkeypatch.setattr(standard, "hmac", lenient)
    with pytest.raises(AssertionError):
        a_flipped_byte_is_refused(desk)


def an_expired_timestamp_is_refused(desk: Desk) -> None:
    hook = desk.open()
    for minutes in (-6, 6, -60 * 24 * 365):
        at = desk.now() + timedelta(minutes=minutes).total_seconds()
        assert desk.send(hook.path, b"1", hook.sign(b"1", id="msg_1", at=at)).status_code == 401


def test_an_expired_timestamp_is_refused(desk: Desk) -> None:
    an_expired_timestamp_is_refused(desk)


def test_mutant_without_the_tolerance_an_expired_timestamp_is_accepted(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protected: `_is_of_now` in `standard.verify`."""
    monkeypatch.setattr(standard, "_is_of_now", lambda timestamp, request: True)
    with pytest.raises(AssertionError):
        an_expired_timestamp_is_refused(desk)


def another_organisations_secret_is_refused(desk: Desk) -> None:
    acme, globex = desk.open(), desk.open(desk.globex)
    headers = globex.sign(b"1", id="msg_1", at=desk.now())
    assert desk.send(acme.path, b"1", headers).status_code == 401
    reader = desk.app.database.read(desk.acme.organisation_id)
    assert reader.rows(sa.select(webhook_deliveries.c.id)) == []
    assert desk.send(globex.path, b"1", headers).status_code == 202


def test_the_secret_of_another_organisation_is_refused(desk: Desk) -> None:
    another_organisations_secret_is_refused(desk)


def test_mutant_with_the_secrets_of_everybody_another_organisations_is_accepted(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protected: that `endpoints._select` joins an endpoint with the secrets of its own organisation."""
    own = receiving._secrets

    def everybodys(service: Any, endpoint: Any) -> list[str]:
        paths = [who.get(f"{DESK}/webhook").json["url"] for who in (desk.acme, desk.globex)]
        found = [service.endpoints.addressed(path.rpartition("/")[2]) for path in paths]
        return [text for one in found if one is not None for text in own(service, one)]

    monkeypatch.setattr(receiving, "_secrets", everybodys)
    with pytest.raises(AssertionError):
        another_organisations_secret_is_refused(desk)


# Secrets at rest


def a_moved_ciphertext_does_not_decrypt(vault: Vault, desk: Desk) -> None:
    acme, globex = desk.acme.organisation_id, desk.globex.organisation_id
    here = Place(acme, "help_desk", "setting", "token")
    envelope = vault.seal(here, TOKEN)
    assert vault.open(here, envelope) == TOKEN
    for there in (
        Place(globex, "help_desk", "setting", "token"),
        Place(acme, "repository", "setting", "token"),
        Place(acme, "help_desk", "webhook", "token"),
        Place(acme, "help_desk", "setting", "second_token"),
    ):
        with pytest.raises(SecretUnreadable, match="moved here from elsewhere"):
            vault.open(there, envelope)


def a_row_moved_to_another_organisation_is_refused(desk: Desk) -> None:
    desk.set_up()
    desk.set_up(desk.globex, "a-token-of-globex")
    reader = desk.app.database.read(desk.acme.organisation_id)
    stolen = reader.scalar(sa.select(integration_secrets.c.envelope))
    with desk.app.database.write(desk.globex.organisation_id, SYSTEM) as unit:
        unit.execute(integration_secrets.update().values(envelope=stolen))
    with pytest.raises(SecretUnreadable, match="'token' of the integration 'help_desk'"):
        desk.settings(desk.globex)


def test_a_ciphertext_moved_to_another_organisation_integration_or_field_is_refused(desk: Desk) -> None:
    a_moved_ciphertext_does_not_decrypt(desk.app.integrations.vault, desk)
    a_row_moved_to_another_organisation_is_refused(desk)


@pytest.mark.parametrize("fault", [a_moved_ciphertext_does_not_decrypt, a_row_moved_to_another_organisation_is_refused])
def test_mutant_without_associated_data_a_moved_ciphertext_is_read(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, fault: Callable[..., None]
) -> None:
    """Protected: `place.associated` in `Vault.seal` and `Vault.open`."""
    monkeypatch.setattr(Place, "associated", property(lambda self: b""))
    arguments = (desk.app.integrations.vault, desk) if fault is a_moved_ciphertext_does_not_decrypt else (desk,)
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        fault(*arguments)


def a_dump_holds_no_secret(desk: Desk) -> None:
    desk.set_up()
    second = "a-second-token-that-nobody-may-see"
    desk.put({"url": "https://desk.example", "second_token": second})
    assert desk.put({"url": "short", "token": TOKEN}).status_code == 422
    keyed = {"Idempotency-Key": "one"}
    dictated = "whsec_" + "c2VjcmV0LWRpY3RhdGVkLWJ5LXRoZS1zZW5kZXI="
    made = desk.acme.post(f"{DESK}/webhook", {}, headers=keyed).json["secret"]
    desk.open(secret=dictated)
    hook = desk.open()
    desk.deliver(hook, b"broken")
    desk.deliver(hook, b"fine")
    desk.work()
    rotation.rotate(desk.app.database, Vault([PlatformKey(NEW.encode()), desk.app._key]))
    dump = dumped(desk.site)
    assert holds(dump, "https://desk.example"), "the dump has what is no secret"
    for secret in (TOKEN, second, made, dictated, hook.secret):
        assert not holds(dump, secret)


def test_a_dump_of_the_database_holds_no_secret(desk: Desk) -> None:
    a_dump_holds_no_secret(desk)


def test_mutant_without_encryption_a_dump_holds_secrets(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Protected: `AESGCM(…).encrypt` in `Vault.seal`."""
    monkeypatch.setattr(Vault, "seal", lambda self, place, text: f"v1:{self.newest}:{text}")
    monkeypatch.setattr(Vault, "open", lambda self, place, envelope: envelope.split(":", 2)[2])
    with pytest.raises(AssertionError):
        a_dump_holds_no_secret(desk)


# Rotation

Victim = Callable[..., "subprocess.Popen[str]"]
MANY = 250


@pytest.fixture
def victim(database_options: EngineOptions) -> Iterator[Victim]:
    """Starts rotations; none outlives the test."""
    started: list[subprocess.Popen[str]] = []

    def start(*more: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.integrations.victim", database_options.url, NEW, OLD, *more]
        process = subprocess.Popen(command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        started.append(process)
        return process

    yield start
    for process in started:
        with process:
            process.kill()


def vault_of(*platform_secrets: str) -> Vault:
    return Vault([PlatformKey(each.encode()) for each in platform_secrets])


def a_killed_rotation_leaves_nothing_unreadable(
    database: BharatDatabase, organisation_id: Any, process: subprocess.Popen[str]
) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "half\n"
    process.kill()
    process.wait()
    both = vault_of(NEW, OLD)
    assert texts(database, organisation_id, both) == expected(), "between the kill and the next run"
    left = rotation.counted(database)
    assert 0 < left[both.newest] < MANY
    rotation.rotate(database, both)
    assert rotation.counted(database) == {both.newest: MANY}
    assert texts(database, organisation_id, vault_of(NEW)) == expected()


def store_many(database: BharatDatabase, organisation_id: Any) -> None:
    with database.write(organisation_id, SYSTEM) as unit:
        for number in range(MANY):
            set_secret(unit, vault_of(OLD), f"made_{number}", "token", f"secret {number}", None)


def expected() -> dict[str, str]:
    return {f"made_{number}": f"secret {number}" for number in range(MANY)}


def texts(database: BharatDatabase, organisation_id: Any, vault: Vault) -> dict[str, str]:
    rows = database.read(organisation_id).rows(sa.select(integration_secrets))
    return {row.integration: opened(vault, row) for row in rows}


def test_a_rotation_that_was_killed_is_resumed_and_leaves_nothing_unreadable(
    database: BharatDatabase, organisation_id: Any, victim: Victim
) -> None:
    store_many(database, organisation_id)
    a_killed_rotation_leaves_nothing_unreadable(database, organisation_id, victim())


def test_mutant_with_key_and_envelope_in_two_steps_a_killed_rotation_leaves_one_unreadable(
    database: BharatDatabase, organisation_id: Any, victim: Victim
) -> None:
    """Protected: that `rotation._REPLACE` writes the key's id and the envelope in one statement."""
    store_many(database, organisation_id)
    with pytest.raises(SecretUnreadable):
        a_killed_rotation_leaves_nothing_unreadable(database, organisation_id, victim("in two steps"))


def a_value_that_is_set_meanwhile_wins(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.set_up()
    changed: list[Any] = []

    def read_slowly(vault: Vault, row: Any) -> str:
        text = opened(vault, row)
        if not changed:
            changed.append(desk.set_up(token="a-token-set-meanwhile"))
        return text

    monkeypatch.setattr(rotation, "opened", read_slowly)
    newer = Vault([PlatformKey(NEW.encode()), desk.app._key])
    rotation.rotate(desk.app.database, newer)
    desk.app.integrations.vault = newer
    assert desk.settings().token == "a-token-set-meanwhile"


def test_a_value_that_is_set_during_a_rotation_wins(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    a_value_that_is_set_meanwhile_wins(desk, monkeypatch)


def test_mutant_without_the_comparison_a_rotation_brings_an_old_value_back(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protected: `_secrets.envelope == …` in `rotation._REPLACE`."""
    c = integration_secrets.c
    careless = integration_secrets.update().where(
        c.id == sa.bindparam("row", type_=sa.Uuid), sa.bindparam("before", type_=sa.Text).is_not(None)
    )
    values = {"envelope": sa.bindparam("to_envelope", type_=sa.Text), "key_id": sa.bindparam("to_key", type_=sa.String)}
    monkeypatch.setattr(rotation, "_REPLACE", careless.values(**values))
    with pytest.raises(AssertionError):
        a_value_that_is_set_meanwhile_wins(desk, monkeypatch)


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_the_platforms_secret_is_what_is_needed(open_desk: OpenDesk) -> None:
    """Whoever has the database and not the secret has nothing; the key follows from the secret alone."""
    desk = open_desk(BHARAT_SECRET_KEY=OLD)
    desk.set_up()
    (row,) = desk.app.database.read(desk.acme.organisation_id).rows(sa.select(integration_secrets))
    with pytest.raises(SecretUnreadable, match="previous_secrets"):
        opened(vault_of(NEW), row)
    assert opened(vault_of(NEW, OLD), row) == TOKEN
