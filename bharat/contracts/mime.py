"""How a message becomes a mail (RFC 5322): the same for every backend, whatever it does with the mail."""

from __future__ import annotations

import re
from email import policy
from email.errors import NonASCIILocalPartDefect
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

from bharat.contracts.mail import MailRefused, Message
from bharat.contracts.platform import Clock

_HEADER_NAME = re.compile(r"[!-9;-~]{1,70}")
_MESSAGE_ID = re.compile(r"[^\s<>@\x00-\x1f\x7f]+@[^\s<>@\x00-\x1f\x7f]+")
_BREAKS = re.compile(r"[\r\n\x00\v\f\x1c-\x1e\x85\u2028\u2029]")
_LINE_ENDS = re.compile(r"\r\n|\r|\n")
_LONGEST_LINE = 998
_OURS = frozenset(
    {
        "from",
        "to",
        "cc",
        "bcc",
        "subject",
        "date",
        "message-id",
        "mime-version",
        "content-type",
        "content-transfer-encoding",
    }
)


def compose(message: Message, clock: Clock) -> EmailMessage:
    """Write the mail; its `Date` is the clock's. Raises `MailRefused` for a line break in a header or address, for an address that
    is not exactly one mailbox, for a malformed message id and for a header that the message's own fields set.

    Headers are ASCII, other characters encoded (RFC 2047), unless an address itself is not ASCII: nothing can encode that, so
    the mail's headers are UTF-8 then (RFC 6532), and its `policy.utf8` says so. `address_of` reads the addresses."""
    fields = {
        "From": message.sender,
        "To": message.recipient,
        "Subject": message.subject,
        "Message-ID": f"<{message.message_id}>",
    }
    for name, value in [*fields.items(), *message.headers.items()]:
        if not _HEADER_NAME.fullmatch(name):
            raise MailRefused(f"{name[:80]!r} is not the name of a header")
        if _BREAKS.search(value):
            raise MailRefused(f"the header {name} holds a line break")
    taken = [name for name in message.headers if name.lower() in _OURS]
    if taken:
        raise MailRefused(f"the header {taken[0]} is set from the message's own fields")
    if not _MESSAGE_ID.fullmatch(message.message_id):
        raise MailRefused("the message id is not of the form left@right (RFC 5322, 3.6.4)")
    mail = EmailMessage(policy=policy.SMTP)
    try:
        for name, value in [*fields.items(), *message.headers.items()]:
            mail[name] = value
        mail["Date"] = format_datetime(clock.now())
        mail.set_content(message.text, cte=_encoding(message.text))
        if message.html is not None:
            mail.add_alternative(message.html, subtype="html", cte=_encoding(message.html))
    except (ValueError, LookupError) as error:  # LookupError: the parser of addresses stumbles over "a@"
        raise MailRefused(f"the message can't be written as a mail: {error}") from error
    for name in ("From", "To"):
        _check_mailbox(name, mail[name])
    if not (address_of(mail, "From") + address_of(mail, "To")).isascii():
        mail.policy = policy.SMTPUTF8
    return mail


def address_of(mail: EmailMessage, header: str) -> str:
    """The one address in `From` or `To` of a mail that `compose` wrote, without the name before it: `ann@example.com`."""
    return str(mail[header].addresses[0].addr_spec)


def _encoding(text: str) -> str | None:
    """As it stands where lines are short enough for SMTP (RFC 5321, 4.5.3.1.6), so that whoever opens the file reads its links
    whole; what is longer is left to be encoded."""
    if any(len(line.encode("utf-8", "replace")) > _LONGEST_LINE for line in _LINE_ENDS.split(text)):
        return None
    return "7bit" if text.isascii() else "8bit"


def _check_mailbox(name: str, header: Any) -> None:
    boxes = header.addresses
    defects = [defect for defect in header.defects if not isinstance(defect, NonASCIILocalPartDefect)]
    if len(boxes) != 1 or not boxes[0].username or not boxes[0].domain or defects:
        raise MailRefused(f"the header {name} must hold exactly one address, name@domain")
