"""The conformance suite of the capability `mail`."""

from __future__ import annotations

import email
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from email import policy
from uuid import uuid4

import pytest

from bharat.contracts.mail import Mail, MailRefused, MailUnavailable, Message
from bharat.testing.suite import CutOff, Suite, needs_cut_off, not_given, together


@dataclass(frozen=True, slots=True)
class Delivered:
    """A mail as it arrived. `headers` has every header, decoded, by lower-case name; line ends are `\\n`."""

    headers: Mapping[str, str]
    text: str
    html: str | None

    @classmethod
    def parse(cls, raw: bytes) -> Delivered:
        """Read a mail in RFC 5322 form."""
        mail = email.message_from_bytes(raw, policy=policy.default)
        bodies = []
        for kind in ("plain", "html"):
            part = mail.get_body(preferencelist=(kind,))
            bodies.append(None if part is None else str(part.get_content()).replace("\r\n", "\n").rstrip("\n"))
        return cls({name.lower(): str(value) for name, value in mail.items()}, bodies[0] or "", bodies[1])


Deliveries = Callable[[], Sequence[Delivered]]

FIELDS = ["sender", "recipient", "subject", "message_id", "header name", "header value"]
BREAKS = ["\n", "\r", "\r\n", "\n "]

BAD_ADDRESSES = [
    "",
    " ",
    "nobody",
    "a@",
    "@example.com",
    "a@example.com, b@example.com",
    "a b@example.com",
    "<>",
    "a@b@c",
]

TEXTS = [
    pytest.param(text, id=title)
    for title, text in {
        "unicode": "Grüße – 報告 🗂",
        "dots": ".\n..\n.leading dot\n",
        "from": "From the start of a line\n>From a quoted one",
        "long line": "word " * 1000,
        "long unicode line": "ü" * 3000,
        "blank lines": "\n\na\n\n\nb",
        "boundary": "--==\n--\n-- \nsignature",
        "header-like": "Subject: not a header\nBcc: nobody@example.com\n\nx",
    }.items()
]


class MailSuite(Suite):
    """Everything that `bharat.contracts.mail` promises. Override `mail` and `deliveries`; `cut_off` for a server that can go
    away."""

    @pytest.fixture
    def mail(self) -> Mail:
        raise not_given("mail", "MailSuite")

    @pytest.fixture
    def deliveries(self) -> Deliveries:
        """A function that returns every mail delivered so far, in any order."""
        raise not_given("deliveries", "MailSuite")

    @pytest.fixture
    def message(self) -> Message:
        return Message(
            message_id=f"{uuid4()}@bharat.example",
            sender="Bharat <crm@bharat.example>",
            recipient="ann@example.com",
            subject="A task is due",
            text="Call Ann.",
        )

    def arrived(self, deliveries: Deliveries, count: int = 1) -> list[Delivered]:
        self.eventually(lambda: len(deliveries()) >= count, f"{count} mails arrive")
        return list(deliveries())

    def test_a_mail_arrives(self, mail: Mail, message: Message, deliveries: Deliveries) -> None:
        mail.send(message)
        (arrived,) = self.arrived(deliveries)
        assert arrived.headers["from"] == "Bharat <crm@bharat.example>"
        assert arrived.headers["to"] == "ann@example.com"
        assert arrived.headers["subject"] == "A task is due"
        assert (arrived.text, arrived.html) == ("Call Ann.", None)
        assert arrived.headers["date"]

    def test_a_mail_may_have_html_beside_its_text(self, mail: Mail, message: Message, deliveries: Deliveries) -> None:
        mail.send(replace(message, html="<p>Call <b>Änn</b>.</p>"))
        (arrived,) = self.arrived(deliveries)
        assert (arrived.text, arrived.html) == ("Call Ann.", "<p>Call <b>Änn</b>.</p>")

    @pytest.mark.parametrize("text", TEXTS)
    def test_a_text_arrives_as_it_was_written(
        self, mail: Mail, message: Message, deliveries: Deliveries, text: str
    ) -> None:
        mail.send(replace(message, text=text))
        (arrived,) = self.arrived(deliveries)
        assert arrived.text == text.rstrip("\n")

    @pytest.mark.parametrize("subject", ["Grüße 報告 🗂", "ü" * 300, "a: b; c", "x" * 900, ""])
    def test_a_subject_arrives_as_it_was_written(
        self, mail: Mail, message: Message, deliveries: Deliveries, subject: str
    ) -> None:
        mail.send(replace(message, subject=subject))
        (arrived,) = self.arrived(deliveries)
        assert arrived.headers["subject"] == subject

    def test_names_may_be_in_any_script(self, mail: Mail, message: Message, deliveries: Deliveries) -> None:
        mail.send(
            replace(
                message,
                sender="भारत <crm@bharat.example>",
                recipient='"Jörg, Dr." <jörg@example.com>'.replace("jörg@", "j@"),
            )
        )
        (arrived,) = self.arrived(deliveries)
        assert arrived.headers["from"] == "भारत <crm@bharat.example>"
        assert arrived.headers["to"] == '"Jörg, Dr." <j@example.com>'

    def test_headers_arrive(self, mail: Mail, message: Message, deliveries: Deliveries) -> None:
        mail.send(replace(message, headers={"List-Unsubscribe": "<https://bharat.example/u/1>", "X-Kind": "ü"}))
        (arrived,) = self.arrived(deliveries)
        assert arrived.headers["list-unsubscribe"] == "<https://bharat.example/u/1>"
        assert arrived.headers["x-kind"] == "ü"

    # The message id.

    def test_the_message_id_is_kept(self, mail: Mail, message: Message, deliveries: Deliveries) -> None:
        mail.send(message)
        assert self.arrived(deliveries)[0].headers["message-id"] == f"<{message.message_id}>"

    def test_a_mail_sent_again_carries_the_same_id(self, mail: Mail, message: Message, deliveries: Deliveries) -> None:
        for _ in range(3):
            mail.send(message)
        arrived = self.arrived(deliveries, 1 if mail.deduplicates else 3)
        assert {one.headers["message-id"] for one in arrived} == {f"<{message.message_id}>"}
        assert len(arrived) == (1 if mail.deduplicates else 3)

    def test_mails_of_different_ids_all_arrive(self, mail: Mail, message: Message, deliveries: Deliveries) -> None:
        ids = [
            "a@bharat.example",
            "A@bharat.example",
            "a/b@bharat.example",
            "a_b@bharat.example",
            "x" * 200 + "@b.example",
        ]
        for message_id in ids:
            mail.send(replace(message, message_id=message_id))
        arrived = self.arrived(deliveries, len(ids))
        assert sorted(one.headers["message-id"] for one in arrived) == sorted(f"<{one}>" for one in ids)

    def test_mails_sent_at_once_all_arrive(self, mail: Mail, message: Message, deliveries: Deliveries) -> None:
        together(
            10,
            lambda number: mail.send(replace(message, message_id=f"{number}.{message.message_id}", text=str(number))),
        )
        arrived = self.arrived(deliveries, 10)
        assert sorted((one.headers["message-id"], one.text) for one in arrived) == [
            (f"<{number}.{message.message_id}>", str(number)) for number in range(10)
        ]

    # Refusals.

    @pytest.mark.parametrize("line_break", BREAKS, ids=repr)
    @pytest.mark.parametrize("field", FIELDS)
    def test_nobody_adds_headers_by_a_line_break(
        self, mail: Mail, message: Message, deliveries: Deliveries, field: str, line_break: str
    ) -> None:
        evil = f"x{line_break}Bcc: victim@example.com"
        bad = {
            "sender": replace(message, sender=f"{evil} <crm@bharat.example>"),
            "recipient": replace(message, recipient=f"ann@example.com{line_break}Bcc: victim@example.com"),
            "subject": replace(message, subject=evil),
            "message_id": replace(message, message_id=f"a@b.example>{line_break}Bcc: victim@example.com"),
            "header name": replace(message, headers={evil: "x"}),
            "header value": replace(message, headers={"X-Kind": evil}),
        }[field]
        with pytest.raises(MailRefused):
            mail.send(bad)
        mail.send(message)
        (arrived,) = self.arrived(deliveries)
        assert "bcc" not in arrived.headers

    @pytest.mark.parametrize("address", BAD_ADDRESSES)
    def test_what_is_not_one_address_is_refused(
        self, mail: Mail, message: Message, deliveries: Deliveries, address: str
    ) -> None:
        with pytest.raises(MailRefused):
            mail.send(replace(message, recipient=address))
        assert list(deliveries()) == []

    def test_a_server_that_does_not_answer_is_unavailable(
        self, mail: Mail, message: Message, cut_off: CutOff | None
    ) -> None:
        needs_cut_off(cut_off)()
        with pytest.raises(MailUnavailable):
            mail.send(message)

    def test_closing_twice_is_once(self, mail: Mail) -> None:
        mail.close()
        mail.close()

    def test_closing_fails_for_no_backend(self, mail: Mail, cut_off: CutOff | None) -> None:
        needs_cut_off(cut_off)()
        mail.close()
