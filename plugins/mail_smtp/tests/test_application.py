"""Invitations and new passwords through a real mail server, with the whole application."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa

from bharat.app import Bharat
from bharat.data.clock import OffsetClock
from bharat.testing.mail import Delivered
from bharat.testing.platform import ShiftableClock
from bharat.work.tables import jobs
from bharat_local_servers import Certificate, SmtpSink
from tests.accounts.site import NEW_PASSWORD, PASSWORD, Site
from tests.fixtures.application import OpenSite
from tests.fixtures.scripted_smtp import ScriptedServer

NEW, AGENT = "new@acme.example", "agent@acme.example"
OpenMailing = Callable[..., Site]


@pytest.fixture
def open_mailing(open_site: OpenSite) -> OpenMailing:
    """The application with two organisations, sending its mails to `localhost:port`."""

    def opener(port: int, **environ: str) -> Site:
        made = open_site(
            "mail_smtp",
            BHARAT_MAIL__PROVIDER="smtp",
            BHARAT_ACCOUNTS__MAIL_SENDER="Acme CRM <crm@acme.example>",
            SMTP_HOST="localhost",
            SMTP_PORT=str(port),
            **environ,
        )
        assert isinstance(made.app, Bharat)
        return Site(made.app)

    return opener


@pytest.fixture
def site(open_mailing: OpenMailing, sink: SmtpSink, certificate: Certificate, login: dict[str, str]) -> Site:
    return open_mailing(
        sink.port,
        BHARAT_MAIL__SMTP__CA_FILE=str(certificate.authority),
        SMTP_USER=login["user"],
        SMTP_PASSWORD=login["password"],
    )


def token_in(text: str) -> str:
    found = re.search(r"^http://testserver/\S+#token=(\S+)$", text, re.MULTILINE)
    assert found is not None, text
    return found[1]


def states(site: Site) -> list[str]:
    statement = sa.select(jobs.c.state).where(jobs.c.kind == "accounts.mail")
    return [str(row.state) for row in site.app.database.read(None).rows(statement)]


def test_an_invitation_arrives_and_its_link_works(site: Site, sink: SmtpSink) -> None:
    assert site.browser("admin@acme.example").post("/invitations", {"email": NEW, "name": "Nadia"}).status_code == 201
    assert sink.mails() == [], "a request sends nothing itself"
    site.work()
    (received,) = sink.mails()
    assert (received.sender, received.recipients, received.tls) == ("crm@acme.example", (NEW,), True)
    mail = Delivered.parse(received.content)
    assert (mail.headers["from"], mail.headers["to"]) == ("Acme CRM <crm@acme.example>", NEW)
    assert mail.headers["subject"] == "Invitation to Acme"
    body = {"token": token_in(mail.text), "password": NEW_PASSWORD}
    assert site.browser().post("/invitations/accept", body).status_code == 201
    assert site.browser().log_in(NEW, NEW_PASSWORD).status_code == 200


def test_a_link_for_a_new_password_arrives_and_works(site: Site, sink: SmtpSink) -> None:
    assert site.browser().post("/password-resets", {"email": AGENT}).status_code == 204
    site.work()
    (received,) = sink.mails()
    body = {"token": token_in(Delivered.parse(received.content).text), "password": NEW_PASSWORD}
    assert site.browser().post("/password-resets/confirm", body).status_code == 204
    assert site.browser().log_in(AGENT, NEW_PASSWORD).status_code == 200
    assert site.browser().log_in(AGENT, PASSWORD).status_code == 401


def test_a_mail_waits_for_a_server_that_is_down_and_keeps_its_id(
    site: Site, sink: SmtpSink, clock: OffsetClock
) -> None:
    sink.stop()
    site.browser().post("/password-resets", {"email": AGENT})
    site.work()
    assert states(site) == ["scheduled"]
    sink.start()
    clock.offset += timedelta(hours=1) - timedelta(minutes=1)  # past the wait, before the link ends
    site.work()
    (received,) = sink.mails()
    assert states(site) == ["done"]
    assert Delivered.parse(received.content).headers["message-id"].endswith("@testserver>")


@pytest.mark.parametrize(("answer", "state"), [("550 5.1.1 no such user", "dead"), ("450 4.2.0 later", "scheduled")])
def test_a_refused_mail_is_given_up_and_one_put_off_is_tried_again(
    open_mailing: OpenMailing, answer: str, state: str
) -> None:
    with ScriptedServer({"RCPT": [answer]}) as server:
        site = open_mailing(server.port, BHARAT_MAIL__SMTP__TLS="none")
        site.browser().post("/password-resets", {"email": AGENT})
        site.work()
        assert states(site) == [state]
        assert server.taken == []


def test_health_tells_of_the_server(site: Site, sink: SmtpSink, clock: ShiftableClock) -> None:
    def found() -> tuple[int, str]:
        answer = site.client.simulate_get("/api/health")
        (part,) = (each for each in answer.json["checks"] if each["name"] == "mail")
        return answer.status_code, part["status"]

    assert found() == (200, "ok")
    sink.stop()
    clock.advance(timedelta(minutes=1))  # what was found is told again for a while
    assert found() == (200, "degraded")
