"""Nothing is sent to a server that is not proven to be the one meant; each refusal with its mutant."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import bharat_mail_smtp.mail
from bharat.contracts.errors import ConfigError
from bharat.contracts.mail import MailUnavailable, Message
from bharat_local_servers import Certificate, SmtpSink, make_certificate
from bharat_mail_smtp.mail import SmtpMail
from bharat_mail_smtp.options import SmtpOptions
from bharat_mail_smtp.session import Session, _Smtp
from tests.fixtures.scripted_smtp import Conversation, ScriptedServer

Build = Callable[..., SmtpMail]
MESSAGE = Message("a@b.example", "crm@bharat.example", "ann@example.com", "Hello", "A link that logs in")


def unverified(change: Callable[[ssl.SSLContext], None]) -> Callable[[SmtpOptions], ssl.SSLContext]:
    """A mutant of `context_of` that leaves something out."""
    real = bharat_mail_smtp.mail.context_of

    def context_of(options: SmtpOptions) -> ssl.SSLContext:
        context = real(options)
        change(context)
        return context

    return context_of


def trust_every_authority(context: ssl.SSLContext) -> None:
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE


def trust_every_name(context: ssl.SSLContext) -> None:
    context.check_hostname = False


def allow_old_protocols(context: ssl.SSLContext) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("DEFAULT:@SECLEVEL=0")


@pytest.fixture
def stranger(build: Build, sink: SmtpSink, login: dict[str, str], tmp_path: Path) -> Callable[[], None]:
    """Sends to a server whose certificate is of an authority that we don't know."""
    unknown = make_certificate(tmp_path, "localhost").authority
    return lambda: build(sink.port, ca_file=str(unknown), **login).send(MESSAGE)


@pytest.fixture
def misnamed(build: Build, sink: SmtpSink, login: dict[str, str]) -> Callable[[], None]:
    """Sends to a server whose certificate is for another name."""
    return lambda: build(sink.port, host="127.0.0.1", **login).send(MESSAGE)


def test_a_certificate_of_an_unknown_authority_is_refused(stranger: Callable[[], None], sink: SmtpSink) -> None:
    """Protected by `verify_mode` in `ssl.create_default_context`."""
    with pytest.raises(MailUnavailable, match=r"can't be trusted: self-signed certificate; see mail\.smtp\.host"):
        stranger()
    assert sink.mails() == []


def test_mutant_that_verifies_nothing_sends_to_anybody(
    stranger: Callable[[], None], sink: SmtpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bharat_mail_smtp.mail, "context_of", unverified(trust_every_authority))
    stranger()
    assert len(sink.mails()) == 1


def test_a_certificate_for_another_name_is_refused(misnamed: Callable[[], None], sink: SmtpSink) -> None:
    """Protected by `check_hostname` in `ssl.create_default_context`."""
    with pytest.raises(MailUnavailable, match=r"can't be trusted: IP address mismatch"):
        misnamed()
    assert sink.mails() == []


def test_mutant_that_looks_at_no_name_sends_to_anybody(
    misnamed: Callable[[], None], sink: SmtpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bharat_mail_smtp.mail, "context_of", unverified(trust_every_name))
    misnamed()
    assert len(sink.mails()) == 1


@pytest.fixture
def old_server(certificate: Certificate) -> ScriptedServer:
    """Speaks TLS 1.1 and nothing newer."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.server)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    return ScriptedServer(context=context)


def test_a_server_that_knows_only_old_tls_is_refused(build: Build, old_server: ScriptedServer) -> None:
    """Protected by `minimum_version` in `context_of`."""
    with old_server, pytest.raises(MailUnavailable, match="agree on no TLS"):
        build(old_server.port).send(MESSAGE)
    assert old_server.taken == []


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_mutant_without_a_least_version_speaks_old_tls(
    build: Build, old_server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bharat_mail_smtp.mail, "context_of", unverified(allow_old_protocols))
    with old_server:
        build(old_server.port).send(MESSAGE)
        assert len(old_server.taken) == 1


def test_without_starttls_nothing_is_sent(build: Build, login: dict[str, str]) -> None:
    """Somebody on the way hides that the server offers it, and would be glad of a login in the clear. Protected by the refusal in
    `Session._start_tls`."""
    with ScriptedServer(offers=["AUTH PLAIN"]) as server:
        with pytest.raises(MailUnavailable, match=r"offers no STARTTLS, or somebody on the way hides it"):
            build(server.port, **login).send(MESSAGE)
        assert server.verbs() == ["EHLO"]


def test_mutant_that_does_without_tells_password_and_mail_to_whoever_listens(
    build: Build, login: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Session, "_start_tls", lambda self: None)
    with ScriptedServer(offers=["AUTH PLAIN"]) as server:
        build(server.port, **login).send(MESSAGE)
        assert "AUTH" in server.verbs()
        assert b"A link that logs in" in server.taken[0]


def with_more(talk: Conversation) -> None:
    talk.socket.sendall(b"220 go ahead\r\n250 what somebody on the way adds\r\n")


@pytest.fixture
def server_context(certificate: Certificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.server)
    return context


def test_what_is_slipped_in_before_tls_is_not_taken_for_the_servers(
    build: Build, server_context: ssl.SSLContext
) -> None:
    """Protected by `waiting` in `Session._start_tls`."""
    with ScriptedServer({"STARTTLS": [with_more]}, context=server_context) as server:
        with pytest.raises(MailUnavailable, match="sent more than its answer to STARTTLS"):
            build(server.port).send(MESSAGE)
        assert server.verbs() == ["EHLO", "STARTTLS"]


def test_mutant_that_does_not_look_goes_on(
    build: Build, server_context: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Smtp, "waiting", False)
    with ScriptedServer({"STARTTLS": [with_more]}, context=server_context) as server:
        build(server.port).send(MESSAGE)
        assert len(server.taken) == 1


def test_what_was_offered_before_tls_counts_no_more(build: Build, server_context: ssl.SSLContext) -> None:
    """RFC 3207, 4.2: somebody on the way may have said it."""

    script = {"EHLO": [lambda talk: talk.offer("STARTTLS", "8BITMIME"), lambda talk: talk.offer()]}
    with ScriptedServer(script, context=server_context) as server:
        build(server.port).send(MESSAGE)
        (begun,) = (line for _, line in server.commands if line.upper().startswith("MAIL"))
        assert begun.upper() == "MAIL FROM:<CRM@BHARAT.EXAMPLE>"


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_of_authorities_that_can_t_be_used_stops_the_start(
    build: Build, tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match=r"mail\.smtp\.ca_file can't be used: .*ca\.pem"):
        build(25, ca_file=str(path))


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_the_system_s_authorities_are_trusted_unless_others_are_named(tls: Any) -> None:
    context = bharat_mail_smtp.mail.context_of(SmtpOptions(host="smtp.example.com", tls=tls))
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
