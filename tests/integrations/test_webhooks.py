"""Deliveries: signed, taken once, handled by the plugin."""

from __future__ import annotations

import hashlib
import hmac
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from bharat.contracts.limits import LimitsUnavailable
from bharat.contracts.principal import SYSTEM
from bharat.integrations import standard
from bharat.integrations.sweeping import sweep
from bharat.integrations.tables import (
    integration_secrets,
    webhook_bodies,
    webhook_deliveries,
    webhook_endpoints,
)
from bharat.testing.platform import ShiftableClock
from bharat.work.tables import events, jobs
from tests.fixtures.distributions import Distributions
from tests.integrations.desk import DESK, REPOSITORY, Desk, Hook

DAY = timedelta(days=1)


def count(desk: Desk, table: sa.Table) -> int:
    reader = desk.app.database.read(desk.acme.organisation_id)
    return int(reader.scalar(sa.select(sa.func.count()).select_from(table)))


def test_a_delivery_is_accepted_at_once_and_handled_in_a_job(desk: Desk, distributions: Distributions) -> None:
    hook = desk.open()
    answer = desk.deliver(hook, b'{"ticket": 1}', id="msg_1", **{"X-Event": "ticket.created", "Content-Type": "a/b"})
    assert (answer.status_code, answer.json) == (202, {"duplicate": False})
    assert desk.effects() == []
    assert desk.work() == 1
    assert desk.effects() == [b'{"ticket": 1}']
    (delivery,) = handled(distributions)
    assert (delivery.sender_id, delivery.content_type, delivery.headers) == (
        "msg_1",
        "a/b",
        {"x-event": "ticket.created"},
    )
    assert (delivery.integration, delivery.organisation_id) == ("help_desk", desk.acme.organisation_id)


def handled(distributions: Distributions) -> list[Any]:
    import sys

    found: list[Any] = sys.modules[distributions.modules["desk"]].HANDLED
    return found


@pytest.mark.parametrize("body", [b"in one commit", b"in one commit that fails"])
def test_what_a_handler_writes_and_the_end_of_the_delivery_are_one_commit(
    desk: Desk, clock: ShiftableClock, body: bytes
) -> None:
    assert desk.deliver(desk.open(), body).status_code == 202
    told = sa.select(sa.func.count()).select_from(events).where(events.c.type == "desk.told")
    unhandled = sa.select(sa.func.count()).where(webhook_deliveries.c.handled_at.is_(None))
    reader = desk.app.database.read(desk.acme.organisation_id)
    desk.work()
    assert reader.scalar(told) + reader.scalar(unhandled) == 1
    clock.advance(timedelta(minutes=5))
    desk.work()
    assert (reader.scalar(told), reader.scalar(unhandled)) == (1, 0)
    clock.advance(timedelta(minutes=5))
    assert desk.work() == 0


def test_any_bytes_are_kept_as_they_came(desk: Desk) -> None:
    body = bytes(range(256))
    assert desk.deliver(desk.open(), body).status_code == 202
    desk.work()
    assert desk.effects() == [body]


def test_a_delivery_without_a_body_is_one_too(desk: Desk) -> None:
    assert desk.deliver(desk.open(), b"").status_code == 202
    desk.work()
    assert desk.effects() == [b""]


def test_the_secret_is_shown_once(desk: Desk) -> None:
    hook = desk.open()
    shown = desk.acme.get(f"{DESK}/webhook")
    assert hook.secret.startswith("whsec_")
    assert hook.secret not in shown.text
    assert shown.json["url"].endswith(hook.path)
    assert [one["expires_at"] for one in shown.json["signing_secrets"]] == [None]


def test_an_old_secret_is_valid_for_a_day_after_a_rotation(desk: Desk, clock: ShiftableClock) -> None:
    old = desk.open()
    new = desk.open()
    assert old.path == new.path
    assert old.secret != new.secret
    clock.advance(DAY - timedelta(minutes=1))
    assert (desk.deliver(old, b"1").status_code, desk.deliver(new, b"2").status_code) == (202, 202)
    clock.advance(timedelta(minutes=2))
    assert (desk.deliver(old, b"3").status_code, desk.deliver(new, b"4").status_code) == (401, 202)


def test_a_second_rotation_gives_the_oldest_secret_no_more_time(desk: Desk, clock: ShiftableClock) -> None:
    first = desk.open()
    desk.open()
    clock.advance(timedelta(hours=23))
    desk.open()
    assert desk.deliver(first, b"1").status_code == 202
    clock.advance(timedelta(hours=2))
    assert desk.deliver(first, b"2").status_code == 401


def test_a_secret_that_leaked_can_be_ended_at_once(desk: Desk) -> None:
    old = desk.open()
    desk.open(previous_valid_for=0)
    assert desk.deliver(old, b"1").status_code == 401


def test_there_is_an_end_to_how_many_secrets_are_valid(desk: Desk) -> None:
    for _ in range(5):
        hook = desk.open()
    assert desk.acme.post(f"{DESK}/webhook", {}).status_code == 409
    assert desk.deliver(hook, b"1").status_code == 202
    desk.open(previous_valid_for=0)


def test_the_sender_may_dictate_the_secret(desk: Desk) -> None:
    secret = standard.new_secret()
    answer = desk.acme.post(f"{DESK}/webhook", {"secret": secret})
    assert (answer.status_code, answer.json["secret"]) == (201, None)
    assert secret not in answer.text
    hook = Hook(answer.json["url"].removeprefix(desk.app.public_url), secret)
    assert desk.deliver(hook, b"1").status_code == 202


@pytest.mark.parametrize(
    "secret", ["whsec_c2hvcnQ=", "not prefixed at all, but long enough", "whsec_!!!!", "whsec_" + "A" * 500]
)
def test_a_secret_that_the_scheme_does_not_know_is_refused_and_not_repeated(desk: Desk, secret: str) -> None:
    answer = desk.acme.post(f"{DESK}/webhook", {"secret": secret})
    assert (answer.status_code, answer.json["errors"][0]["path"]) == (422, "/secret")
    assert secret not in answer.text


@pytest.mark.parametrize("secret", ["short", "with a\nline break in it", "ünïcödé ünïcödé ünïcödé"])
def test_a_secret_for_another_scheme_has_a_least_length(desk: Desk, secret: str) -> None:
    assert desk.acme.post(f"{REPOSITORY}/webhook", {"secret": secret}).status_code == 422


def test_a_closed_webhook_leads_nowhere_and_what_it_took_is_still_handled(desk: Desk) -> None:
    hook = desk.open()
    desk.deliver(hook, b"before")
    assert desk.acme.delete(f"{DESK}/webhook").status_code == 204
    assert desk.deliver(hook, b"after").status_code == 404
    assert desk.acme.get(f"{DESK}/webhook").status_code == 404
    assert desk.acme.delete(f"{DESK}/webhook").status_code == 404
    desk.work()
    assert desk.effects() == [b"before"]
    again = desk.open()
    assert again.path != hook.path
    assert desk.deliver(hook, b"after").status_code == 404


def test_what_opens_rotates_and_closes_is_in_the_audit_trail_without_the_secret(desk: Desk) -> None:
    hooks = [desk.open(), desk.open()]
    desk.acme.delete(f"{DESK}/webhook")
    entries = desk.audit()
    assert [entry.action for entry in entries] == ["webhook.opened", "webhook.rotated", "webhook.closed"]
    assert not [entry for entry in entries for hook in hooks if hook.secret in str(entry.changes)]


def test_each_organisation_has_an_address_of_its_own(desk: Desk) -> None:
    acme, globex = desk.open(), desk.open(desk.globex)
    assert acme.path != globex.path
    desk.deliver(acme, b"acme's")
    reader = desk.app.database.read(desk.globex.organisation_id)
    assert reader.rows(sa.select(webhook_deliveries.c.id)) == []


# Signatures


def test_the_example_of_githubs_documentation_is_accepted(desk: Desk) -> None:
    """docs.github.com, "Validating webhook deliveries", "Testing the webhook payload validation"."""
    hook = desk.open(path=REPOSITORY, secret="It's a Secret to Everybody")
    signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    headers = {"X-Hub-Signature-256": signature, "Content-Type": "text/plain"}
    assert desk.send(hook.path, b"Hello, World!", headers).json == {"duplicate": False}
    assert desk.send(hook.path, b"Hello, World!", headers).json == {"duplicate": True}
    assert desk.send(hook.path, b"Hello, World?", headers).status_code == 401
    assert desk.work() == 1


def test_a_check_that_raises_refuses_and_repeats_nothing(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    hook = desk.open(path=REPOSITORY, secret="a secret of the repository's")
    with caplog.at_level(logging.DEBUG):
        answer = desk.send(hook.path, b"zq-odd-body", {"X-Hub-Signature-256": "sha256=1"})
    assert answer.status_code == 401
    assert "RuntimeError" in caplog.text
    assert "zq-odd" not in caplog.text
    assert hook.secret not in caplog.text + answer.text


def test_one_of_several_signatures_suffices(desk: Desk) -> None:
    hook = desk.open()
    headers = hook.sign(b"1", id="msg_1", at=desk.now())
    right = headers["webhook-signature"]
    others = f"v1,{'A' * 43}= v2,whatever v1a,{'B' * 86}=="
    assert desk.send(hook.path, b"1", {**headers, "webhook-signature": f"{others} {right}"}).status_code == 202
    assert desk.send(hook.path, b"1", {**headers, "webhook-signature": others}).status_code == 401


@pytest.mark.parametrize(("seconds", "status"), [(-301, 401), (-299, 202), (0, 202), (299, 202), (301, 401)])
def test_five_minutes_are_tolerated_in_either_direction(desk: Desk, seconds: int, status: int) -> None:
    hook = desk.open()
    headers = hook.sign(b"1", id="msg_1", at=desk.now() + seconds)
    assert desk.send(hook.path, b"1", headers).status_code == status


def test_the_clock_is_the_platforms(desk: Desk, clock: ShiftableClock) -> None:
    hook = desk.open()
    headers = hook.sign(b"1", id="msg_1", at=desk.now())
    clock.advance(timedelta(minutes=6))
    assert desk.send(hook.path, b"1", headers).status_code == 401


HOSTILE: dict[str, Callable[[dict[str, str]], dict[str, str]]] = {
    "no headers": lambda given: {},
    "no id": lambda given: {**given, "webhook-id": ""},
    "another id": lambda given: {**given, "webhook-id": "msg_2"},
    "an id with a full stop": lambda given: {**given, "webhook-id": "msg.1"},
    "a huge id": lambda given: {**given, "webhook-id": "a" * 100_000},
    "an id of other letters": lambda given: {**given, "webhook-id": "msg_\xfc"},
    "another timestamp": lambda given: {**given, "webhook-timestamp": str(int(given["webhook-timestamp"]) + 1)},
    "a timestamp with a sign": lambda given: {**given, "webhook-timestamp": "+" + given["webhook-timestamp"]},
    "a timestamp with spaces": lambda given: {
        **given,
        "webhook-timestamp": f"{given['webhook-timestamp'][:5]} {given['webhook-timestamp'][5:]}",
    },
    "a timestamp with a fraction": lambda given: {**given, "webhook-timestamp": given["webhook-timestamp"] + ".0"},
    "a timestamp that is no number": lambda given: {**given, "webhook-timestamp": "nan"},
    "a huge timestamp": lambda given: {**given, "webhook-timestamp": "9" * 5000},
    "a timestamp in other digits": lambda given: {**given, "webhook-timestamp": "\xb2\xb3"},
    "an empty signature": lambda given: {**given, "webhook-signature": ""},
    "a signature without its version": lambda given: {**given, "webhook-signature": given["webhook-signature"][3:]},
    "a signature of another version": lambda given: {
        **given,
        "webhook-signature": "v2" + given["webhook-signature"][2:],
    },
    "a signature in other letters": lambda given: {**given, "webhook-signature": "v1,\xfc\xff"},
    "a huge signature": lambda given: {**given, "webhook-signature": "v1," + "A" * 1_000_000},
    "ten thousand signatures": lambda given: {**given, "webhook-signature": f"v1,{'A' * 44} " * 10_000},
    "a signature in other base64": lambda given: {**given, "webhook-signature": given["webhook-signature"].rstrip("=")},
}


@pytest.mark.parametrize("what", HOSTILE)
def test_whatever_else_comes_is_refused(desk: Desk, what: str) -> None:
    hook = desk.open()
    given = hook.sign(b"1", id="msg_1", at=desk.now())
    answer = desk.send(hook.path, b"1", HOSTILE[what](given))
    assert (answer.status_code, answer.headers["Content-Type"]) == (401, "application/problem+json")
    assert count(desk, webhook_deliveries) == 0


def test_an_id_with_a_full_stop_is_refused_though_it_is_signed(desk: Desk) -> None:
    """Else a part of the id could be taken for the timestamp, and one signature be worth two deliveries."""
    assert desk.deliver(desk.open(), b"1", id="msg.1").status_code == 401


ADDRESSES = ["wh_", "nothing", "wh_" + "A" * 64, "wh_" + "%C3%BC" * 64, "a" * 5000, "%00", "wh_" + "A" * 63 + "%0A"]


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_that_leads_nowhere_is_not_found(desk: Desk, address: str) -> None:
    path = f"/api/v1/webhooks/{address}"
    answer = desk.deliver(Hook(path, standard.new_secret()), b"1")
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")


def test_an_address_that_leads_nowhere_costs_the_same_work(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    hook, digest = desk.open(), standard._digest
    digests: list[int] = []

    def counted(key: bytes, id: str, timestamp: str, body: bytes) -> bytes:
        digests.append(len(body))
        return digest(key, id, timestamp, body)

    monkeypatch.setattr(standard, "_digest", counted)
    for path in (hook.path, hook.path[:-4] + "AAAA", "/api/v1/webhooks/nothing"):
        digests.clear()
        desk.deliver(Hook(path, standard.new_secret()), b"1")
        assert len(digests) == 1


def test_the_address_of_a_plugin_that_is_disabled_leads_nowhere(desk: Desk) -> None:
    hook = desk.open()
    desk.app.integrations.declared = {}
    assert desk.deliver(hook, b"1").status_code == 404


# Replays


def test_a_replay_is_answered_and_has_no_second_effect(desk: Desk) -> None:
    hook = desk.open()
    headers = hook.sign(b"once", id="msg_1", at=desk.now())
    answers = [desk.send(hook.path, b"once", headers) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 202]
    assert [answer.json["duplicate"] for answer in answers] == [False, True, True]
    assert desk.work() == 1
    assert len(desk.effects()) == 1


def test_an_id_of_one_endpoint_is_none_of_anothers(desk: Desk) -> None:
    for hook in (desk.open(), desk.open(desk.globex)):
        assert desk.deliver(hook, b"1", id="msg_1").json == {"duplicate": False}


def test_a_hundred_deliveries_of_one_id_at_once_have_one_effect(desk: Desk) -> None:
    hook = desk.open()
    headers = hook.sign(b"once", id="msg_1", at=desk.now())
    begin = threading.Barrier(20)

    def send(number: int) -> Any:
        if number < 20:
            begin.wait()
        return desk.send(hook.path, b"once", headers)

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(send, range(100)))
    assert {answer.status_code for answer in answers} == {202}
    assert [answer.json["duplicate"] for answer in answers].count(False) == 1
    assert desk.work() == 1
    assert len(desk.effects()) == 1


# Bounds


def test_a_body_may_be_as_large_as_the_integration_says(desk: Desk) -> None:
    hook = desk.open()
    assert desk.deliver(hook, b"x" * 1000).status_code == 202
    assert desk.deliver(hook, b"x" * 1001).status_code == 413
    assert count(desk, webhook_deliveries) == 1


def test_too_many_deliveries_are_told_when_to_come_back(desk: Desk) -> None:
    hook = desk.open()
    answers = [desk.deliver(hook, b"1").status_code for _ in range(150)]
    assert set(answers) == {202}
    refused = [answer for answer in (desk.deliver(hook, b"1") for _ in range(20)) if answer.status_code == 429]
    assert refused
    assert int(refused[0].headers["Retry-After"]) >= 1
    assert desk.deliver(desk.open(desk.globex), b"1").status_code == 202


def test_what_is_not_signed_takes_nothing_from_what_the_sender_may_send(desk: Desk) -> None:
    hook = desk.open()
    for _ in range(160):
        assert desk.deliver(Hook(hook.path, standard.new_secret()), b"1").status_code == 401
    assert desk.deliver(hook, b"1").status_code == 202


def test_deliveries_are_taken_while_they_cant_be_counted(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    hook = desk.open()

    def away(*_: object, **__: object) -> None:
        raise LimitsUnavailable("the store is away")

    monkeypatch.setattr(desk.app.limits, "take", away)
    assert desk.deliver(hook, b"1").status_code == 202


def test_a_secret_that_cant_be_read_asks_the_sender_to_come_again(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    hook = desk.open()
    with desk.app.database.write(desk.acme.organisation_id, SYSTEM) as unit:
        unit.execute(integration_secrets.update().values(envelope="v1:0123456789abcdef:AAAA"))
    answer = desk.deliver(hook, b"1")
    assert answer.status_code == 503
    assert "Retry-After" in answer.headers
    assert "previous_secrets" in caplog.text


# Handling


def test_handling_is_tried_again_and_the_delivery_keeps_its_id(
    desk: Desk, distributions: Distributions, clock: ShiftableClock
) -> None:
    desk.deliver(desk.open(), b"later")
    desk.work()
    clock.advance(timedelta(hours=1))
    desk.work()
    first, second = handled(distributions)[-2:]
    assert first.id == second.id
    assert count(desk, webhook_bodies) == 1


def test_no_body_and_no_secret_is_in_a_log_or_in_a_jobs_errors(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    hook = desk.open()
    with caplog.at_level(logging.DEBUG):
        desk.deliver(hook, b"broken zq-body-of-a-delivery")
        desk.deliver(Hook(hook.path, standard.new_secret()), b"zq-body-of-a-delivery")
        desk.work()
    rows = desk.app.database.read(None).rows(sa.select(jobs))
    assert "RuntimeError" in str(rows)
    assert "zq-body" not in caplog.text + str(rows)
    assert hook.secret not in caplog.text + str(rows)


def test_a_delivery_for_a_plugin_that_is_gone_waits_in_the_dead_set(desk: Desk) -> None:
    desk.deliver(desk.open(), b"1")
    declared, desk.app.integrations.declared = desk.app.integrations.declared, {}
    desk.work()
    (job,) = desk.app.database.read(None).rows(sa.select(jobs).where(jobs.c.kind == "integrations.delivery"))
    assert job.state == "dead"
    assert "'help_desk': enable it, then replay this job" in str(job.errors)
    from bharat.work.dead import replay

    desk.app.integrations.declared = declared
    replay(desk.app.database, desk.app.catalogue.jobs)
    desk.work()
    assert desk.effects() == [b"1"]


def test_a_job_that_runs_again_after_it_was_done_does_nothing(desk: Desk, distributions: Distributions) -> None:
    desk.deliver(desk.open(), b"1")
    desk.work()
    with desk.app.database.write(None, SYSTEM) as unit:
        unit.execute(jobs.update().values(state="ready", finished_at=None))
    assert desk.work() == 1
    assert len(handled(distributions)) == 1


# Sweeping


def test_bodies_are_kept_until_they_are_handled_and_a_week_longer(desk: Desk, clock: ShiftableClock) -> None:
    hook = desk.open()
    desk.deliver(hook, b"1")
    clock.advance(8 * DAY)
    sweep(desk.app)
    assert count(desk, webhook_bodies) == 1
    desk.work()
    clock.advance(6 * DAY)
    sweep(desk.app)
    assert count(desk, webhook_bodies) == 1
    clock.advance(2 * DAY)
    sweep(desk.app)
    assert (count(desk, webhook_bodies), count(desk, webhook_deliveries)) == (0, 1)


def test_what_could_not_be_handled_is_not_kept_for_ever(desk: Desk, clock: ShiftableClock) -> None:
    desk.deliver(desk.open(), b"never")
    desk.work()
    clock.advance(99 * DAY)
    sweep(desk.app)
    assert count(desk, webhook_bodies) == 1
    clock.advance(2 * DAY)
    sweep(desk.app)
    assert count(desk, webhook_bodies) == 0


def test_ids_and_closed_endpoints_and_expired_secrets_are_forgotten_at_last(desk: Desk, clock: ShiftableClock) -> None:
    hook = desk.open()
    desk.open()
    desk.deliver(hook, b"1")
    desk.work()
    clock.advance(2 * DAY)
    assert count(desk, integration_secrets) == 2
    sweep(desk.app)
    assert count(desk, integration_secrets) == 1
    desk.acme.delete(f"{DESK}/webhook")
    clock.advance(100 * DAY)
    sweep(desk.app)
    assert (count(desk, webhook_deliveries), count(desk, webhook_endpoints)) == (1, 1)
    clock.advance(31 * DAY)
    sweep(desk.app)
    assert (count(desk, webhook_deliveries), count(desk, webhook_endpoints)) == (0, 0)


def test_an_open_endpoint_is_never_swept(desk: Desk, clock: ShiftableClock) -> None:
    hook = desk.open()
    clock.advance(1000 * DAY)
    sweep(desk.app)
    assert desk.deliver(hook, b"1").status_code == 202


def test_githubs_signature_is_made_as_it_says() -> None:
    """The vector above, made here: the plugin of these tests does what GitHub's documentation says."""
    made = hmac.new(b"It's a Secret to Everybody", b"Hello, World!", hashlib.sha256).hexdigest()
    assert made == "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
