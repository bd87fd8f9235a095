"""The mail providers `file` and `console`."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from email.message import EmailMessage
from pathlib import Path
from typing import TextIO

from bharat.contracts.mail import MailUnavailable, Message
from bharat.contracts.mime import compose
from bharat.contracts.platform import Clock, Platform
from bharat.local.options import OutboxOptions


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
