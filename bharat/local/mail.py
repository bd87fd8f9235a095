"""The mail providers `file` and `console`, and how a message becomes an RFC 5322 mail."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Any, TextIO

from bharat.contracts.mail import MailRefused, MailUnavailable, Message
from bharat.contracts.platform import Clock, Platform
from bharat.local.options import OutboxOptions

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
    """Write the mail. Raises `MailRefused` for a line break in a header or address, for an address that is not exactly one
    mailbox, for a malformed message id and for a header that the message's own fields set."""
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
    return mail


def _encoding(text: str) -> str | None:
    """As it stands where lines are short enough for SMTP (RFC 5321, 4.5.3.1.6), so that whoever opens the file reads its links
    whole; what is longer is left to be encoded."""
    if any(len(line.encode("utf-8", "replace")) > _LONGEST_LINE for line in _LINE_ENDS.split(text)):
        return None
    return "7bit" if text.isascii() else "8bit"


def _check_mailbox(name: str, header: Any) -> None:
    boxes = header.addresses
    if len(boxes) != 1 or not boxes[0].username or not boxes[0].domain or header.defects:
        raise MailRefused(f"the header {name} must hold exactly one address, name@domain")


class Outbox:
    """Writes each mail into a folder as `<name>.eml`, for development and tests. The name follows from the message id, and a
    message sent again changes nothing."""

    deduplicates = True

    def __init__(self, options: OutboxOptions, platform: Platform) -> None:
        self._folder: Path = platform.home / (options.folder or "outbox")
        self._clock = platform.clock

    def send(self, message: Message) -> None:
        content = compose(message, self._clock).as_bytes()
        aside = self._folder / f".{secrets.token_hex(8)}.part"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                # A mail may carry a link that logs in: whatever the folder, only its owner may read it.
                with open(aside, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                # A link, unlike a rename, does not replace what is there: the first copy stays.
                with suppress(FileExistsError):
                    os.link(aside, self._folder / self.file_name(message.message_id))
            finally:
                aside.unlink(missing_ok=True)
        except OSError as error:
            raise MailUnavailable(f"the outbox {self._folder} can't be written: {error.strerror}") from error

    @property
    def folder(self) -> Path:
        """The folder of mails; it is made with the first one."""
        return self._folder

    @staticmethod
    def file_name(message_id: str) -> str:
        """Readable, and different for different ids."""
        readable = re.sub(r"[^A-Za-z0-9@._-]", "_", message_id)[:80].lstrip(".")
        return f"{readable}-{hashlib.sha256(message_id.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}.eml"

    def close(self) -> None:
        return None


class Console:
    """Prints each mail, readable, between two lines of dashes. For development: a mail may carry a link that logs in."""

    deduplicates = False
    rule = "-" * 72
    html_follows = "- " * 12 + "as HTML" + " -" * 12

    def __init__(self, clock: Clock, stream: TextIO | None = None) -> None:
        self._clock = clock
        self._stream = stream
        self._lock = threading.Lock()

    def send(self, message: Message) -> None:
        text = "\n".join(self._lines(compose(message, self._clock)))
        try:
            with self._lock:
                stream = self._stream or sys.stdout
                stream.write(f"{self.rule}\n{text}\n{self.rule}\n")
                stream.flush()
        except (OSError, ValueError) as error:  # ValueError: the stream is closed, or its encoding can't say this
            raise MailUnavailable(f"the mail can't be printed: {error}") from error

    @staticmethod
    def _lines(mail: EmailMessage) -> Iterable[str]:
        for name, value in mail.items():
            if name.lower() not in ("content-type", "content-transfer-encoding", "mime-version"):
                yield f"{name}: {value}"
        for kind in ("plain", "html"):
            part = mail.get_body(preferencelist=(kind,))
            if part is not None:
                yield "" if kind == "plain" else Console.html_follows
                yield part.get_content().replace("\r\n", "\n").rstrip("\n")

    def close(self) -> None:
        return None
