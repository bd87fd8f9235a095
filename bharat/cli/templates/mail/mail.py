"""Mails in a Maildir of this machine, which any mail program opens. They are sent to nobody."""

from __future__ import annotations

import mailbox
import re
import threading
from datetime import datetime
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

from bharat.contracts.mail import MailRefused, MailUnavailable, Message
from bharat.contracts.platform import Platform

from bharat.cli.templates.mail import NewPluginOptions

_HEADER_NAME = re.compile(r"[!-9;-~]{1,70}")
_MESSAGE_ID = re.compile(r"[^\s<>@\x00-\x1f\x7f]+@[^\s<>@\x00-\x1f\x7f]+")
_BREAKS = re.compile(r"[\r\n\x00\v\f\x1c-\x1e\x85\u2028\u2029]")


class NewPluginMail:
    """See `bharat.contracts.mail.Mail`. `_deliver` is where your service is asked."""

    deduplicates = False

    def __init__(self, options: NewPluginOptions, platform: Platform) -> None:
        folder = platform.home / options.folder
        folder.parent.mkdir(parents=True, exist_ok=True)
        self._maildir = mailbox.Maildir(folder)
        self._clock = platform.clock
        self._lock = threading.Lock()

    def send(self, message: Message) -> None:
        self._deliver(compose(message, self._clock.now()))

    def close(self) -> None:
        self._maildir.close()

    def _deliver(self, mail: EmailMessage) -> None:
        try:
            with self._lock:
                self._maildir.add(mail.as_bytes())
        except OSError as error:
            raise MailUnavailable(f"The Maildir can't be written: {error.strerror}") from error


def compose(message: Message, at: datetime) -> EmailMessage:
    """The mail in RFC 5322 form. Raises `MailRefused` for what is not one address, and for a line break in a header: it would add
    headers of its own."""
    fields = {
        "From": message.sender,
        "To": message.recipient,
        "Subject": message.subject,
        "Message-ID": f"<{message.message_id}>",
        **message.headers,
    }
    if not _MESSAGE_ID.fullmatch(message.message_id):
        raise MailRefused("The message id is not of the form left@right.")
    mail = EmailMessage(policy=policy.SMTP)
    try:
        for name, value in fields.items():
            if not _HEADER_NAME.fullmatch(name) or _BREAKS.search(value):
                raise MailRefused(f"The header {name[:80]!r} holds what a header can't.")
            mail[name] = value
        mail["Date"] = format_datetime(at)
        mail.set_content(message.text)
        if message.html is not None:
            mail.add_alternative(message.html, subtype="html")
    except (ValueError, LookupError) as error:  # LookupError: the parser of addresses stumbles over "a@"
        raise MailRefused(f"The message can't be written as a mail: {error}") from error
    for name in ("From", "To"):
        _check_mailbox(name, mail[name])
    return mail


def _check_mailbox(name: str, header: Any) -> None:
    boxes = header.addresses
    if len(boxes) != 1 or not boxes[0].username or not boxes[0].domain or header.defects:
        raise MailRefused(f"The header {name} must hold exactly one address, name@domain.")
