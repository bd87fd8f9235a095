"""The suite of the capability, over TLS and with a login, against a real mail server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from bharat.contracts.mail import Mail, MailRefused, Message
from bharat.testing.mail import Delivered, Deliveries, MailSuite
from bharat.testing.suite import CutOff
from bharat_local_servers import SmtpSink
from bharat_mail_smtp.mail import SmtpMail

Build = Callable[..., SmtpMail]


class TestSmtp(MailSuite):
    @pytest.fixture
    def mail(self, build: Build, sink: SmtpSink, login: dict[str, str]) -> Mail:
        return build(sink.port, **login)

    @pytest.fixture
    def deliveries(self, sink: SmtpSink) -> Deliveries:
        return lambda: [Delivered.parse(mail.content) for mail in sink.mails()]

    @pytest.fixture(params=["stopped", "stalled"])
    def cut_off(self, request: pytest.FixtureRequest, sink: SmtpSink) -> Iterator[CutOff]:
        yield sink.stop if request.param == "stopped" else sink.pause
        sink.resume()

    def test_the_envelope_is_that_of_the_message(self, mail: Mail, message: Message, sink: SmtpSink) -> None:
        mail.send(replace(message, recipient="Ann <ann@example.com>"))
        (received,) = sink.mails()
        assert (received.sender, received.recipients) == ("crm@bharat.example", ("ann@example.com",))
        assert (received.tls, received.user) == (True, "bharat@example.com")

    @pytest.mark.parametrize(
        "text",
        ["a\n.\nMAIL FROM:<x@y>\nb", "a\r.\rMAIL FROM:<x@y>\rb", "a\r\n.\r\nMAIL FROM:<x@y>\r\nb", "ü\n.\r\nQUIT\n"],
    )
    def test_no_text_ends_the_mail_and_begins_another(
        self, mail: Mail, message: Message, sink: SmtpSink, text: str
    ) -> None:
        """SMTP smuggling: line ends are CRLF whatever the text has, and a dot that begins a line is doubled."""
        mail.send(replace(message, text=text, html=f"<p>{text}</p>"))
        (received,) = sink.mails()
        assert b"\r" not in received.content.replace(b"\r\n", b"")
        assert b"\n" not in received.content.replace(b"\r\n", b"")
        assert Delivered.parse(received.content).text == "\n".join(text.splitlines())

    def test_an_address_in_any_script_arrives(self, mail: Mail, message: Message, sink: SmtpSink) -> None:
        mail.send(replace(message, recipient="Jörg <jörg@bücher.example>"))
        (received,) = sink.mails()
        assert received.recipients == ("jörg@bücher.example",)
        assert "SMTPUTF8" in received.options
        assert Delivered.parse(received.content).headers["to"] == "Jörg <jörg@bücher.example>"

    def test_a_server_without_smtputf8_is_not_asked_to_take_such_an_address(
        self, build: Build, message: Message
    ) -> None:
        with SmtpSink(smtputf8=False) as plain:
            mail = build(plain.port, tls="none")
            with pytest.raises(MailRefused, match="SMTPUTF8"):
                mail.send(replace(message, recipient="jörg@example.com"))
            mail.send(replace(message, recipient="Jörg <j@example.com>"))  # a name is encoded
            (received,) = plain.mails()
            assert "SMTPUTF8" not in received.options

    def test_what_is_readable_on_the_way_is_sent_as_eight_bits(
        self, mail: Mail, message: Message, sink: SmtpSink
    ) -> None:
        mail.send(replace(message, text="Grüße"))
        (received,) = sink.mails()
        assert "BODY=8BITMIME" in received.options
        assert "Grüße".encode() in received.content


@pytest.mark.parametrize("tls", ["implicit", "none"])
def test_a_login_over_the_other_kinds_of_connection(
    build: Build, request: pytest.FixtureRequest, login: dict[str, str], tls: str
) -> None:
    certificate = request.getfixturevalue("certificate") if tls == "implicit" else None
    with SmtpSink(tls=tls, certificate=certificate, **login) as other:  # type: ignore[arg-type] # a parameter is a str
        build(other.port, tls=tls, **login).send(
            Message("a@b.example", "crm@bharat.example", "ann@example.com", "Hello", "Hello")
        )
        (received,) = other.mails()
    assert (received.tls, received.user) == (tls == "implicit", login["user"])
