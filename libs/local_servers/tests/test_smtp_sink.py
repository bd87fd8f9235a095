import importlib.util
import smtplib
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from bharat_local_servers import Certificate, ServerUnavailable, SmtpSink, make_certificate

MAIL = b"From: a@b.example\r\nTo: ann@example.com\r\nSubject: Hello\r\n\r\n.dots\r\n"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"), "localhost", "127.0.0.1")


@pytest.fixture
def sink(certificate: Certificate) -> Iterator[SmtpSink]:
    with SmtpSink(tls="starttls", certificate=certificate, user="u", password="p") as server:
        yield server


def trusting(certificate: Certificate) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificate.authority)


def test_it_keeps_each_mail_with_its_envelope_over_a_restart(sink: SmtpSink, certificate: Certificate) -> None:
    for name in ("ann", "bob"):
        with smtplib.SMTP("127.0.0.1", sink.port, timeout=10) as client:
            client.starttls(context=trusting(certificate))
            client.login("u", "p")
            client.sendmail("a@b.example", [f"{name}@example.com"], MAIL)
        sink.restart()
    ann, bob = sink.mails()
    assert (ann.sender, ann.recipients, ann.tls, ann.user) == ("a@b.example", ("ann@example.com",), True, "u")
    assert ann.content == MAIL
    assert bob.recipients == ("bob@example.com",)
    assert ann.connection != bob.connection
    sink.clear()
    assert sink.mails() == []


def test_it_takes_nothing_without_tls_and_login(sink: SmtpSink, certificate: Certificate) -> None:
    with smtplib.SMTP("127.0.0.1", sink.port, timeout=10) as client:
        with pytest.raises(smtplib.SMTPSenderRefused, match="530"):
            client.sendmail("a@b.example", ["ann@example.com"], MAIL)
        client.starttls(context=trusting(certificate))
        with pytest.raises(smtplib.SMTPSenderRefused, match="530"):
            client.sendmail("a@b.example", ["ann@example.com"], MAIL)
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.login("u", "wrong")


def test_tls_may_begin_at_once(certificate: Certificate) -> None:
    with (
        SmtpSink(tls="implicit", certificate=certificate) as server,
        smtplib.SMTP_SSL("localhost", server.port, timeout=10, context=trusting(certificate)) as client,
    ):
        assert server.url.startswith("smtps://")
        client.sendmail("a@b.example", ["ann@example.com"], MAIL)
        assert [mail.tls for mail in server.mails()] == [True]


def test_tls_and_a_certificate_belong_together(certificate: Certificate) -> None:
    with pytest.raises(ValueError, match="certificate"):
        SmtpSink(tls="implicit")
    with pytest.raises(ValueError, match="certificate"):
        SmtpSink(certificate=certificate)


def test_what_is_missing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ServerUnavailable, match="pip install 'bharat-local-servers"):
        SmtpSink()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServerUnavailable, match="apt-get install openssl"):
        make_certificate(tmp_path)
